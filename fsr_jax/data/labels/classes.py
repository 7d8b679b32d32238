"""From labels as people and programs write them to classes 0..C-1, and ids.

Every source and labels file reads its labels here. Two labels are the same
class if they are the same value, however they are spelled: 3, "3", "03", 3.0
and b"3" are one class, and so are True and TRUE. What a label may mean is a
Vocabulary.
"""

from collections.abc import Iterable, Mapping, Sequence
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
_LIST = "list the names of all, --config.data.class_names=A,B,..."
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


def _as_list(values: Iterable[Any]) -> list:
  return values.tolist() if isinstance(values, np.ndarray) else list(values)


class Vocabulary(NamedTuple):
  """What labels may be.

  Attributes:
    written: text -> class, of labels that are written just so.
    readings: value -> classes that it may mean; more than one are too many.
    words: what is expected, for messages.
  """

  written: dict[str, int]
  readings: dict[Value, tuple[int, ...]]
  words: str


def by_name(names: Sequence[str]) -> Vocabulary:
  """Labels are names of the C classes."""
  written = {name: c for c, name in enumerate(names)}
  pairs = ((value_of(name), c) for name, c in written.items())
  readings = _readings((v, c) for v, c in pairs if v is not None)
  return Vocabulary(written, readings, _few(names))


def by_number(
  names: Sequence[str], numbers: Sequence[int] | None = None
) -> Vocabulary:
  """Labels are the classes' numbers, whatever the classes are called.

  Args:
    names: of the C classes.
    numbers: [C], different ones; None means 0..C-1.
  """
  numbers = range(len(names)) if numbers is None else numbers
  readings = _readings((Decimal(int(n)), c) for c, n in enumerate(numbers))
  return Vocabulary({}, readings, f"{numbers[0]}..{numbers[-1]}")


def by_name_or_number(
  names: Sequence[str], numbers: Sequence[int] | None
) -> Vocabulary:
  """Labels are names or, where the source itself has numbers, those too."""
  named = by_name(names)
  if numbers is None:
    return named
  numbered = by_number(names, numbers)
  both = _readings(
    (value, c)
    for vocabulary in (named, numbered)
    for value, classes in vocabulary.readings.items()
    for c in classes
  )
  return Vocabulary(
    # What is called by a number is in both, and may be in both differently.
    {
      name: c
      for name, c in named.written.items()
      if len(both.get(value_of(name), ())) < 2
    },
    both,
    f"{numbered.words} or {named.words}",
  )


def _readings(
  pairs: Iterable[tuple[Value, int]],
) -> dict[Value, tuple[int, ...]]:
  """Every class that a value may mean."""
  found: dict[Value, tuple[int, ...]] = {}
  for value, c in pairs:
    if c not in found.get(value, ()):
      found[value] = (*found.get(value, ()), c)
  return found


def _few(names: Sequence[str]) -> str:
  return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


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
    for position, label in enumerate(
      () if values is None else _as_list(values)
    ):
      text = _text(where, what, label, rows.name(position))
      if text in found or _says_unknown(text):
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


def _text(where, what, label, row: str) -> str:
  try:
    return spelled(label)
  except UnicodeDecodeError as error:
    raise InputError(
      f"{where}, {row}: {what} {label!r} is no text in UTF-8"
    ) from error


def _check_class(where, what, text: str, row: str) -> None:
  value = value_of(text)
  fraction = isinstance(value, Decimal) and value != value.to_integral_value()
  check(
    not fraction and not _INFINITE.fullmatch(text),
    f"{where}, {row}: {what} {text} is a measurement, no class; expected whole"
    f" numbers or names; if {text} is the name of a class: {_LIST}",
  )


def _name(value: Value, spellings: list[str]) -> str:
  """One name for a value: as it is written, if that is in one way."""
  if not isinstance(value, Decimal) or value != value.to_integral_value():
    return spellings[0]
  if len(spellings) == 1 and spellings[0].isdecimal():
    return spellings[0]
  return str(int(value)) if value.adjusted() < 30 else str(value)


