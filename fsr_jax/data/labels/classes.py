"""From labels as people write them to classes 0..C-1, and ids.

Every source and labels file reads its labels by `indices`; how they are written
is a Vocabulary.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fsr_jax.errors import check

# What stands for a label that is left out, and for one that is not known.
_LEFT_OUT = ("", "nan")
UNKNOWN = (*_LEFT_OUT, "-1")


class Vocabulary(NamedTuple):
  """How labels are written.

  Attributes:
    class_of: text -> class.
    missing: texts that say that there is no label.
    words: what is expected, for messages.
  """

  class_of: dict[str, int]
  missing: tuple[str, ...]
  words: str


def by_name(names: tuple[str, ...]) -> Vocabulary:
  """Labels are names of the C classes."""
  class_of = {name: c for c, name in enumerate(names)}
  return Vocabulary(class_of, UNKNOWN, _first_of(names))


def by_number(names: tuple[str, ...]) -> Vocabulary:
  """Labels are numbers 0..C-1, whatever the classes are called."""
  class_of = {str(c): c for c in range(len(names))}
  return Vocabulary(class_of, _LEFT_OUT, f"0..{len(names) - 1}")


def by_number_or_name(names: tuple[str, ...]) -> Vocabulary:
  """Labels are either; where classes are called by numbers, names count."""
  numbers, named = by_number(names), by_name(names)
  return Vocabulary(
    numbers.class_of | named.class_of,
    _LEFT_OUT,
    f"{numbers.words} or {named.words}",
  )


def _first_of(names: tuple[str, ...]) -> str:
  return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def class_names_of(*labels: Iterable[Any] | None) -> tuple[str, ...]:
  """The different values but UNKNOWN, sorted.

  Args:
    *labels: [N] of text or numbers, or None.

  Returns:
    C names, sorted as numbers where all of them are.
  """
  names = sorted(
    {str(x) for values in labels if values is not None for x in values}
    - set(UNKNOWN)
  )
  numeric = all(name.isascii() and name.isdecimal() for name in names)
  return tuple(sorted(names, key=int) if numeric else names)


def lookup(values: Iterable[Any], vocabulary: Vocabulary) -> np.ndarray:
  """Class of each value, int32 [N]; -1 where it is none."""
  known = vocabulary.class_of
  return np.array([known.get(str(value), -1) for value in values], np.int32)


def indices(
  where: object,
  what: str,
  values: Sequence[Any] | np.ndarray,
  vocabulary: Vocabulary,
  *,
  unknown: bool,
) -> np.ndarray:
  """Class of each label.

  Args:
    where: they are from, for messages.
    what: they are called there, for messages.
    values: text or numbers, [N].
    vocabulary: how they are written.
    unknown: whether a label may be UNKNOWN.

  Returns:
    int32 [N], -1 where it is UNKNOWN.

  Raises:
    InputError: a label is missing, or no class.
  """
  result = lookup(values, vocabulary)
  none = np.flatnonzero(result < 0).tolist()
  texts = [str(values[i]) for i in none]
  allowed = UNKNOWN if unknown else vocabulary.missing
  wrong = [text for text in texts if text not in allowed]
  check(
    not wrong,
    f"{where}: {len(wrong)} values of {what} are no class, e.g."
    f" {wrong[0] if wrong else ''}; expected {'-1 or ' if unknown else ''}"
    f"{vocabulary.words}",
  )
  check(
    unknown or not texts,
    f"{where}: {len(texts)} of {len(result)} values of {what} are missing,"
    f" the first is number {none[0] + 1 if texts else ''}",
  )
  return result


def renamed(values: np.ndarray, names: np.ndarray) -> np.ndarray:
  """Numbers 0..C-1 replaced by the names they stand for, str [N].

  Args:
    values: numbers or text, [N]; what is no such number stays.
    names: str [C].
  """
  named = dict(enumerate(names.tolist()))
  return np.array([named.get(v, v) for v in values.tolist()]).astype(str)


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
