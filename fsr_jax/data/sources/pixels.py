"""Pixels as uint8 [N, H, W, channels], from the forms that arrays have."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from fsr_jax.errors import check

# Images that are converted at a time.
_CHUNK = 1000
_CHANNELS = (1, 3, 4)
_EXPECTED = (
  "expected images [N, H, W] or [N, H, W, channels] of 0..255, or feature"
  " vectors [N, F]"
)


class Form(NamedTuple):
  """How inputs were written before they took the one form.

  Attributes:
    vectors: whether they are feature vectors.
    channels_first: whether images are [N, channels, H, W].
    factor: by which values become 0..255, rounded.
    words: what the values are, for the opening lines; "" where nothing is
      changed.
  """

  vectors: bool = False
  channels_first: bool = False
  factor: float = 1.0
  words: str = ""

  @property
  def notes(self) -> tuple[str, ...]:
    """What is changed, one line each."""
    notes = []
    if self.channels_first:
      notes.append("images have their channels first; they are put last")
    if self.words:
      notes.append(f"images are {self.words}; they become 0..255")
    return tuple(notes)


def pixels(
  where: object, found: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
  """The same inputs in the one form that the rest of the program knows.

  Args:
    where: they are from, for messages.
    found: name -> array; all of them are of one kind.

  Returns:
    ({name: uint8 [N, H, W, channels], or float32 [N, F] of vectors}, notes of
    what was changed).

  Raises:
    InputError: as `form_of`.
  """
  form = form_of(where, found)
  return {name: formed(x, form) for name, x in found.items()}, form.notes


def form_of(where: object, found: Mapping[str, np.ndarray]) -> Form:
  """The form that inputs are in.

  Args:
    where, found: as for `pixels`.

  Returns:
    Form, judged by all of the arrays together.

  Raises:
    InputError: no pixels, values that are no numbers, or whose scale or shape
      is not plain.
  """
  for name, values in found.items():
    seen = f"{where}: {name} is {values.dtype} {values.shape}"
    check(
      values.dtype.kind in "biuf" and values.ndim in (2, 3, 4),
      f"{seen}; {_EXPECTED}",
    )
    check(0 not in values.shape[1:], f"{seen}: there is nothing in an example")
    _check_finite(where, name, values)
  if all(values.ndim == 2 for values in found.values()):
    return Form(vectors=True)
  for name, values in found.items():
    check(
      values.ndim > 2,
      f"{where}: {name} is {values.shape}, vectors beside images; {_EXPECTED}",
    )
  first = all(map(_channels_first, found.values()))
  return Form(False, first, *_scale(where, found))


def formed(values: np.ndarray, form: Form) -> np.ndarray:
  """Inputs of one form in the one that the rest of the program knows.

  Args:
    values: [N, ...], of that form.
    form: Form.

  Returns:
    uint8 [N, H, W, channels], or float32 [N, F] of vectors.
  """
  if form.vectors:
    return np.asarray(values, np.float32)
  if form.channels_first:
    values = np.moveaxis(values, 1, 3)
  return _as_bytes(
    values if values.ndim == 4 else values[..., None], form.factor
  )


def _check_finite(where, name: str, values: np.ndarray) -> None:
  if values.dtype.kind != "f":
    return
  for start in range(0, len(values), _CHUNK):
    rows = values[start : start + _CHUNK].reshape(-1, values[0].size)
    with np.errstate(over="ignore"):  # As float32, which they are used in.
      finite = np.isfinite(rows.astype(np.float32))
    bad = start + np.flatnonzero(~finite.all(1))
    check(
      not bad.size,
      f"{where}: {name} of example {bad[0] if bad.size else ''} has values"
      " that are not finite numbers",
    )


def _channels_first(values: np.ndarray) -> bool:
  """Whether [N, channels, H, W] is the only way to read the shape."""
  shape = values.shape
  return len(shape) == 4 and shape[1] in _CHANNELS and shape[3] > 4


def _scale(where, found: Mapping[str, np.ndarray]) -> tuple[float, str]:
  """(factor, words) of a Form, judged by all values together."""
  arrays = [x for x in found.values() if x.size]
  dtype = np.result_type(*(x.dtype for x in found.values()))
  least = min((float(x.min()) for x in arrays), default=0.0)
  most = max((float(x.max()) for x in arrays), default=0.0)
  if dtype == np.bool_:
    return 255.0, "true or false"
  if dtype == np.uint8:
    return 1.0, ""
  whole = dtype.kind in "iu"
  if least >= 0 and most <= 255 and (whole or most >= 2):
    return 1.0, f"{dtype} in 0..255"
  if least >= 0 and most <= 1:
    return 255.0, f"{dtype} in 0..1"
  if dtype == np.uint16 and most > 32767:
    return 1 / 257, "of 16 bits"
  names = ", ".join(found)
  check(
    False,
    f"{where}: {names} is {dtype} with values from {least:g} to {most:g}, of"
    " which it is not plain what is black and what is white; expected 0..255,"
    " or fractions in 0..1",
  )
  raise AssertionError


def _as_bytes(values: np.ndarray, factor: float) -> np.ndarray:
  """uint8, of the same shape."""
  if values.dtype == np.uint8 and factor == 1:
    return values
  result = np.empty(values.shape, np.uint8)
  for start in range(0, len(values), _CHUNK):
    rows = slice(start, start + _CHUNK)
    result[rows] = np.rint(values[rows].astype(np.float32) * factor)
  return result
