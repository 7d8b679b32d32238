"""metadata.csv or metadata.jsonl in a folder: which label each picture has.

The form in which Hugging Face's ImageFolder takes labels: a row for each
picture, its place below the folder in file_name, its class in label.
"""

import functools
import os
import pathlib
from typing import NamedTuple

import numpy as np

from fsr_jax.data.labels.values import TABLE, Rows
from fsr_jax.data.sources.listing import Listing
from fsr_jax.data.sources.parts import OTHER
from fsr_jax.data.sources.tree import Tree
from fsr_jax.data.table import SUFFIXES, Table, read_table
from fsr_jax.errors import check

_NAME = "metadata"


class Labelled(NamedTuple):
  """The pictures that such files name.

  Attributes:
    listing: Listing, whose ids are places below the root.
    rows: how those of the files are counted.
    note: where the labels are from, a sentence.
  """

  listing: Listing
  rows: Rows
  note: str

  def notes(self, trees: list[Tree]) -> list[str]:
    """What is said of such files, a sentence each.

    Args:
      trees: what lies in the parts.
    """
    listed = set(self.listing.path.tolist())
    missing = [
      path
      for tree in trees
      for path in (*tree.images, *tree.beside)
      if os.path.normpath(path) not in listed
    ]
    if not missing:
      return [self.note]
    more = (
      f"{len(missing)} pictures have no row there and are left out, e.g."
      f" {missing[0]}"
    )
    return [self.note, more]


def file_of(folder: pathlib.Path) -> pathlib.Path | None:
  """The file in `folder` that says the labels of its pictures, if any.

  Raises:
    InputError: there are several, or it cannot be read.
  """
  there = [folder / (_NAME + suffix) for suffix in SUFFIXES]
  labelled = [
    file for file in there if file.is_file() and "label" in _read(file).columns
  ]
  check(
    len(labelled) <= 1,
    f"{folder} has several files of labels:"
    f" {', '.join(file.name for file in labelled)}; expected one",
  )
  return labelled[0] if labelled else None


def labelled(
  root: pathlib.Path, parts: dict[str, pathlib.Path]
) -> Labelled | None:
  """The pictures that such files name, in a root or in each of its parts.

  Args:
    root: folder.
    parts: {part: folder}, of layout.Layout.

  Returns:
    Labelled, or None where there are no such files.

  Raises:
    InputError: unreadable, a column is missing, a part has none while others
      have.
  """
  above = file_of(root)
  files = [above] if above else [file_of(f) for f in parts.values()]
  found = [file for file in files if file]
  if not found:
    return None
  check(
    None not in files,
    f"{found[0]} says what the pictures of its folder show, but"
    f" {', '.join(map(str, parts.values()))} have not all such a file",
  )
  tables = [_read(file) for file in found]
  for file, table in zip(found, tables):
    check(
      "path" in table.columns,
      f"{file} has no column file_name; it has: {', '.join(table.columns)}",
    )
  path = [
    os.path.normpath(file.parent / place)
    for file, table in zip(found, tables)
    for place in table.columns["path"]
  ]
  listing = Listing(
    path=np.array(path),
    label=_column(tables, "label"),
    id=np.array([os.path.relpath(p, root) for p in path]),
    clean_label=_column(tables, "clean_label")
    if all("clean_label" in table.columns for table in tables)
    else None,
    part=np.array([_part_of(p, parts) for p in path]),
  )
  taken = [np.arange(len(table.columns["path"])) for table in tables]
  called = tables[0].called.get("label", "label")
  return Labelled(
    listing,
    TABLE._replace(taken=np.concatenate(taken)),
    f"labels are those of {', '.join(map(str, found))}, column {called}",
  )


def _column(tables: list[Table], name: str) -> np.ndarray:
  values = [value for table in tables for value in table.columns[name]]
  return np.array(values, object)


def _part_of(path: str, parts: dict[str, pathlib.Path]) -> str:
  below = pathlib.Path(path).parents
  return next((p for p, f in parts.items() if f in below), OTHER)


def _read(file: pathlib.Path) -> Table:
  status = file.stat()
  return _read_once(file, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _read_once(file: pathlib.Path, *stamp: int) -> Table:
  del stamp  # Of a file that is written anew meanwhile.
  return read_table(file, required=())
