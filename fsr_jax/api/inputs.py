"""What `fit` and `predict` are given, as the arrays that a source reads."""

from collections.abc import Mapping
import os
from typing import Any

import numpy as np

from fsr_jax.data.sources.pixels import Form, form_of, formed
from fsr_jax.errors import InputError, check

# Where arrays are from, for messages.
WHERE = "fit(x, labels)"
# What libraries call their "no value", which cannot be compared.
_NO_VALUE = ("NAType", "NaTType")


def is_place(x: Any) -> bool:
  """Whether `x` is a path of data, and not data."""
  return isinstance(x, str | os.PathLike)


def numbers(name: str, x: Any) -> np.ndarray:
  """Images or vectors as an array of numbers.

  Args:
    name: of the argument, for messages.
    x: what NumPy makes an array of: arrays, lists, DataFrames, tensors.

  Returns:
    [N, ...].

  Raises:
    InputError: a sparse matrix, ragged rows, values that are no numbers.
  """
  check(
    not (hasattr(x, "toarray") and hasattr(x, "nnz")),
    f"{name} is a sparse matrix; expected an array: {name}.toarray()",
  )
  try:
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype.kind == "O" else x
  except (TypeError, ValueError) as error:
    raise InputError(
      f"{name} is no array of numbers ({error}); expected images"
      " [N, H, W, channels] or [N, H, W] of 0..255, or vectors [N, F]"
    ) from error


def labels_of(name: str, labels: Any) -> np.ndarray:
  """Labels as an array of text or numbers.

  Args:
    name: of the argument, for messages.
    labels: what NumPy makes an array of: lists, Series, Categoricals, one-hot
      rows.

  Returns:
    [N], [N, 1] or [N, C]; None where a value is missing.

  Raises:
    InputError: there are none, or ragged rows.
  """
  check(
    labels is not None,
    f"{name} are missing; expected one for each example of x",
  )
  try:
    labels = np.asarray(labels)
  except ValueError as error:
    raise InputError(
      f"{name} are no array ({error}); expected one label for each example"
    ) from error
  if labels.dtype.kind == "O":
    missing = [type(x).__name__ in _NO_VALUE for x in labels.ravel()]
    labels = labels.copy()
    labels[np.reshape(missing, labels.shape)] = None
  return labels


def check_index(x: Any, labels: Any) -> None:
  """Refuses a table and labels whose rows are called differently.

  They are taken in their order; if they come from tables in two orders, every
  label would be another row's.

  Args:
    x, labels: perhaps of pandas, whose rows have names.

  Raises:
    InputError: both have names, and not the same ones.
  """
  ours: Any = getattr(x, "index", None)
  theirs: Any = getattr(labels, "index", None)
  if not (hasattr(ours, "equals") and hasattr(theirs, "equals")):
    return
  check(
    len(ours) != len(theirs) or ours.equals(theirs),
    "x and labels have other indexes: their rows are not in one order; expected"
    " labels in the order of x, e.g. labels.loc[x.index]",
  )


def arrays(
  given: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], Form, str]:
  """What was given, by the names and in the form that a source reads.

  Args:
    given: x, labels and, perhaps None, x_test, labels_test, x_val, labels_val,
      clean_labels, ids, filepaths.

  Returns:
    (name -> array as data/sources/arrays.py has them, the form that the inputs
    were in, the dtype of x).

  Raises:
    InputError: they are not what they should be.
  """
  check_index(given["x"], given["labels"])
  for part in ("test", "val"):
    there = [n for n in (f"x_{part}", f"labels_{part}") if given[n] is not None]
    check(
      len(there) != 1,
      f"{there[0] if there else ''} without"
      f" {'labels' if there == [f'x_{part}'] else 'x'}_{part}; expected both or"
      " none",
    )
  names = {
    "image": "x",
    **{f"{part}_image": f"x_{part}" for part in ("test", "val")},
  }
  found = {
    ours: numbers(name, given[name])
    for ours, name in names.items()
    if name == "x" or given[name] is not None
  }
  dtype = found["image"].dtype.str
  form = form_of("fit", {names[ours]: x for ours, x in found.items()})
  found = {ours: formed(x, form) for ours, x in found.items()}
  names = {
    "label": "labels",
    "test_label": "labels_test",
    "val_label": "labels_val",
    "clean_label": "clean_labels",
    "id": "ids",
    "filepath": "filepaths",
  }
  for ours, name in names.items():
    if name == "labels" or given[name] is not None:
      found[ours] = labels_of(name, given[name])
  return found, form, dtype


def as_trained(x: Any, form: Form, dtype: str) -> np.ndarray:
  """Images or vectors in the one form, as those were that were trained on.

  A picture of numbers alone does not say whether 1 is white: what `fit` was
  given does.

  Args:
    x: [N, ...], as for `numbers`.
    form: that training data were in.
    dtype: that they had.

  Returns:
    uint8 [N, H, W, channels], or float32 [N, F].

  Raises:
    InputError: no images, or of values that mean something else.
  """
  x = numbers("x", x)
  same = form.vectors == (x.ndim == 2) and x.dtype.kind == np.dtype(dtype).kind
  if form.vectors or not same or x.dtype.itemsize != np.dtype(dtype).itemsize:
    return formed(x, form_of("predict", {"x": x}))
  most = 255 / form.factor
  check(
    x.size == 0 or bool((x >= 0).all() and (x <= most).all()),
    f"x has values outside of 0..{most:g}, which those trained on were in",
  )
  return formed(x, form)
