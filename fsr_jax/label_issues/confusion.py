"""Which classes are taken for which, from examples beyond doubt.

Of NumPy arrays, for a list of wrong labels, and of JAX arrays in training:
`xp` is the module of the two, and functions without it use operators alone.
"""

import numpy as np

# Share of the examples said to be of a class that are anchors of it, those the
# network is surest of: fewer are surer and tell less. Of a small class so many,
# but no more than a third.
_ANCHOR_SHARE, _FEW_ANCHORS, _THIRD = 0.1, 40, 3
# No anchor of any class.
NO_ANCHOR = -1
# Of `class_shares`. More follow the noise of a small set.
_ROUNDS = 8
_TINY = 1e-6
# Widths that are tried: pseudo-counts, few = classes differ much.
_WIDTHS = np.geomspace(0.5, 1e5, 60)
# Of the share of wrong labels in a class: so many anchors of it weigh as much
# as what is known of all others, even where those differ much.
_LEAST_WIDTH = 5.0


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
  # The larger of two numbers, the smaller of two, by operators.
  third = -(-count // _THIRD)
  few = third - (third - _FEW_ANCHORS).clip(0)
  share = (_ANCHOR_SHARE * count).astype(count.dtype)
  return few + (share - few).clip(0)


def most_anchors(size: int) -> int:
  """More than any class of a set of `size` examples has."""
  return max(_FEW_ANCHORS, int(_ANCHOR_SHARE * size)) + 1


def pair_counts(labels: np.ndarray, anchor: np.ndarray, num_classes: int):
  """How often an anchor of each class was given each label.

  Args:
    labels: int [N], given labels.
    anchor: int [N], from `anchors`.
    num_classes: C.

  Returns:
    int64 [C, C], a row a class, a column a label.
  """
  known = anchor >= 0
  pair = anchor[known].astype(np.int64) * num_classes + labels[known]
  flat = np.bincount(pair, minlength=num_classes**2)
  return flat.reshape(num_classes, num_classes)


def transition(pairs, xp=np, most: int | None = None):
  """What labellers do with the examples of each class.

  Counts of few anchors are noisy. How far each class may differ from the mean
  of all, in the share of wrong labels and in where they go, is told by how much
  the counts of all classes differ (empirical Bayes: a beta and a symmetric
  Dirichlet distribution, their widths by maximum likelihood). So labels that
  are wrong at random come out as such, and cats that are always called dogs
  too.

  Args:
    pairs: int [C, C], of `pair_counts`.
    xp: numpy or jax.numpy, whose array `pairs` is.
    most: more than any count; None to look.

  Returns:
    float [C, C], entry (i, j): the probability that an example of class i is
    labelled j.
  """
  most = int(pairs.sum(1).max()) + 1 if most is None else most
  num_classes = pairs.shape[0]
  of_class, diagonal = pairs.sum(1), np.eye(num_classes, dtype=bool)
  others = pairs * ~diagonal
  wrong = others.sum(1)
  width = _dirichlet_width(others, xp, most)
  where = (others + width / (num_classes - 1)) / (wrong + width)[:, None]
  mean = wrong.sum() / of_class.sum().clip(1)
  mean = mean.clip(_TINY, 1 - _TINY)
  width = _beta_width(wrong, of_class, mean, xp, most)
  share = (wrong + width * mean) / (of_class + width)
  result = xp.where(diagonal, (1 - share)[:, None], share[:, None] * where)
  return result.clip(_TINY)


def class_shares(transition, given):
  """How many examples there are of each class, by their true class.

  Args:
    transition: float [C, C]; NumPy or JAX.
    given: float [C], shares by given label.

  Returns:
    float [C], shares that `transition` turns into about `given`: a few rounds
    of expectation maximization, begun at `given`.
  """
  share = given
  for _ in range(_ROUNDS):
    share = share * (transition @ (given / (share @ transition).clip(1e-12)))
  return share / share.sum()


def _rising(counts, start, xp, most: int):
  """sum over counts n of log(a (a+1) ... (a+n-1)), for every a of `start`.

  Args:
    counts: whole numbers of any shape, below `most`.
    start: float [S].
    xp: as for `transition`.
    most: int.
  """
  # Of xp, so that JAX keeps no table [S, most] in its program.
  start, steps = xp.asarray(start), xp.arange(most)
  # How many counts exceed 0, 1, 2, ...
  at_most = xp.searchsorted(xp.sort(counts.ravel()), steps, side="right")
  return xp.log(start[:, None] + steps) @ (counts.size - at_most)


def _dirichlet_width(others, xp, most: int):
  """Of a symmetric Dirichlet distribution that rows of counts come from.

  Args:
    others: int [C, C], zeros on the diagonal, which tell nothing.
    xp, most: as for `transition`.
  """
  cells = others.shape[0] - 1
  likelihood = _rising(others, _WIDTHS / cells, xp, most)
  likelihood = likelihood - _rising(others.sum(1), _WIDTHS, xp, most)
  return xp.asarray(_WIDTHS)[xp.argmax(likelihood)]


def _beta_width(some, of, mean, xp, most: int):
  """Of a beta distribution of this mean that shares some / of come from."""
  width = _WIDTHS[_WIDTHS >= _LEAST_WIDTH]
  likelihood = _rising(some, width * mean, xp, most) + _rising(
    of - some, width - width * mean, xp, most
  )
  likelihood = likelihood - _rising(of, width, xp, most)
  return xp.asarray(width)[xp.argmax(likelihood)]
