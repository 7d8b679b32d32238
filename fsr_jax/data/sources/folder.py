"""The user's images in a tree of folders."""

import os
import pathlib

import numpy as np

from fsr_jax.data.dataset import Data
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.listing import (
  TEST,
  TRAIN,
  Listing,
  existing,
  from_listing,
)
from fsr_jax.errors import InputError, check

SUFFIXES = (
  ".jpg",
  ".jpeg",
  ".jfif",
  ".png",
  ".webp",
  ".bmp",
  ".gif",
  ".tif",
  ".tiff",
)


def folder(options: DataOptions) -> Data:
  """root/CLASS/.../*.jpg, or root/train/CLASS/... beside root/test/CLASS/...

  Args:
    options: their `path` is the root, `test_split` the test folder where
      there are several.

  Returns:
    Data; a class is named as its folder, an image's id is its path below the
    root. Files whose suffix is none of SUFFIXES are left out.

  Raises:
    InputError: no such folder, no image, an unreadable folder, folders that
      are neither classes nor parts.
  """
  root = existing(options.path, "folder")
  check(root.is_dir(), f"data.path={root} is not a folder")
  found = _parts(root, options.test_split) or [("", root)]
  rows = [
    (
      str(path),
      path.relative_to(base).parts[0],
      path.relative_to(root).as_posix(),
      part,
    )
    for part, base in found
    for path in images_below(base)
  ]
  check(
    bool(rows),
    f"no images under {root}; expected {root}/CLASS/IMAGE with a suffix"
    f" among {' '.join(SUFFIXES)}",
  )
  path, label, name, part = (np.array(column) for column in zip(*rows))
  return from_listing(options, Listing(path, label, name, None, part), root)


def _parts(
  root: pathlib.Path, test_split: str | None
) -> list[tuple[str, pathlib.Path]]:
  """[(part, folder)] where root has parts; [] where it has classes.

  A folder without folders is a class, whatever it is called: a train is a
  vehicle too.
  """
  folders = sorted(_folders(root))
  named = {
    part: [
      root / name
      for name in folders
      if (name.lower() in names or (name, part) == (test_split, "test"))
      and _folders(root / name)
    ]
    for part, names in (("train", TRAIN), ("test", TEST))
  }
  if test_split and named["train"]:
    named["test"] = [f for f in named["test"] if f.name == test_split]
    check(
      bool(named["test"]),
      f"data.test_split={test_split}: there is no such folder in {root}",
    )
  for part, several in named.items():
    check(
      len(several) <= 1,
      f"data.path={root} has several folders for the {part} part:"
      f" {', '.join(f.name for f in several)}"
      + ("; choose one by data.test_split" if part == "test" else ""),
    )
  if not named["train"]:
    return []
  others = [name for name in folders if root / name not in named["train"]]
  check(
    bool(named["test"]) or not others,
    f"data.path={root} has {named['train'][0].name}/ with folders of its own"
    f" beside {', '.join(others)}; expected folders of classes, or"
    " train/CLASS beside test/CLASS",
  )
  return [(part, f) for part, found in named.items() for f in found]


def _folders(folder: pathlib.Path) -> list[str]:
  """Names of the folders in `folder`, without hidden ones."""
  try:
    with os.scandir(folder) as entries:
      return [e.name for e in entries if e.is_dir() and e.name[0] != "."]
  except OSError as error:
    raise InputError(
      f"cannot read folder {folder} ({error.strerror})"
    ) from error


def _is_image(name: str) -> bool:
  return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def images_below(base: pathlib.Path) -> list[pathlib.Path]:
  """Images in the class folders below `base`, sorted; links are followed."""
  found: list[pathlib.Path] = []
  above: dict[str, frozenset[tuple[int, int]]] = {}

  def fail(error):
    raise InputError(f"cannot read folder {error.filename} ({error.strerror})")

  for where, folders, files in os.walk(base, onerror=fail, followlinks=True):
    status = os.stat(where)
    here = (status.st_dev, status.st_ino)
    # Folders from the base down to this one; two links to one folder are two.
    line = above.get(os.path.dirname(where), frozenset())
    if here in line:  # A loop of links.
      folders.clear()
      continue
    above[where] = line | {here}
    folders[:] = sorted(f for f in folders if not f.startswith("."))
    if pathlib.Path(where) == base:
      continue  # A file beside the class folders has no class.
    found += [
      pathlib.Path(where, name) for name in sorted(files) if _is_image(name)
    ]
  return found
