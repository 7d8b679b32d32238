"""The user's own images: a folder tree, a manifest, or arrays."""

import os
import pathlib
from typing import NamedTuple

import numpy as np

from fsr_jax.data.classes import check_ids, class_names_of, indices
from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images import Files, encoded
from fsr_jax.data.table import read_table
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
# Names of the parts, most usual first.
_TRAIN, _TEST = ("train", "training"), ("test", "val", "valid", "validation")


class Listing(NamedTuple):
  """Labelled files before any is opened.

  Attributes:
    path: str [N].
    label: class names, str [N].
    id: str [N].
    clean_label: class names, str [N], or None.
    part: "train", "test" or "" (not said), str [N].
  """

  path: np.ndarray
  label: np.ndarray
  id: np.ndarray
  clean_label: np.ndarray | None
  part: np.ndarray

  def take(self, index: np.ndarray) -> "Listing":
    """The files at `index`, int [M]."""
    return Listing(*(None if x is None else x[index] for x in self))


def folder(config) -> Data:
  """root/CLASS/.../*.jpg, or root/train/CLASS/... beside root/test/CLASS/...

  Args:
    config: `config.data`; its `path` is the root, `test_split` the test folder
      where there are several.

  Returns:
    Data; a class is named as its folder, an image's id is its path below the
    root. Files whose suffix is none of SUFFIXES are left out.

  Raises:
    InputError: no such folder, no image, an unreadable folder, folders that
      are neither classes nor parts.
  """
  root = existing(config.path, "folder")
  check(root.is_dir(), f"data.path={root} is not a folder")
  found = _parts(root, config.test_split) or [("", root)]
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
  return _from_listing(config, Listing(path, label, name, None, part), root)


def _parts(root: pathlib.Path, test_split: str | None):
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
    for part, names in (("train", _TRAIN), ("test", _TEST))
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
  found, above = [], {}

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


def manifest(config) -> Data:
  """A table with the columns path, label[, clean_label][, split][, id].

  Args:
    config: `config.data`; its `path` is a .csv or .parquet file. Relative
      paths in it are below the folder that it lies in; `split` is train or
      test (val, validation too), `test_split` which of several is tested. A
      clean_label that is missing or -1 says that the label is wrong.

  Returns:
    Data; classes are the values of `label` (and `clean_label`), sorted, as
    numbers where all of them are. An image's id is `id`, else its `path`.

  Raises:
    InputError: no such file, a column is missing, a label is missing, an id is
      twice in it, a split has another name.
  """
  file = existing(config.path, "manifest")
  columns = read_table(file, required=("path", "label"))
  path = [str(file.parent / p) for p in columns["path"]]
  clean = columns.get("clean_label")
  listing = Listing(
    path=np.array(path),
    label=np.array(columns["label"]),
    id=np.array(columns.get("id", columns["path"])),
    clean_label=None if clean is None else np.array(clean),
    part=np.full(len(path), ""),
  )
  if "split" in columns:
    split = np.array(columns["split"])
    part = _part_of(file, split, config.test_split)
    listing = listing._replace(part=part).take(np.flatnonzero(part != "other"))
  return _from_listing(config, listing, file)


def _part_of(file, split: np.ndarray, test_split: str | None) -> np.ndarray:
  """ "train", "test" or "other" for each value of `split`, str [N]."""
  part = {}
  for name in np.unique(split).tolist():
    if name.lower() in _TRAIN:
      part[name] = "train"
    else:
      check(
        name.lower() in _TEST or name == test_split,
        f"{file}: split {name!r}; expected train or test",
      )
      part[name] = "test" if test_split in (None, name) else "other"
  tests = [name for name, p in part.items() if p == "test"]
  check(
    len(tests) <= 1,
    f"{file} has several splits for the test part: {', '.join(tests)}; choose"
    " one by data.test_split",
  )
  return np.array([part[name] for name in split])


def existing(path: str | None, dataset: str) -> pathlib.Path:
  check(bool(path), f"data.path is missing: where is the {dataset}?")
  path = pathlib.Path(path).expanduser()
  check(path.exists(), f"data.path={path} does not exist")
  return path


def _from_listing(config, listing: Listing, where: pathlib.Path) -> Data:
  """Opens no image."""
  check_ids(where, listing.id)
  names = class_names_of(listing.label, listing.clean_label)
  label = indices(where, "label", listing.label, names)
  clean_label = indices(where, "clean_label", listing.clean_label, names)
  files, is_test = Files(listing.path), listing.part == "test"
  check(not is_test.all(), f"{where} has a test part and no training part")
  aside = not is_test.any()
  if aside:
    is_test = set_aside(label, len(names), config.test_share)
  train, test = (
    Split(
      encoded(files, config, training), label, clean_label, listing.id
    ).take(np.flatnonzero(is_test != training))
    for training in (True, False)
  )
  return Data(train, test, names, test_set_aside=aside)


def set_aside(label: np.ndarray, num_classes: int, share: float) -> np.ndarray:
  """Chooses a test part, the same for every seed.

  Args:
    label: int32 [N].
    num_classes: C.
    share: fraction 0-1 of every class; of a class of two or more at least one.

  Returns:
    bool [N], True for the test part.

  Raises:
    InputError: nothing is left for one of the two parts.
  """
  rng = np.random.default_rng(0)
  is_test = np.zeros(label.size, bool)
  for c in range(num_classes):
    members = rng.permutation(np.flatnonzero(label == c))
    size = min(max(1, round(share * members.size)), members.size - 1)
    is_test[members[: max(0, size)]] = True
  check(
    share > 0 and is_test.any() and not is_test.all(),
    f"data.test_share={share} of {label.size} examples leaves no test or no"
    " training part",
  )
  return is_test
