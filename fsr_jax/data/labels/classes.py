"""From labels to classes 0..C-1, and ids.

Every source and labels file reads its labels here, by what they may mean: a
Vocabulary. What a label is however it is written says `values`.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from fsr_jax.data.labels.values import (
  ARRAY,
  LIST,
  Rows,
  Value,
  as_list,
  says_unknown,
  spelled,
  text_of,
  value_of,
)
from fsr_jax.errors import check


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


def lookup(values: Iterable[Any], vocabulary: Vocabulary) -> np.ndarray:
  """Class of each value, int32 [N]; -1 where it is none, or could be two."""
  texts = [spelled(value) for value in as_list(values)]
  classes: dict[str, int] = {}
  for text in set(texts):
    found = _read(text, vocabulary)
    classes[text] = found[0] if len(found) == 1 else -1
  return np.array([classes[text] for text in texts], np.int32)


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
  for position, label in enumerate(as_list(values)):
    text = text_of(where, what, label, rows.name(position))
    if text not in known:
      found = _read(text, vocabulary)
      _check_one(where, what, text, rows.name(position), vocabulary, found)
      known[text] = found[0] if found else -1
    result[position] = known[text]
    if known[text] < 0 and not (unknown and says_unknown(text)):
      missing = value_of(text) is None
      wrong["are missing" if missing else "are no class"].append(position)
  expected = f"; expected {'-1 or ' if unknown else ''}{vocabulary.words}"
  for fault, positions in wrong.items():
    first = positions[0] if positions else 0
    text = spelled(values[first]) if positions else ""
    named = f"; if {text} is the name of a class: {LIST}"
    check(
      not positions,
      f"{where}: {len(positions)} of {len(values)} values of {what} {fault},"
      f" {f'e.g. {text}' if text else 'the first'} in {rows.name(first)}"
      f"{expected}"
      + (named if text and not unknown and says_unknown(text) else ""),
    )
  return result


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
