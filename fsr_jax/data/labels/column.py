"""One label an example, from the shapes that arrays of labels have."""

from typing import NamedTuple

import numpy as np

from fsr_jax.errors import InputError, check


class Column(NamedTuple):
  """A label an example.

  Attributes:
    values: text or numbers, [N].
    size: C, where they are positions 0..C-1 as one-hot rows tell them; else
      None.
  """

  values: np.ndarray
  size: int | None = None


def column(where: object, what: str, values: np.ndarray, count: int) -> Column:
  """The labels in an array.

  Args:
    where: it is from, for messages.
    what: it is called there, for messages.
    values: [N], [N, 1] or one-hot rows [N, C].
    count: N, of the examples.

  Returns:
    Column.

  Raises:
    InputError: another shape, or rows that are not one-hot.
  """
  values = np.asarray(values)
  check(
    values.ndim > 0 and len(values) == count > 0,
    f"{where}: {what} is {values.dtype} {values.shape}; expected one value for"
    f" each of the {count} examples",
  )
  if values.ndim == 2 and values.shape[1] == 1:
    values = values[:, 0]
  if values.ndim == 1:
    return Column(values)
  check(
    values.ndim == 2 and values.dtype.kind in "biuf",
    f"{where}: {what} is {values.dtype} {values.shape}; expected [{count}],"
    f" [{count}, 1] or one-hot rows [{count}, C]",
  )
  one_hot = ((values == 0) | (values == 1)).all(1) & (values.sum(1) == 1)
  bad = np.flatnonzero(~one_hot)
  check(
    not bad.size,
    f"{where}: {what} is {values.dtype} {values.shape}, but row"
    f" {bad[0] if bad.size else ''} is not one-hot; expected one class an"
    " example: labels that are shared out to several are not read",
  )
  return Column(values.argmax(1), values.shape[1])


def texts(where: object, what: str, values: np.ndarray) -> np.ndarray:
  """What examples are called, str [N].

  Args:
    where, what: as for `column`.
    values: text, bytes (UTF-8) or numbers, [N].

  Raises:
    InputError: bytes that are no UTF-8, or something else.
  """
  check(
    values.dtype.kind != "V",
    f"{where}: {what} is {values.dtype}; expected text or whole numbers",
  )
  if values.dtype.kind != "S":
    return values.astype(str)
  try:
    return np.char.decode(values, "utf-8")
  except UnicodeDecodeError as error:
    raise InputError(
      f"{where}: {what} has bytes that are no text in UTF-8 ({error})"
    ) from error
