"""The user's images in a list of files."""

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
from fsr_jax.data.table import read_table
from fsr_jax.errors import check


def manifest(options: DataOptions) -> Data:
  """A table with the columns path, label[, clean_label][, split][, id].

  Args:
    options: their `path` is a .csv or .parquet file. Relative paths in it are
      below the folder that it lies in; `split` is train or test (val,
      validation too), `test_split` which of several is tested. A clean_label
      that is missing or -1 says that the label is wrong.

  Returns:
    Data; classes are the values of `label` (and `clean_label`), sorted, as
    numbers where all of them are. An image's id is `id`, else its `path`.

  Raises:
    InputError: no such file, a column is missing, a label is missing, an id is
      twice in it, a split has another name.
  """
  file = existing(options.path, "manifest")
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
    part = _part_of(file, split, options.test_split)
    listing = listing._replace(part=part).take(np.flatnonzero(part != "other"))
  return from_listing(options, listing, file)


def _part_of(
  file: pathlib.Path, split: np.ndarray, test_split: str | None
) -> np.ndarray:
  """ "train", "test" or "other" for each value of `split`, str [N]."""
  part = {}
  for name in np.unique(split).tolist():
    if name.lower() in TRAIN:
      part[name] = "train"
    else:
      check(
        name.lower() in TEST or name == test_split,
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
