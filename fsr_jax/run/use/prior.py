"""--prior: the class shares where a network is used."""

import math
import pathlib

import numpy as np

from fsr_jax.data.labels.classes import by_name, indices
from fsr_jax.data.labels.values import TABLE
from fsr_jax.data.table import Table, read_table
from fsr_jax.errors import check
from fsr_jax.files import place
from fsr_jax.run.use.description import Description

# Columns that may say how common a class is.
_SHARES = ("share", "count")


def read(prior: str | None, description: Description) -> np.ndarray | None:
  """The shares that are meant.

  Args:
    prior: uniform; train, those of the training labels; a table with the
      columns class and share (or count); None for those that the network's
      predictions are for.
    description: Description, of the network.

  Returns:
    float32 [C], sum 1; None where predictions stay as they are.

  Raises:
    InputError: no such file, a class without a row or with two, values that
      are no shares.
  """
  size = description.num_classes
  if prior is None:
    return None
  if prior == "train":
    counts = np.array(description.class_counts, np.float32)
    # Without it these are the shares that predictions are for.
    return counts / counts.sum() if description.logit_adjustment else None
  if prior == "uniform":
    return np.full(size, 1 / size, np.float32)
  file = place(prior)
  check(
    file.exists(),
    f"prior={prior}; expected uniform, train or a table with the columns class"
    f" and share, and there is no file {file}",
  )
  table = read_table(file, required=("label",))
  names = description.class_names
  classes = indices(
    file,
    table.called.get("label", "label"),
    table.columns["label"],
    by_name(names),
    unknown=False,
    rows=TABLE,
  )
  values = _shares(file, table)
  rows = np.bincount(classes, minlength=size)
  odd = [f"{names[c]} has {rows[c]} rows" for c in np.flatnonzero(rows != 1)]
  check(
    not odd,
    f"{file}: {', '.join(odd[:5])}; expected one row for each of the {size}"
    " classes",
  )
  shares = np.zeros(size)
  shares[classes] = values
  check(bool(shares.sum() > 0), f"{file}: the shares of all classes are 0")
  return (shares / shares.sum()).astype(np.float32)


def _shares(file: pathlib.Path, table: Table) -> list[float]:
  """The column that says how common a class is."""
  found = [n for n in table.columns if n.strip().lower() in _SHARES]
  check(
    len(found) == 1,
    f"{file} has {len(found)} of the columns {', '.join(_SHARES)}; expected"
    " one",
  )
  values = []
  for position, text in enumerate(table.columns[found[0]]):
    try:
      value = float(text)
    except ValueError:
      value = math.nan
    check(
      0 <= value < math.inf,
      f"{file}, {TABLE.name(position)}: {found[0]} {text!r}; expected a number,"
      " 0 or more",
    )
    values.append(value)
  return values
