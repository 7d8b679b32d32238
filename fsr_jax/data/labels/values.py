"""What a label is, whoever wrote it, and the names of the classes it makes.

Two labels are the same class if they are the same value, however they are
spelled: 3, "3", "03", 3.0 and b"3" are one class, and so are True and TRUE.
"""

from collections.abc import Iterable, Mapping
import csv
from decimal import Decimal
import re
from typing import Any, NamedTuple
import unicodedata

import numpy as np

from fsr_jax.errors import InputError, check

# How programs write that there is no value; -1 says so too, of a label that may
# be unknown.
_MISSING = (
  "",
  "nan",
  "-nan",
  "nat",
  "na",
  "n/a",
  "<na>",
  "#n/a",
  "none",
  "null",
)
_UNKNOWN = Decimal(-1)
_NUMBER = re.compile(
  r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE
)
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
LIST = "list the names of all, --config.data.class_names=A,B,..."
# A value that can be compared: a number, a text, or None for none.
Value = Decimal | str | None


class Rows(NamedTuple):
  """How the rows that labels are from are counted, for messages.

  Attributes:
    word: what one is called.
    first: number of the first.
    taken: int [M], which rows there are, from 0; None for all.
  """

  word: str
  first: int
  taken: np.ndarray | None = None

  def name(self, position: int) -> str:
    """Of the row at `position`, from 0."""
    if self.taken is not None:
      position = int(self.taken[position])
    return f"{self.word} {position + self.first}"


# The first row of a table is its header.
TABLE, ARRAY = Rows("row", 2), Rows("entry", 0)


def spelled(label: Any) -> str:
  """A label as text, "" where it is none.

  Args:
    label: text, bytes (UTF-8), a number, None or NaN.

  Raises:
    UnicodeDecodeError: bytes that are no UTF-8.
  """
  if isinstance(label, bytes):
    label = label.decode()
  if label is None or label != label:  # NaN is not itself.
    return ""
  return str(label).strip()


def value_of(text: str) -> Value:
  """The value that a label is, None where it is missing."""
  folded = text.casefold()
  if folded in _MISSING:
    return None
  if _NUMBER.fullmatch(text):
    return Decimal(text)
  if folded in ("true", "false"):
    return folded
  return unicodedata.normalize("NFC", text)  # As macOS does not write it.


def says_unknown(text: str) -> bool:
  """Whether a label says that there is none, or that it is not known."""
  return value_of(text) in (None, _UNKNOWN)


def as_list(values: Iterable[Any]) -> list:
  """Labels as Python has them."""
  return values.tolist() if isinstance(values, np.ndarray) else list(values)


def text_of(where: object, what: str, label: Any, row: str) -> str:
  """`spelled`; what is no text becomes an InputError that names the row."""
  try:
    return spelled(label)
  except UnicodeDecodeError as error:
    raise InputError(
      f"{where}, {row}: {what} {label!r} is no text in UTF-8"
    ) from error


def class_names_of(
  where: object,
  columns: Mapping[str, Iterable[Any] | None],
  rows: Rows = ARRAY,
) -> tuple[str, ...]:
  """The different labels of tables or arrays, sorted.

  Args:
    where: they are from, for messages.
    columns: what they are called there -> [N] of text or numbers, or None.
    rows: how those are counted.

  Returns:
    C names, as `sorted_names`; missing labels and -1 are none.

  Raises:
    InputError: a number that is no class: infinite, or a fraction.
  """
  found: set[str] = set()
  for what, values in columns.items():
    for position, label in enumerate(() if values is None else as_list(values)):
      text = text_of(where, what, label, rows.name(position))
      if text in found or says_unknown(text):
        continue
      _check_class(where, what, text, rows.name(position))
      found.add(text)
  return sorted_names(found)


def sorted_names(texts: Iterable[str]) -> tuple[str, ...]:
  """Names of classes: numbers as numbers, before other texts.

  Args:
    texts: as the classes are written; all are meant as names.

  Returns:
    One name for each value: as it is written, where that is in one way.
  """
  spellings: dict[Value, list[str]] = {}
  for text in sorted(set(texts)):
    value = value_of(text)
    spellings.setdefault(text if value is None else value, []).append(text)
  ordered = sorted(spellings, key=lambda v: (isinstance(v, str), v))
  return tuple(_name(value, spellings[value]) for value in ordered)


def _name(value: Value, spellings: list[str]) -> str:
  """One name for a value: as it is written, if that is in one way."""
  if not isinstance(value, Decimal) or value != value.to_integral_value():
    return spellings[0]
  if len(spellings) == 1 and spellings[0].isdecimal():
    return spellings[0]
  return str(int(value)) if value.adjusted() < 30 else str(value)


def _check_class(where, what, text: str, row: str) -> None:
  value = value_of(text)
  fraction = isinstance(value, Decimal) and value != value.to_integral_value()
  check(
    not fraction and not _INFINITE.fullmatch(text),
    f"{where}, {row}: {what} {text} is a measurement, no class; expected whole"
    f" numbers or names; if {text} is the name of a class: {LIST}",
  )


def listed(text: str) -> tuple[str, ...]:
  """The names in data.class_names, a line of a .csv file.

  Raises:
    InputError: less than two, or two that are the same.
  """
  names = tuple(
    name.strip() for name in next(csv.reader([text], skipinitialspace=True))
  )
  values = [value_of(name) or name for name in names]
  twice = [n for n, v in zip(names, values) if values.count(v) > 1]
  check(
    len(names) > 1 and "" not in names and not twice,
    f"data.class_names={text}: expected two names or more, all different,"
    " separated by commas" + (f"; {', '.join(twice)} are one" if twice else ""),
  )
  return names
