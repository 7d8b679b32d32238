"""The tables of the page: classes, and which class is taken for which."""

from typing import NamedTuple

import numpy as np

from fsr_jax.run.page.finished import Finished
from fsr_jax.run.page.headline import pairs

# Up to so many classes the matrix is a table of all pairs, which a person can
# look at; of more the commonest pairs are listed.
_MOST_COLUMNS = 24
_MOST_PAIRS = 40
# Rows of the table of classes.
_MOST_CLASSES = 1000


class ClassRow(NamedTuple):
  """A class; None for what is not known.

  Attributes:
    name: of the class.
    examples: training examples with this label.
    issues: of them, whose label looks wrong.
    issue_share: the same as a share, 0-1.
    tested: test examples.
    accuracy, accuracy_ema: share of them predicted right.
    precision: share of those said to be of this class that are.
    weight: mean weight of its training examples, 1 = plain training.
  """

  name: str
  examples: int
  issues: int | None
  issue_share: float | None
  tested: int | None
  accuracy: float | None
  accuracy_ema: float | None
  precision: float | None
  weight: float | None


def class_rows(run: Finished) -> list[ClassRow]:
  """The classes, those with most labels that look wrong first where they are
  so many that some are left out; else in their order.

  Args:
    run: Finished.
  """
  size = len(run.classes)
  examples = np.array(run.network.class_counts)
  nothing = np.full(size, np.nan)
  issues = share = weight = nothing
  if run.samples is not None:
    given = run.samples.given
    issues = np.bincount(given, run.samples.issue, size)
    share = issues / np.maximum(examples, 1)
    known = np.isfinite(run.samples.weight)
    total = np.bincount(given[known], run.samples.weight[known], size)
    weight = total / np.maximum(np.bincount(given[known], minlength=size), 1)
  tested = run.tested or {}
  columns = {
    name: tested.get(name, nothing)
    for name in ("test_examples", "accuracy", "accuracy_ema", "precision")
  }
  order = np.arange(size)
  if size > _MOST_CLASSES:
    order = np.argsort(-np.nan_to_num(issues), kind="stable")[:_MOST_CLASSES]
  return [
    ClassRow(
      name=run.classes[c],
      examples=int(examples[c]),
      issues=_whole(issues[c]),
      issue_share=_known(share[c]),
      tested=_whole(columns["test_examples"][c]),
      accuracy=_known(columns["accuracy"][c]),
      accuracy_ema=_known(columns["accuracy_ema"][c]),
      precision=_known(columns["precision"][c]),
      weight=_known(weight[c]),
    )
    for c in order.tolist()
  ]


def _known(value: float) -> float | None:
  return float(value) if np.isfinite(value) else None


def _whole(value: float) -> int | None:
  return int(value) if np.isfinite(value) else None


def matrix(run: Finished) -> list[list[float]] | None:
  """The estimated transition matrix.

  Args:
    run: Finished.

  Returns:
    For each class the probabilities of the labels that its examples are given;
    None where it is not known, or of so many classes that `likeliest` is read.
  """
  size = len(run.classes)
  if run.transition is None or size > _MOST_COLUMNS:
    return None
  table = np.zeros((size, size))
  table[run.transition.true, run.transition.label] = run.transition.probability
  return table.tolist()


class PairRow(NamedTuple):
  """Examples of one class that are labelled as another.

  Attributes:
    true, label: names of the classes.
    probability: that an example of class `true` is labelled so, an estimate;
      None where it is not known.
    issues: labels that look wrong in this way.
  """

  true: str
  label: str
  probability: float | None
  issues: int


def likeliest(run: Finished) -> list[PairRow]:
  """The pairs of classes with most labels that look wrong.

  Args:
    run: Finished.
  """
  if run.samples is None:
    return []
  estimate = {}
  if run.transition is not None:
    true, label, probability = run.transition
    keys = zip(true.tolist(), label.tolist())
    estimate = dict(zip(keys, probability.tolist()))
  rows = []
  for both in pairs(run.samples, len(run.classes))[:_MOST_PAIRS]:
    ways = ((both.first, both.second), (both.second, both.first))
    for way, count in zip(ways, (both.forth, both.back)):
      if count:
        seems, given = (run.classes[c] for c in way)
        rows.append(PairRow(seems, given, estimate.get(way), count))
  return sorted(rows, key=lambda row: -row.issues)[:_MOST_PAIRS]
