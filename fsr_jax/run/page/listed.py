"""Which training examples the page shows."""

import numpy as np

from fsr_jax.run.page.finished import Finished, Samples

# Classes of which the worst labels are shown, and how many of each.
_CLASSES, _OF_EACH = 24, 9
# Pictures of the dictionary, and the most of one class.
_DICTIONARY, _MOST_OF_CLASS = 160, 16
# Rows of the list that is looked through.
_ROWS = 3000
# Of them, how many have a picture besides those shown elsewhere.
PICTURED = 500
# Up to so many labels are all in the page where examples have no names: there a
# file of corrections has a row for each.
_MOST_LABELS = 300_000


def worst(run: Finished) -> list[tuple[int, np.ndarray]]:
  """The worst labels of each class.

  Args:
    run: Finished.

  Returns:
    (class by given label, int [n]: rows of run.samples, the worst first), of
    the classes with most labels that look wrong, the class with most first.
  """
  samples = run.samples
  if samples is None:
    return []
  rows = np.flatnonzero(samples.issue)
  count = np.bincount(samples.given[rows], minlength=len(run.classes))
  order = np.argsort(-count, kind="stable")[:_CLASSES]
  return [
    (c, rows[samples.given[rows] == c][:_OF_EACH])
    for c in order.tolist()
    if count[c]
  ]


def dictionary(run: Finished) -> list[tuple[int, np.ndarray]]:
  """Samples out of the dictionary, as it was over the whole run.

  Args:
    run: Finished.

  Returns:
    (class, int [n]: rows of run.samples), each example drawn in proportion to
    the epochs for which it was in the dictionary, those that were longest in it
    first; [] without one.
  """
  samples = run.samples
  if samples is None or samples.trusted is None or not samples.trusted.any():
    return []
  size, rng = len(run.classes), np.random.default_rng(0)
  each = min(_MOST_OF_CLASS, max(1, _DICTIONARY // size))
  rows = np.flatnonzero(samples.trusted)
  found = []
  for c in range(min(size, _DICTIONARY)):
    members = rows[samples.given[rows] == c]
    if not members.size:
      continue
    share = samples.trusted[members] / samples.trusted[members].sum()
    some = rng.choice(members, min(each, members.size), replace=False, p=share)
    found.append((c, some[np.argsort(-samples.trusted[some], kind="stable")]))
  return found


def rows(samples: Samples, shown: np.ndarray) -> np.ndarray:
  """Rows of the list that is looked through.

  Args:
    samples: Samples.
    shown: int [n], rows that are shown elsewhere and can be ticked there.

  Returns:
    int [M], ascending: the worst labels, and `shown`.
  """
  return np.union1d(np.arange(min(_ROWS, len(samples))), shown).astype(int)


def labels(samples: Samples) -> list[int] | None:
  """All given labels in the order of the examples, where the page needs them.

  Args:
    samples: Samples.

  Returns:
    [N]; [] where examples have names, so that a row for each correction is
    enough; None where they are too many for a page.
  """
  if samples.id is not None:
    return []
  if len(samples) > _MOST_LABELS:
    return None
  return samples.given[np.argsort(samples.index)].tolist()
