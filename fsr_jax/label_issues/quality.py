"""How likely each label is right, from the labels and what a network says.

Three questions, one after the other, for N examples of C classes:

1. Which classes are taken for which? `confusion.anchors` are the examples whose
   class is beyond doubt; the labels that they were given show what labellers do
   with examples of that class (`confusion.transition`).
2. How many labels are wrong? As many as that makes of every class
   (`confusion.class_shares`).
3. Which ones? Bayes' rule on the network's opinion of each example and its
   label (`label_quality`), on a scale that agrees with 1 and 2.

Nothing here is told how the labels went wrong. Measured in
docs/measured/lists.md.
"""

from typing import NamedTuple

import numpy as np

from fsr_jax.label_issues.confusion import (
  class_shares,
  pair_counts,
  transition,
)

# Anchors from which on a class is judged rather by itself than by all.
_OWN_JUDGEMENT = 100
# How many times as many labels of a class may be suspected as are expected to
# be wrong.
_SUSPECTS = 2
# Examples that the temperature is fitted on.
_FITTED = 20_000
# Numbers that are worked on at once.
_AT_ONCE = 10_000_000
_TINY = 1e-6


class Quality(NamedTuple):
  """What is known of N labels of C classes.

  Attributes:
    label_score: float64 [N], probability that the label is right, 0-1.
    expected_wrong: how many labels are wrong, an estimate.
    transition: float64 [C, C], entry (i, j): the probability that an example
      of class i is labelled j.
    class_share: float64 [C], of the examples, by their true class.
    temperature: power of the network's odds.
  """

  label_score: np.ndarray
  expected_wrong: float
  transition: np.ndarray
  class_share: np.ndarray
  temperature: float


def label_quality(
  labels: np.ndarray, pred_probs: np.ndarray, anchor: np.ndarray
) -> Quality:
  """How likely each label is right.

  Args:
    labels: int [N], given labels, 0..C-1.
    pred_probs: float [N, C], what a network says of each example.
    anchor: int [N], from `confusion.anchors`.

  Returns:
    Quality.

  Source: Bayes' rule under class-conditional noise (Natarajan et al. 2013);
  the temperature by the likelihood of the given labels, the rest ours.
  """
  size, num_classes = pred_probs.shape
  pairs = pair_counts(labels, anchor, num_classes)
  matrix, counts = transition(pairs), pairs.sum(1)
  given = np.bincount(labels, minlength=num_classes) / size
  share = class_shares(matrix, given)
  # A network that weighs samples may hold rare classes for commoner.
  told = np.mean(pred_probs, axis=0, dtype=np.float64)
  factor = share / np.maximum(told, _TINY)
  temperature = _temperature(labels, pred_probs, matrix, share)
  odds = temperature * _log_odds(labels, pred_probs, matrix, factor)
  expected = size * float(share @ (1 - matrix.diagonal()))
  shift = _shift(odds, size - expected)
  # Of every class by itself, as far as its anchors reach.
  right = share * matrix.diagonal() / np.maximum(share @ matrix, _TINY)
  own = np.full(num_classes, shift)
  for c in np.unique(labels):
    members, trust = odds[labels == c], counts[c] / (counts[c] + _OWN_JUDGEMENT)
    own[c] += trust * (_shift(members, len(members) * right[c]) - shift)
    # The network knows little of a rare class: without a limit its few
    # examples would be suspected first.
    most = min(1, _SUSPECTS * (1 - right[c])) * len(members)
    own[c] = max(own[c], _shift(members, len(members) - most))
  score = _sigmoid(odds + own[labels])
  return Quality(score, expected, matrix, share, temperature)


def _log_odds(labels, pred_probs, matrix, factor) -> np.ndarray:
  """log of right : wrong for every label, float64 [N]."""
  result = np.empty(len(labels))
  step = max(1, _AT_ONCE // pred_probs.shape[1])
  for start in range(0, len(labels), step):
    some = slice(start, start + step)
    given = labels[some]
    joint = np.maximum(pred_probs[some], _TINY) * factor * matrix.T[given]
    right = joint[np.arange(len(given)), given]
    wrong = np.maximum(joint.sum(1) - right, np.finfo(np.float64).tiny)
    result[some] = np.log(right) - np.log(wrong)
  return result


def _temperature(labels, pred_probs, matrix, share) -> float:
  """The power of the probabilities that explains the given labels best."""
  some = np.arange(len(labels))
  if len(some) > _FITTED:
    some = np.random.RandomState(0).choice(len(some), _FITTED, replace=False)
  # float64: of a power of 8 float32 has no room for the smallest.
  logs = np.log(np.maximum(pred_probs[some].astype(np.float64), _TINY))
  into = matrix.T[labels[some]]

  def likelihood(power):
    powered = np.exp(power * logs)
    powered /= powered.sum(1, keepdims=True)
    powered *= share / powered.mean(0)
    powered /= powered.sum(1, keepdims=True)
    return np.mean(np.log(np.sum(powered * into, axis=1)))

  return float(max(np.geomspace(0.4, 8, 25), key=likelihood))


def _shift(odds: np.ndarray, right: float) -> float:
  """What is to be added to log odds so that `right` labels are expected to be
  right."""
  size = len(odds)
  right = min(max(right, 0.0005 * size), 0.9995 * size)
  least, most, shift = -100.0, 100.0, 0.0
  for _ in range(60):  # Newton's method; where it leaves the bracket, halving.
    score = _sigmoid(odds + shift)
    excess = score.sum() - right
    if abs(excess) < 1e-6 * size:
      break
    least, most = (least, shift) if excess > 0 else (shift, most)
    step = excess / max(float(np.sum(score * (1 - score))), _TINY)
    shift = shift - step
    if not least < shift < most:
      shift = (least + most) / 2
  return shift


def _sigmoid(x: np.ndarray) -> np.ndarray:
  return 1 / (1 + np.exp(-np.clip(x, -500, 500)))
