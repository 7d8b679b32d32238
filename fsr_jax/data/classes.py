"""From labels as people write them to classes 0..C-1."""

import numpy as np

from fsr_jax.errors import check

# What stands for a label that is not known.
UNKNOWN = ("", "nan", "-1")


def class_names_of(*labels) -> tuple[str, ...]:
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


def check_ids(where, ids: np.ndarray) -> None:
  """Refuses an id (str [N]) that is there twice."""
  repeated, count = np.unique(ids, return_counts=True)
  check(
    count.max(initial=1) == 1,
    f"{where}: {repeated[count.argmax()] if count.size else ''} is there"
    f" {count.max(initial=1)} times; expected every image once",
  )


def indices(where, what: str, values, names: tuple[str, ...]):
  """int32 [N] of the values in `names`; None for None.

  Args:
    where: they are from.
    what: "label" or "clean_label"; the latter is -1 where it is UNKNOWN.
    values: [N] of text or numbers, or None.
    names: from `class_names_of`.

  Raises:
    InputError: a label is UNKNOWN.
  """
  if values is None:
    return None
  index = {name: c for c, name in enumerate(names)}
  result = np.array([index.get(str(value), -1) for value in values], np.int32)
  missing = np.flatnonzero(result < 0)
  check(
    what.endswith("clean_label") or not missing.size,
    f"{where}: {missing.size} of {len(result)} values of {what} are missing,"
    f" the first is number {missing[0] + 1 if missing.size else ''}",
  )
  return result