def lookup(values: Iterable[Any], vocabulary: Vocabulary) -> np.ndarray:
  """Class of each value, int32 [N]; -1 where it is none, or could be two."""
  classes: dict[str, int] = {}
  for text in set(map(spelled, _as_list(values))):
    found = _read(text, vocabulary)
    classes[text] = found[0] if len(found) == 1 else -1
  return np.array([classes[spelled(v)] for v in _as_list(values)], np.int32)


def _read(text: str, vocabulary: Vocabulary) -> tuple[int, ...]:
  """The classes that a label may mean."""
  if text in vocabulary.written:
    return (vocabulary.written[text],)
  return vocabulary.readings.get(value_of(text), ())


def indices(
  where: object,
  what: str,
  values: Sequence[Any] | np.ndarray,
  vocabulary: Vocabulary,
  *,
  unknown: bool,
  rows: Rows = ARRAY,
) -> np.ndarray:
  """Class of each label.

  Args:
    where: they are from, for messages.
    what: they are called there, for messages.
    values: text or numbers, [N].
    vocabulary: what they may be.
    unknown: whether a label may be missing, or -1 for that.
    rows: how they are counted.

  Returns:
    int32 [N], -1 where it is unknown.

  Raises:
    InputError: a label is missing, is no class, or could be two; names the
      first row where it is so.
  """
  result = np.full(len(values), -1, np.int32)
  known: dict[str, int] = {}
  wrong: dict[str, list[int]] = {"are missing": [], "are no class": []}
  for position, label in enumerate(_as_list(values)):
    text = _text(where, what, label, rows.name(position))
    if text not in known:
      found = _read(text, vocabulary)
      _check_one(where, what, text, rows.name(position), vocabulary, found)
      known[text] = found[0] if found else -1
    result[position] = known[text]
    if known[text] < 0 and not (unknown and _says_unknown(text)):
      missing = value_of(text) is None
      wrong["are missing" if missing else "are no class"].append(position)
  expected = f"; expected {'-1 or ' if unknown else ''}{vocabulary.words}"
  for fault, positions in wrong.items():
    first = positions[0] if positions else 0
    text = spelled(values[first]) if positions else ""
    named = f"; if {text} is the name of a class: {_LIST}"
    check(
      not positions,
      f"{where}: {len(positions)} of {len(values)} values of {what} {fault},"
      f" {f'e.g. {text}' if text else 'the first'} in {rows.name(first)}"
      f"{expected}"
      + (named if text and not unknown and _says_unknown(text) else ""),
    )
  return result


def _says_unknown(text: str) -> bool:
  return value_of(text) in (None, _UNKNOWN)


def _check_one(where, what, text, row, vocabulary, found) -> None:
  """Refuses a label that may mean several classes."""
  names = {c: name for name, c in vocabulary.written.items()}
  readings = " or ".join(f"class {c} ({names.get(c, c)})" for c in found)
  check(
    len(found) <= 1,
    f"{where}, {row}: {what} {text} could be {readings}: a number or a name;"
    " say which by calling the column label_index (numbers from 0 in the order"
    " of the classes), or write it as it is called",
  )


def check_ids(where: object, ids: np.ndarray) -> None:
  """Refuses ids that are there more than once.

  Args:
    where: they are from, for messages.
    ids: text or numbers, [N].

  Raises:
    InputError: names the commonest of them.
  """
  found, count = np.unique(ids.astype(str), return_counts=True)
  twice = np.flatnonzero(count > 1)
  most = found[count.argmax()] if twice.size else ""
  check(
    not twice.size,
    f"{where}: {twice.size} ids are there more than once, e.g. {most}:"
    f" {most} is there {count.max(initial=1)} times",
  )
