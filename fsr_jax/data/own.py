"""The user's own images: a folder tree, a manifest, or arrays."""

import csv
import os
import pathlib
from typing import NamedTuple

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images import Files, encoded
from fsr_jax.errors import InputError, check

SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff",
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


def folder(config) -> Data:
  """root/CLASS/.../*.jpg, or root/train/CLASS/... beside root/test/CLASS/...

  Args:
    config: `config.data`; its `path` is the root.

  Returns:
    Data; a class is named as its folder, an image's id is its path below the
    root. Files whose suffix is none of SUFFIXES are left out.

  Raises:
    InputError: no such folder, no image, an unreadable folder.
  """
  root = existing(config.path, "folder")
  check(root.is_dir(), f"data.path={root} is not a folder")
  parts = {child.name.lower(): child for child in root.iterdir()}
  train = [parts[name] for name in _TRAIN if name in parts]
  test = [parts[name] for name in _TEST if name in parts]
  if train:
    check(
        len(train) == 1 and len(test) <= 1,
        f"data.path={root} has several folders for one part:"
        f" {', '.join(p.name for p in train + test)}",
    )
    found = [("train", train[0])] + [("test", p) for p in test]
  else:
    found = [("", root)]
  rows = [
      (str(path), path.relative_to(base).parts[0],
       path.relative_to(root).as_posix(), part)
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


def images_below(base: pathlib.Path) -> list[pathlib.Path]:
  """Images in the class folders below `base`, sorted; links are followed."""
  found, seen = [], set()

  def fail(error):
    raise InputError(f"cannot read folder {error.filename} ({error.strerror})")

  for where, folders, files in os.walk(base, onerror=fail, followlinks=True):
    status = os.stat(where)
    if (status.st_dev, status.st_ino) in seen:  # A loop of links.
      folders.clear()
      continue
    seen.add((status.st_dev, status.st_ino))
    folders[:] = sorted(f for f in folders if not f.startswith("."))
    if pathlib.Path(where) == base:
      continue  # A file beside the class folders has no class.
    found += [
        pathlib.Path(where, name)
        for name in sorted(files)
        if not name.startswith(".") and name.lower().endswith(SUFFIXES)
    ]
  return found


def manifest(config) -> Data:
  """A table with the columns path, label[, clean_label][, split][, id].

  Args:
    config: `config.data`; its `path` is a .csv or .parquet file. Relative
      paths in it are below the folder that it lies in; `split` is train or
      test (val, validation too).

  Returns:
    Data; classes are the values of `label` (and `clean_label`), sorted, as
    numbers where all of them are. An image's id is `id`, else its `path`.

  Raises:
    InputError: no such file, a column is missing, an id is twice in it, a
      split has another name.
  """
  file = existing(config.path, "manifest")
  columns = read_table(file, required=("path", "label"))
  part = np.array([_part(file, p) for p in columns.get("split", [])], str)
  path = [str(file.parent / p) for p in columns["path"]]
  clean = columns.get("clean_label")
  return _from_listing(
      config,
      Listing(
          path=np.array(path),
          label=np.array(columns["label"]),
          id=np.array(columns.get("id", columns["path"])),
          clean_label=None if clean is None else np.array(clean),
          part=part if part.size else np.full(len(path), ""),
      ),
      file,
  )


def _part(file, name: str) -> str:
  for part, names in (("train", _TRAIN), ("test", _TEST)):
    if name.strip().lower() in names:
      return part
  raise InputError(f"{file}: split {name!r}; expected train or test")


def read_table(
    file: pathlib.Path, required: tuple[str, ...]
) -> dict[str, list[str]]:
  """Columns of a .csv or .parquet file, every value as text.

  Args:
    file: read as UTF-8 where it is no .parquet file.
    required: columns that must be there.

  Returns:
    {column: values}, all of one length, at least 1.

  Raises:
    InputError: unreadable, a required column is missing, ragged or empty.
  """
  try:
    if file.suffix == ".parquet":
      columns = _parquet(file)
    else:
      with open(file, newline="", encoding="utf-8-sig") as lines:
        rows = list(csv.reader(lines, strict=True))
      rows = [row for row in rows if row]
      header = [name.strip() for name in rows[0]] if rows else []
      for number, row in enumerate(rows[1:], start=2):
        check(
            len(row) == len(header),
            f"{file}, row {number}: {len(row)} values; the header has"
            f" {len(header)} columns",
        )
      columns = {n: list(v) for n, v in zip(header, zip(*rows[1:]))}
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    raise InputError(f"cannot read {file} ({error})") from error
  missing = [name for name in required if not columns.get(name)]
  check(
      not missing,
      f"{file} has no column {', '.join(missing)} or no rows; it has:"
      f" {', '.join(columns) or 'nothing'}",
  )
  return columns


def _parquet(file):
  try:
    # Imported here: only this format needs it, and it is large.
    from pyarrow import ArrowInvalid, parquet
  except ImportError as error:
    raise InputError(
        f"{file}: reading Parquet needs pyarrow (pip install pyarrow); or use"
        " a .csv file"
    ) from error
  try:
    table = parquet.read_table(file)
  except ArrowInvalid as error:
    raise InputError(f"cannot read {file} ({error})") from error
  return {
      name: [str(value) for value in table[name].to_pylist()]
      for name in table.column_names
  }


def class_names_of(*labels) -> tuple[str, ...]:
  """The different values, sorted; as numbers where all of them are."""
  names = sorted({str(x) for values in labels if values is not None
                  for x in values})
  numeric = all(name.isascii() and name.isdecimal() for name in names)
  return tuple(sorted(names, key=int) if numeric else names)


def existing(path: str | None, dataset: str) -> pathlib.Path:
  check(
      bool(path), f"data.path is missing: where is the {dataset}?"
  )
  path = pathlib.Path(path).expanduser()
  check(path.exists(), f"data.path={path} does not exist")
  return path


def _from_listing(config, listing: Listing, where: pathlib.Path) -> Data:
  """Opens no image."""
  repeated, count = np.unique(listing.id, return_counts=True)
  check(
      count.max() == 1,
      f"{where}: {repeated[count.argmax()]} is there {count.max()} times;"
      " expected every image once",
  )
  names = class_names_of(listing.label, listing.clean_label)
  index = {name: c for c, name in enumerate(names)}
  label, clean_label = (
      None if x is None else np.array([index[str(v)] for v in x], np.int32)
      for x in (listing.label, listing.clean_label)
  )
  files, is_test = Files(listing.path), listing.part == "test"
  if not is_test.any():
    is_test = set_aside(label, len(names), config.test_share)
  train, test = (
      Split(
          encoded(files, config, training), label, clean_label, listing.id
      ).take(np.flatnonzero(is_test != training))
      for training in (True, False)
  )
  return Data(train, test, names)


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
