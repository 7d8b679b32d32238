"""Fields of options: default, meaning, unit, range and source in one place.

Options are frozen dataclasses beside the part that reads them, made of `field`.
Command-line flags, validation and the table in docs/methods.md come from them.
"""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import math
import types
import typing
from typing import Any, NamedTuple

from fsr_jax.errors import check, choose


class Bound(NamedTuple):
  """What a number must be.

  Attributes:
    holds: value -> whether it is so.
    words: "above 0".
  """

  holds: Callable[[Any], bool]
  words: str


POSITIVE = Bound(lambda x: x > 0, "above 0")
NOT_NEGATIVE = Bound(lambda x: x >= 0, "0 or above")
ONE_OR_ABOVE = Bound(lambda x: x >= 1, "1 or above")
FRACTION = Bound(lambda x: 0 <= x <= 1, "in 0-1")
BELOW_ONE = Bound(lambda x: 0 <= x < 1, "in 0-1, below 1")
SHARE = Bound(lambda x: 0 < x <= 1, "above 0, at most 1")


def field(
  default: Any,
  about: str,
  *,
  bound: Bound | None = None,
  choices: Iterable[str] | None = None,
  unit: str = "",
  source: str = "",
  free: bool = False,
) -> Any:
  """A field of an options dataclass.

  Args:
    default: its value; None says that there may be none.
    about: what it is, for people who have not read the paper.
    bound: what a number must be; every number must be finite besides.
    choices: names it may have; None where any may stand.
    unit: of the value: "epochs", "pixels", "share 0-1", ...
    source: of the default: a section of the paper, "released code", "ours".
    free: whether a run may be continued with another value, because it says
      where and how a run is done, not what it computes.

  Returns:
    dataclasses.Field.
  """
  metadata = {
    "about": about,
    "bound": bound,
    "choices": None if choices is None else tuple(choices),
    "unit": unit,
    "source": source,
    "free": free,
  }
  return dataclasses.field(default=default, metadata=metadata)


def type_of(options: type, name: str) -> type:
  """Type of a field's values, without its None."""
  hint = typing.get_type_hints(options)[name]
  if isinstance(hint, types.UnionType):
    (hint,) = (h for h in typing.get_args(hint) if h is not type(None))
  return typing.get_origin(hint) or hint


def validate(options: Any, prefix: str = "") -> None:
  """Checks every field of an options dataclass by what the field says of it.

  Args:
    options: an instance.
    prefix: of its fields' names in messages: "data.".

  Raises:
    InputError: names the field, its value and what was expected.
  """
  for entry in dataclasses.fields(options):
    value = getattr(options, entry.name)
    if value is None and entry.default is None:
      continue
    bound, choices = entry.metadata["bound"], entry.metadata["choices"]
    if choices is not None:
      choose(prefix + entry.name, value, choices)
    if bound is not None:
      check(
        isinstance(value, int | float)
        and math.isfinite(value)
        and bound.holds(value),
        f"{prefix}{entry.name}={value}; expected a number {bound.words}",
      )


def pick(options: type, values: Mapping[str, Any]) -> Any:
  """An instance of `options` from the values that bear its fields' names.

  JSON, which configs of runs are stored in, has no tuples: lists become some,
  because options are arguments of what is compiled once.
  """
  given = {e.name: values[e.name] for e in dataclasses.fields(options)}
  return options(
    **{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
  )
