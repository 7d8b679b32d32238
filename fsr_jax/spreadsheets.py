"""Tables for spreadsheets: no cell of them is run as a formula."""

from collections.abc import Iterable, Sequence
import csv
import pathlib
import re
from typing import Any

import numpy as np

from fsr_jax.files import replacing

# Decimals of numbers.
_DIGITS = 6
# Text that a spreadsheet would run, perhaps behind apostrophes.
_FORMULA = re.compile("'*[=+\\-@\t\r\n]")


def harmless(value: Any) -> Any:
  """A value as it is written to a .csv file; text that begins like a formula
  gets an apostrophe, by which spreadsheets know that it is text."""
  if not isinstance(value, str) or not _FORMULA.match(value):
    return value
  try:
    float(value)  # -1 is a number.
  except ValueError:
    return "'" + value
  return value


def as_meant(text: str) -> str:
  """What `harmless` was given, of its result."""
  meant = text.removeprefix("'")
  return meant if _FORMULA.match(meant) else text


def write_csv(
  path: pathlib.Path, names: Sequence[str], rows: Iterable[Iterable[Any]]
) -> None:
  """Writes a table that spreadsheets can open, in one go.

  Args:
    path: of the file; what is there already stays until the new one is whole.
    names: of its columns.
    rows: of as many values each: text, numbers or None.
  """
  safe = ([harmless(value) for value in row] for row in rows)
  _write(path, names, safe)


def write_columns(path: pathlib.Path, columns: dict[str, np.ndarray]) -> None:
  """As `write_csv`, of columns: a million rows take seconds.

  Args:
    path: of the file.
    columns: name -> array [N]; of numbers six decimals are written, of NaN
      nothing.
  """
  _write(path, list(columns), zip(*map(_values, columns.values())))


def _write(path, names, rows) -> None:
  with (
    replacing(path) as partial,
    # Names of files that are not UTF-8 are written as they are.
    open(
      partial, "w", newline="", encoding="utf-8", errors="surrogateescape"
    ) as file,
  ):
    writer = csv.writer(file)
    writer.writerow([harmless(name) for name in names])
    writer.writerows(rows)


def _values(column: np.ndarray) -> list:
  if column.dtype.kind == "f":
    rounded = np.round(column.astype(np.float64), _DIGITS)
    return [None if x != x else x for x in rounded.tolist()]
  if column.dtype.kind in "biu":
    return column.tolist()
  return [harmless(value) for value in column.tolist()]
