"""Fields of options: default, meaning, unit, range and source in one place.

Options are frozen dataclasses beside the part that reads them, made of `field`.
Command-line flags, validation and the table in docs/methods.md come from them.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import math
import types
import typing
from typing import Any, NamedTuple

import numpy as np

from fsr_jax.errors import check, choose

# Whole numbers are int32 on a device, steps and indices among them.
INT32_MAX = 2**31 - 1


class Bound(NamedTuple):
  """What a number must be: from `least` to `most`.

  Attributes:
    least, most: the ends.
    above: whether `least` itself is too little.
    below: whether `most` itself is too much.
  """

  least: float
  most: float = math.inf
  above: bool = False
  below: bool = False

  def holds(self, value: float) -> bool:
    """Whether `value` is so; NaN never is."""
    enough = value > self.least if self.above else value >= self.least
    return enough and (value < self.most if self.below else value <= self.most)

  @property
  def words(self) -> str:
    """ "above 0", "1 or above", "in 0-1", ..."""
    least, most = _decimal(self.least), _decimal(self.most)
    low = f"above {least}" if self.above else f"{least} or above"
    if self.most == math.inf:
      return low
    high = f"below {most}" if self.below else f"at most {most}"
    if self.above:
      return f"{low}, {high}"
    return f"in {least}-{most}" + (f", {high}" if self.below else "")


def _decimal(value: float) -> str:
  """0.00001, not 1e-05, which reads badly in a range."""
  return np.format_float_positional(value, trim="-")


POSITIVE = Bound(0, above=True)
NOT_NEGATIVE = Bound(0)
FRACTION = Bound(0, 1)
BELOW_ONE = Bound(0, 1, below=True)

# Type of a value -> what it is called in messages.
_WORDS = {
  bool: "True or False",
  int: "a whole number",
  float: "a number",
  str: "text",
}


def field(
  default: Any,
  about: str,
  *,
  bound: Bound | None = None,
  usual: Bound | None = None,
  choices: Iterable[str] | None = None,
  unit: str = "",
  source: str = "",
  free: bool = False,
  of: tuple[str, Any] | None = None,
  place: bool = False,
) -> Any:
  """A field of an options dataclass.

  Args:
    default: its value; None says that there may be none.
    about: what it is, for people who have not read the paper.
    bound: what a number (each number of a tuple) must be; it must be finite
      besides, and in float32 or int32 what it is in Python.
    usual: what a number is nearly always; others but the default are named
      when a run begins.
    choices: names it may have; None where any may stand.
    unit: of the value: "epochs", "pixels", "share 0-1", ...
    source: of the default: a section of the paper, "released code", "ours".
    free: whether a run may be continued with another value, because it says
      where and how a run is done, not what it computes.
    of: (name, value) of the option that must be so for this one to be read.
    place: whether it names a file or a folder; see config/places.py.

  Returns:
    dataclasses.Field.
  """
  metadata = {
    "about": about,
    "bound": bound,
    "usual": usual,
    "choices": None if choices is None else tuple(choices),
    "unit": unit,
    "source": source,
    "free": free,
    "of": of,
    "place": place,
  }
  return dataclasses.field(default=default, metadata=metadata)


def type_of(options: type, name: str) -> type:
  """Type of a field's values, without its None."""
  hint = _hint(options, name)
  return typing.get_origin(hint) or hint


def number_of(options: type, name: str) -> type | None:
  """int or float where a field is one or a tuple of them, else None."""
  hint = _hint(options, name)
  kind = typing.get_args(hint)[0] if typing.get_args(hint) else hint
  return kind if kind in (int, float) else None


def _hint(options: type, name: str) -> Any:
  hint = typing.get_type_hints(options)[name]
  if isinstance(hint, types.UnionType):
    (hint,) = (h for h in typing.get_args(hint) if h is not type(None))
  return hint


