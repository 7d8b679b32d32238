"""Training labels from a file of their own, for any source."""

from collections.abc import Sequence
import dataclasses
from decimal import Decimal
import pathlib

import numpy as np

from fsr_jax import archives
from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.labels import classes
from fsr_jax.data.labels.classes import Vocabulary
from fsr_jax.data.labels.column import column, texts
from fsr_jax.data.labels.values import ARRAY, TABLE, Rows, Value
from fsr_jax.data.table import read_table
from fsr_jax.errors import check
from fsr_jax.files import place


def replace(data: Data, path: str, known: Sequence[np.ndarray | None]) -> Data:
  """The data with training labels of a file in place of their own.

  Args:
    data: whose training part has all examples of the source.
    path: .npz file or table with label, optional clean_label, and id (or
      path). Labels are names of classes or, where the source has numbers for
      them, those; label_index, or a file with class_names, has positions. Rows
      are matched by id, and may be of some of the examples only; the others
      keep their labels. Without ids there is a row for every example, in their
      order. A clean_label that is missing or -1 says that the label is wrong.
      Without clean_label the true labels are those that the source knows, if
      any.
    known: ids of examples that a row may be of without being in the training
      part, [N] str each, or None.

  Returns:
    Data, with a note of what changed.

  Raises:
    InputError: unreadable, an unknown label, an id that is twice in it or of no
      example, without ids another length.
  """
  file, train = place(path), data.train
  columns, rows, notes = _read(file)
  of_row = _examples(file, columns, train, known)
  used = np.flatnonzero(of_row >= 0)
  found = {}
  for what in ("label", "clean_label"):
    name = what if what in columns else f"{what}_index"
    if name not in columns:
      continue
    read = classes.indices(
      file,
      name,
      columns[name][used],
      _vocabulary(data, columns, name),
      unknown=what == "clean_label",
      rows=Rows(rows.word, rows.first, used),
    )
    before = getattr(train, what)
    check(
      before is not None or used.size == len(train),
      f"{file} has a {what} for {used.size} of {len(train)} training examples;"
      " expected one for each, because the data have none themselves",
    )
    found[what] = np.full(len(train), -1, np.int32)
    if before is not None:
      found[what][:] = before
    found[what][of_row[used]] = read
  changed = int(np.sum(found["label"] != train.label))
  notes += (
    f"labels from {file.name}: {used.size:,} of {len(train):,} training"
    f" examples have a row, {changed:,} get another label"
    + (
      f"; {len(of_row) - used.size:,} rows are of examples that are not trained"
      " on"
      if used.size < len(of_row)
      else ""
    ),
  )
  train = dataclasses.replace(train, **found)
  return dataclasses.replace(data, train=train, notes=data.notes + notes)


def _vocabulary(
  data: Data, columns: dict[str, np.ndarray], name: str
) -> Vocabulary:
  """What the labels of a column may be."""
  if name.endswith("_index"):
    return classes.by_number(data.class_names)
  if "class_names" not in columns:
    return classes.by_name_or_number(data.class_names, data.class_numbers)
  if columns[name].dtype.kind not in "iuf":
    return classes.by_name(data.class_names)
  # Numbers are positions in the file's own list of names.
  named = classes.by_name(data.class_names)
  ours = classes.lookup(columns["class_names"], named).tolist()
  readings: dict[Value, tuple[int, ...]] = {
    Decimal(n): (c,) for n, c in enumerate(ours) if c >= 0
  }
  words = f"positions in its class_names of {named.words}"
  return Vocabulary({}, readings, words)


def _read(
  file: pathlib.Path,
) -> tuple[dict[str, np.ndarray], Rows, tuple[str, ...]]:
  """(columns [M], how their rows are counted, notes)."""
  check(
    file.is_file(),
    f"data.labels_file={file} is no file; expected a .npz file or a table",
  )
  if file.suffix.lower() != ".npz":
    table = read_table(file, required=())
    columns = {name: np.array(x, object) for name, x in table.columns.items()}
    _check_label(file, columns)
    return columns, TABLE, table.note(file)
  columns = archives.npz(file)
  _check_label(file, columns)
  named = "label" if "label" in columns else "label_index"
  count = columns[named].shape[0] if columns[named].ndim else 0
  for name in ("label", "clean_label", "label_index", "clean_label_index"):
    if name in columns:
      read = column(file, name, columns.pop(name), count)
      positions = read.size is not None and not name.endswith("_index")
      columns[f"{name}_index" if positions else name] = read.values
  if "class_names" in columns:
    names = columns["class_names"]
    check(
      names.ndim == 1,
      f"{file}: class_names is {names.dtype} {names.shape}; expected a name for"
      " each class",
    )
    columns["class_names"] = texts(file, "class_names", names)
  for name in ("id", "path"):
    if name in columns:
      columns[name] = column(file, name, columns[name], count).values
  return columns, ARRAY, ()


def _check_label(file: pathlib.Path, columns: dict) -> None:
  check(
    ("label" in columns) != ("label_index" in columns),
    f"{file} has no column label, or label_index besides; it has:"
    f" {', '.join(columns) or 'none'}",
  )


def _examples(
  file: pathlib.Path,
  columns: dict[str, np.ndarray],
  train: Split,
  known: Sequence[np.ndarray | None],
) -> np.ndarray:
  """Training example of each row, int64 [M]; -1 of none."""
  count = len(columns.get("label", columns.get("label_index", ())))
  ids = columns.get("id", columns.get("path"))
  if ids is None or train.id is None:
    _check_no_ids(file, columns, train.id)
    check(
      count == len(train),
      f"{file} has {count} labels for {len(train)} training examples; expected"
      " one each, or a column id of the examples that are meant",
    )
    return np.arange(count)
  ids = texts(file, "id", ids)
  classes.check_ids(file, ids)
  example = {name: i for i, name in enumerate(train.id.tolist())}
  elsewhere = {
    name for part in known if part is not None for name in part.tolist()
  }
  # A Windows path is the same path.
  names = [
    name
    if name in example or "\\" not in name
    else pathlib.PureWindowsPath(name).as_posix()
    for name in ids.tolist()
  ]
  nobody = [n for n in names if n not in example and n not in elsewhere]
  check(
    not nobody,
    f"{file}: {len(nobody)} of {count} rows are of no example, e.g."
    f" {nobody[0] if nobody else ''}; the ids of the data look like"
    f" {train.id[0]}",
  )
  return np.array([example.get(name, -1) for name in names], np.int64)


def _check_no_ids(
  file: pathlib.Path, columns: dict[str, np.ndarray], ids: np.ndarray | None
) -> None:
  """Refuses to match by position what could be matched by id."""
  # Where examples have no names their ids are numbers, as much else is.
  if ids is None or all(name.isdecimal() for name in ids.tolist()):
    return
  for name, values in columns.items():
    known = float(np.isin(values.astype(str), ids).mean()) if values.size else 0
    check(
      known < 0.5 or name.removesuffix("_index") in ("label", "clean_label"),
      f"{file}: {name} looks like the ids of the examples; call it id, so"
      " that rows are matched by it",
    )
