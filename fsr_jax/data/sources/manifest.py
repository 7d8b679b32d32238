"""The user's images in a list of files."""

import dataclasses
import os
import pathlib

import numpy as np

from fsr_jax.data.dataset import Data
from fsr_jax.data.labels.values import TABLE
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.listing import Listing, existing, from_listing
from fsr_jax.data.sources.parts import parts_of
from fsr_jax.data.table import read_table
from fsr_jax.errors import check


def manifest(options: DataOptions) -> Data:
  """A table with the columns path, label[, clean_label][, split][, id].

  Args:
    options: their `path` is a table (`read_table`). Relative paths in it are
      below the folder that it lies in; `split` is train, val or test, or what
      train_split, val_split and test_split say. A clean_label
      that is missing or -1 says that the label is wrong.

  Returns:
    Data; classes are the values of `label` (and `clean_label`), sorted, as
    numbers where all of them are. An image's id is `id`, else its `path`.

  Raises:
    InputError: no such file, a column is missing, a label is missing, an id is
      twice in it, a split has another name.
  """
  file = existing(options.path, "manifest")
  table = read_table(file, required=("path", "label"))
  columns = table.columns
  clean = columns.get("clean_label")
  listing = Listing(
    path=np.array(places(file, columns["path"])),
    label=np.array(columns["label"], object),
    id=np.array(columns.get("id", columns["path"])),
    clean_label=None if clean is None else np.array(clean, object),
    part=np.full(len(columns["path"]), ""),
  )
  if "split" in columns:
    part = parts_of(file, columns["split"], options)
    listing = listing._replace(part=part)
  data = from_listing(options, listing, file, TABLE)
  return dataclasses.replace(data, notes=table.note(file) + data.notes)


def places(file: pathlib.Path, paths: list[str]) -> list[str]:
  """Where the files of a table are.

  Args:
    file: the table.
    paths: as they are written there; a path as Windows writes it is the same
      path.

  Raises:
    InputError: a path of another machine, or none.
  """
  found = []
  for position, text in enumerate(paths):
    path = file.parent / text
    if "\\" in text and not path.exists():
      windows = pathlib.PureWindowsPath(text)
      check(
        os.name == "nt" or not windows.drive,
        f"{file}, {TABLE.name(position)}: {text} is a path of another machine;"
        " write paths as they are below the folder of this file, e.g."
        f" {'/'.join(windows.parts[-2:])}",
      )
      path = file.parent / windows.as_posix()
    check(
      "\0" not in text and text != "",
      f"{file}, {TABLE.name(position)}: path {text!r} is none",
    )
    found.append(str(path))
  return found