def expected(options: type, name: str) -> str:
  """What a field may be, in words: "a whole number above 0"."""
  (entry,) = (e for e in dataclasses.fields(options) if e.name == name)
  hint, bound = _hint(options, name), entry.metadata["bound"]
  several = typing.get_origin(hint) is tuple
  words = _WORDS[typing.get_args(hint)[0] if several else hint]
  if bound is not None:
    words += f" {bound.words}"
  return f"{words}, or several in brackets" if several else words


def has_type(options: type, name: str, value: Any) -> bool:
  """Whether `value` is of a field's type; a list is a tuple to JSON."""
  hint = _hint(options, name)
  if typing.get_origin(hint) is not tuple:
    return _is_a(hint, value)
  kind = typing.get_args(hint)[0]
  return isinstance(value, tuple | list) and all(_is_a(kind, x) for x in value)


def _is_a(kind: type, value: Any) -> bool:
  if kind is float:
    kind = int | float  # type: ignore[assignment]
  # True is a number to Python.
  return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def validate(options: Any, prefix: str = "") -> None:
  """Checks every field of an options dataclass by what the field says of it.

  Args:
    options: an instance.
    prefix: of its fields' names in messages: "data.".

  Raises:
    InputError: names the field, its value and what was expected.
  """
  for entry in dataclasses.fields(options):
    value, name = getattr(options, entry.name), prefix + entry.name
    if value is None and entry.default is None:
      continue
    bound, choices = entry.metadata["bound"], entry.metadata["choices"]
    words = expected(type(options), entry.name)
    check(
      has_type(type(options), entry.name, value),
      f"{name}={value!s:.80}; expected {words}",
    )
    if choices is not None:
      choose(name, value, choices)
    if isinstance(value, str):
      check("\0" not in value, f"{name}={value!r}; expected text without NUL")
    kind = number_of(type(options), entry.name)
    if kind is not None:
      for number in value if isinstance(value, tuple) else (value,):
        _check_number(f"{name}={value!s:.80}", number, kind, bound, words)


def _check_number(
  given: str, number: float, kind: type, bound: Bound, words: str
) -> None:
  """Refuses a number out of bounds in Python, or where a device computes."""
  check(bound.holds(number), f"{given}; expected {words}")
  if kind is int:
    most = INT32_MAX if bound.most == math.inf else int(bound.most)
    check(number <= most, f"{given}; expected {words}, at most {most}")
    return
  check(abs(number) < math.inf, f"{given}; expected {words}")
  rounded = _in_float32(number)
  check(
    (rounded == 0) == (number == 0)
    and abs(rounded) < math.inf
    and bound.holds(rounded),
    f"{given} is {rounded:g} in float32, which runs compute in; expected"
    f" {words}",
  )


def _in_float32(number: float) -> float:
  """The nearest float32; 0 for the numbers that devices take for it."""
  limits = np.finfo(np.float32)
  if abs(number) > float(limits.max):
    return math.copysign(math.inf, number)
  small = abs(number) < float(limits.tiny)
  return 0.0 if small else float(np.float32(number))


def unusual(options: Any, prefix: str = "") -> list[str]:
  """One line for each number outside the range that is usual for it.

  Args:
    options: an instance, valid.
    prefix: as in `validate`.
  """
  lines = []
  for entry in dataclasses.fields(options):
    value, usual = getattr(options, entry.name), entry.metadata["usual"]
    if usual and value != entry.default and not usual.holds(value):
      unit = entry.metadata["unit"].removesuffix(" 0-1")
      lines.append(
        f"{prefix}{entry.name}={value} is unusual; nearly always it is"
        f" {usual.words}" + (f" ({unit})" if unit else "")
      )
  return lines


def pick(options: type, values: Mapping[str, Any]) -> Any:
  """An instance of `options` from the values that bear its fields' names.

  JSON, which configs of runs are stored in, has no tuples: lists become some,
  because options are arguments of what is compiled once.
  """
  given = {e.name: values[e.name] for e in dataclasses.fields(options)}
  return options(
    **{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
  )
