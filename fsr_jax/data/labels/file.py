"""Training labels from a file of their own, for any source."""

import dataclasses
import pathlib

import numpy as np

from fsr_jax.data.dataset import Split
from fsr_jax.data.labels.classes import (
  by_number_or_name,
  check_ids,
  indices,
  renamed,
)
from fsr_jax.data.table import read_table
from fsr_jax.errors import InputError, check


def replace(split: Split, path: str, class_names: tuple[str, ...]) -> Split:
  """The split with the labels of a file.

  Args:
    split: training examples, all of the source.
    path: .npz, .csv or .parquet file with label, optional clean_label and
      optional id (or path). Labels are numbers 0..C-1 or names of classes; a
      file with class_names says with them what its numbers mean. Rows are
      matched by id where both the file and the source have ids, else by
      position. A clean_label that is missing or -1 says that the label is
      wrong. Without clean_label the true labels are those that the source
      knows, if any.
    class_names: of the C classes.

  Returns:
    Split.

  Raises:
    InputError: unreadable, of another length, an unknown label, an id that is
      missing or twice in it, ids under another name.
  """
  file = pathlib.Path(path).expanduser()
  columns = _read(file)
  count = len(columns["label"])
  order = np.arange(count)
  ids = columns.get("id", columns.get("path"))
  if ids is not None and split.id is not None:
    order = _match(file, ids.astype(str), split.id)
  else:
    _check_no_ids(file, columns, split.id)
    check(
      count == len(split),
      f"{file} has {count} labels for {len(split)} training examples;"
      " expected one each",
    )
  found = {}
  for name in ("label", "clean_label"):
    if name in columns:
      values = columns[name][order]
      if "class_names" in columns:
        values = renamed(values, columns["class_names"])
      found[name] = indices(
        file,
        name,
        values,
        by_number_or_name(class_names),
        unknown=name == "clean_label",
      )
  return dataclasses.replace(split, **found)


def _check_no_ids(
  file: pathlib.Path, columns: dict[str, np.ndarray], ids: np.ndarray | None
) -> None:
  """Refuses to match by position what could be matched by id."""
  if ids is None:
    return
  for name, values in columns.items():
    known = float(np.isin(values.astype(str), ids).mean()) if values.size else 0
    check(
      known < 0.5 or name in ("label", "clean_label"),
      f"{file}: {name} looks like the ids of the examples; call it id, so"
      " that rows are matched by it",
    )


def _read(file: pathlib.Path) -> dict[str, np.ndarray]:
  if file.suffix != ".npz":
    table = read_table(file, required=("label",))
    return {name: np.array(column) for name, column in table.items()}
  try:
    with np.load(file) as archive:
      columns = {name: archive[name] for name in archive.files}
  # NumPy raises many types for what is no archive of arrays.
  except Exception as error:
    reason = " ".join(str(error).split())[:200]
    raise InputError(f"cannot read {file} ({reason})") from error
  check(
    "label" in columns,
    f"{file} has no array label; it has: {', '.join(columns) or 'none'}",
  )
  for name in ("label", "clean_label", "id"):
    values = columns.get(name)
    check(
      values is None or values.shape == (columns["label"].size,) != (0,),
      f"{file}: {name} has not one value for each label",
    )
  return columns


def _match(
  file: pathlib.Path, in_file: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
  """Row of the file for each wanted id, int64 [N]."""
  check_ids(file, in_file)
  by_id = np.argsort(in_file)
  ordered = in_file[by_id]
  place = np.searchsorted(ordered, wanted).clip(max=len(ordered) - 1)
  missing = wanted[ordered[place] != wanted]
  check(
    not missing.size,
    f"{file} has no label for {missing.size} of {len(wanted)} training"
    f" examples, e.g. {missing[0] if missing.size else ''}; its ids look"
    f" like {in_file[0]}",
  )
  return by_id[place]
