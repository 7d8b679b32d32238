"""How likely each label is right, from the labels and what a network says.

Three questions, one after the other, for N examples of C classes:

1. Which classes are taken for which? `anchors` are the examples whose class is
   beyond doubt; the labels that they were given show what labellers do with
   examples of that class (`transition`).
2. How many labels are wrong? As many as that makes of every class
   (`class_shares`).
3. Which ones? Bayes' rule on the network's opinion of each example and its
   label (`label_quality`), on a scale that agrees with 1 and 2.

Nothing here is told how the labels went wrong. Measured in docs/results.md.
"""

from typing import NamedTuple

import numpy as np

# Share of the examples said to be of a class that are anchors of it, those the
# network is surest of: fewer are surer and tell less. Of a small class so many,
# but no more than a third.
_ANCHOR_SHARE, _FEW_ANCHORS, _THIRD = 0.1, 40, 3
# No anchor of any class.
NO_ANCHOR = -1
# Of `class_shares`. More follow the noise of a small set.
_ROUNDS = 8
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


def anchors(pred_probs: np.ndarray) -> np.ndarray:
  """The examples whose class is beyond doubt.

  Args:
    pred_probs: float [N, C], best of a network that has not seen the labels of
      these examples, or only a few times: later it knows them by heart.

  Returns:
    int32 [N], the class, or NO_ANCHOR.

  Source: anchor points (Liu & Tao 2016; Patrini et al. 2017), a share of every
  class in place of one example.
  """
  said = pred_probs.argmax(1).astype(np.int32)
  sure = pred_probs[np.arange(len(said)), said]
  order = np.lexsort((-sure, said))  # By class, the surest first.
  count = np.bincount(said, minlength=pred_probs.shape[1])
  start = np.cumsum(count) - count
  rank = np.arange(len(said)) - start[said[order]]
  chosen = order[rank < anchor_count(count)[said[order]]]
  result = np.full(len(said), NO_ANCHOR, np.int32)
  result[chosen] = said[chosen]
  return result


def anchor_count(count):
  """How many anchors each class has.

  Args:
    count: int [C], examples said to be of each; NumPy or JAX.

  Returns:
    int [C], like count.
  """
  # Operators alone serve both: the larger of two numbers, the smaller of two.
  third = -(-count // _THIRD)
  few = third - (third - _FEW_ANCHORS).clip(0)
  share = (_ANCHOR_SHARE * count).astype(count.dtype)
  return few + (share - few).clip(0)


def transition(
  labels: np.ndarray, anchor: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
  """What labellers do with the examples of each class.

  Counts of few anchors are noisy. How far each class may differ from the mean
  of all, in the share of wrong labels and in where they go, is told by how much
  the counts of all classes differ (empirical Bayes: a beta and a symmetric
  Dirichlet distribution, their widths by maximum likelihood). So labels that
  are wrong at random come out as such, and cats that are always called dogs
  too.

  Args:
    labels: int [N], given labels.
    anchor: int [N], from `anchors`.
    num_classes: C.

  Returns:
    (float64 [C, C], as in Quality; int64 [C], anchors of each class).
  """
  known = anchor >= 0
  pair = anchor[known].astype(np.int64) * num_classes + labels[known]
  flat = np.bincount(pair, minlength=num_classes**2)
  counts = flat.reshape(num_classes, num_classes)
  of_class = counts.sum(1)
  wrong = of_class - counts.diagonal()
  others = counts[~np.eye(num_classes, dtype=bool)]
  others = others.reshape(num_classes, num_classes - 1)
  width = _dirichlet_width(others)
  where = (others + width / (num_classes - 1)) / (wrong + width)[:, None]
  mean = float(wrong.sum()) / max(float(of_class.sum()), 1.0)
  mean = min(max(mean, _TINY), 1 - _TINY)
  width = _beta_width(wrong, of_class, mean)
  share = (wrong + width * mean) / (of_class + width)
  result = np.diag(1 - share)
  result[~np.eye(num_classes, dtype=bool)] = (share[:, None] * where).ravel()
  return np.maximum(result, _TINY), of_class


def class_shares(transition: np.ndarray, given: np.ndarray) -> np.ndarray:
  """How many examples there are of each class, by their true class.

  Args:
    transition: float [C, C].
    given: float [C], shares by given label.

  Returns:
    float64 [C], shares that `transition` turns into about `given`: a few
    rounds of expectation maximization, begun at `given`.
  """
  share = np.asarray(given, np.float64)
  for _ in range(_ROUNDS):
    share = share * (
      transition @ (given / np.maximum(share @ transition, 1e-12))
    )
  return share / share.sum()


def label_quality(
  labels: np.ndarray, pred_probs: np.ndarray, anchor: np.ndarray
) -> Quality:
  """How likely each label is right.

  Args:
    labels: int [N], given labels, 0..C-1.
    pred_probs: float [N, C], what a network says of each example.
    anchor: int [N], from `anchors`.

  Returns:
    Quality.

  Source: Bayes' rule under class-conditional noise (Natarajan et al. 2013);
  the temperature by the likelihood of the given labels, the rest ours.
  """
  size, num_classes = pred_probs.shape
  matrix, counts = transition(labels, anchor, num_classes)
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


# Widths that are tried: pseudo-counts, few = classes differ much.
_WIDTHS = np.geomspace(0.5, 1e5, 60)
# Of the share of wrong labels in a class: so many anchors of it weigh as much
# as what is known of all others, even where those differ much.
_LEAST_WIDTH = 5.0


def _rising(counts: np.ndarray, start: np.ndarray) -> np.ndarray:
  """sum over counts n of log(a (a+1) ... (a+n-1)), for every a of `start`.

  Args:
    counts: whole numbers of any shape.
    start: float [S].
  """
  # How many counts exceed 0, 1, 2, ...
  above = np.bincount(counts.ravel())[::-1].cumsum()[::-1][1:]
  return np.log(start[:, None] + np.arange(len(above))) @ above


def _dirichlet_width(counts: np.ndarray) -> float:
  """Of a symmetric Dirichlet distribution that rows of counts come from."""
  width = _WIDTHS
  likelihood = _rising(counts, width / counts.shape[1])
  likelihood = likelihood - _rising(counts.sum(1), width)
  return float(width[np.argmax(likelihood)])


def _beta_width(some: np.ndarray, of: np.ndarray, mean: float) -> float:
  """Of a beta distribution of this mean that shares some / of come from."""
  width = _WIDTHS[_WIDTHS >= _LEAST_WIDTH]
  likelihood = _rising(some, width * mean) + _rising(
    of - some, width - width * mean
  )
  return float(width[np.argmax(likelihood - _rising(of, width))])
