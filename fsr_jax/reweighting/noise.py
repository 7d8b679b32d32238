"""What a run finds out about how labels go wrong, while it trains.

Samples whose class is beyond doubt (`Anchors`) and the labels that they were
given show which classes are taken for which. That says how many labels are
wrong and how many samples each class really has (`Noise`), and with what the
network has said of a sample, how likely its own label is right (`label_score`).
Nobody tells it anything of the noise.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.label_issues import confusion
from fsr_jax.maths import dictionary, shares, tables
from fsr_jax.maths.checks import expect
from fsr_jax.maths.sweep import sweep

# Anchors are settled at the end of one of these epochs, counted from 1: by then
# a network knows the clear cases. Later it has learned labels by heart: of the
# wrong ones too few would be counted, or, where it has learned little else, far
# too many. Measured in docs/measured/lists.md and board.md.
FIRST_EPOCH, LAST_EPOCH = 3, 10
# A network that knows its clear cases calls them the same the next time it sees
# them. Measured there: share 0.98 to 1.00 of anchors that are right, 0.4 to
# 0.9 of a network's that is not as far yet.
STEADY = 0.95


class Anchors(NamedTuple):
  """The samples whose class is beyond doubt (`label_issues.confusion.anchors`).

  Attributes:
    label: int32 [N], that class, -1 for the other samples.
    steady: float32, share of them that the network called the same at the
      visit after they were chosen; of the last ones that were chosen.
    settled: bool, whether so many were, in the first ten epochs, that they are
      kept from then on. Before that they are chosen anew each epoch, and
      nothing is made of them; after ten epochs none are settled any more.
  """

  label: jax.Array
  steady: jax.Array
  settled: jax.Array


class Noise(NamedTuple):
  """How labels go wrong; until anchors are settled, that all are right.

  Attributes:
    transition: float32 [C, C], entry (i, j): the probability that a sample of
      class i is labelled j.
    class_share: float32 [C], of the samples, by their true class, each at
      least that of one sample; sum 1.
    wrong_share: float32, share of the labels that are wrong.
    predicted_share: float32 [C], mean of what the network has said; until
      anchors are settled, the shares of the given labels.
  """

  transition: jax.Array
  class_share: jax.Array
  wrong_share: jax.Array
  predicted_share: jax.Array


def is_sure(anchors: Anchors | None) -> jax.Array | bool:
  """Whether anything is known; None where nothing is found out."""
  return False if anchors is None else anchors.settled


def no_anchors(num_samples: int) -> Anchors:
  """Before the first epoch."""
  nobody = jnp.full(num_samples, confusion.NO_ANCHOR, jnp.int32)
  return Anchors(nobody, jnp.zeros((), jnp.float32), jnp.zeros((), bool))


def all_right(label: jax.Array, num_classes: int) -> Noise:
  """What is assumed before anything is known.

  Args:
    label: int32 [N], given labels.
    num_classes: C.
  """
  share = _at_least_one(_shares(label, num_classes), label.shape[0])
  return Noise(
    jnp.eye(num_classes, dtype=jnp.float32),
    share,
    jnp.zeros((), jnp.float32),
    share,
  )


def update(
  anchors: Anchors,
  noise: Noise,
  seen: tables.Tables,
  label: jax.Array,
  epoch: jax.Array,
) -> tuple[Anchors, Noise]:
  """What is known at the end of an epoch.

  Args:
    anchors, noise: as of the epoch before.
    seen: Tables, with mean_root and predicted.
    label: int32 [N], given labels.
    epoch: int32, counted from 1.

  Returns:
    (Anchors, Noise).
  """
  num_classes = noise.class_share.shape[0]
  before = anchors.label != confusion.NO_ANCHOR
  same = before & (seen.predicted == anchors.label)
  steady = jnp.sum(same) / jnp.maximum(jnp.sum(before), 1)
  open_still = ~anchors.settled & (epoch <= LAST_EPOCH)
  settles = open_still & (epoch >= FIRST_EPOCH) & (steady >= STEADY)
  chosen = jax.lax.cond(
    open_still & (epoch >= FIRST_EPOCH - 1),
    lambda: _surest(seen, num_classes),
    lambda: anchors.label,
  )
  noise = jax.lax.cond(
    settles, lambda: _told_by(chosen, label, noise), lambda: noise
  )
  settled = anchors.settled | settles
  new = Anchors(
    chosen,
    jnp.where(anchors.settled, anchors.steady, steady).astype(jnp.float32),
    settled,
  )
  # Nobody asks for it before, of plain training never.
  predicted = jax.lax.cond(
    settled, lambda: _predicted(seen), lambda: noise.predicted_share
  )
  return new, noise._replace(predicted_share=predicted)


def label_score(
  noise: Noise, probabilities: jax.Array, label: jax.Array
) -> jax.Array:
  """How likely each label is right.

  Args:
    noise: Noise.
    probabilities: float [b, C], what the network has said of each sample.
    label: int32 [b], given labels.

  Returns:
    float [b], 0-1; 1 where all labels are taken for right.

  Source: Bayes' rule under class-conditional noise (Natarajan et al. 2013), as
  in `label_issues.quality`, which calibrates it besides.
  """
  expect(probabilities=(probabilities, "float B C"), label=(label, "int B"))
  # A network that weighs samples may hold rare classes for commoner.
  factor = noise.class_share / jnp.maximum(noise.predicted_share, _TINY)
  joint = probabilities * factor * noise.transition.T[label]
  right = jnp.take_along_axis(joint, label[:, None], axis=1)[:, 0]
  return right / jnp.maximum(
    jnp.sum(joint, axis=1), jnp.finfo(joint.dtype).tiny
  )


_TINY = 1e-6


def _surest(seen: tables.Tables, num_classes: int) -> jax.Array:
  """`label_issues.confusion.anchors` of what the network has said so far."""
  assert seen.mean_root is not None, "these tables keep no predictions"
  total, size = seen.visits.shape[0], seen.mean_root.shape[0]

  # Never all probabilities at a time: they would take as much as mean_root.
  def block(carry, cut, position, new):
    del new  # Nothing happens where a sample is noted twice.
    probabilities = tables.mean_probabilities(cut(seen.mean_root))
    found = jnp.argmax(probabilities, axis=1), jnp.max(probabilities, axis=1)
    return tuple(
      jax.lax.dynamic_update_slice_in_dim(
        old, part.astype(old.dtype), position[0], 0
      )
      for old, part in zip(carry, found)
    )

  nothing = jnp.zeros(size, jnp.int32), jnp.zeros(size, jnp.float32)
  found = sweep(size, block, nothing, num_classes)
  said, sure = (shares.joined(x, total) for x in found)
  sure = jnp.where(seen.visits > 0, sure, -jnp.inf)
  count = confusion.anchor_count(jnp.bincount(said, length=num_classes))
  chosen = dictionary.best(sure, said, count)
  return jnp.where(chosen & (seen.visits > 0), said, confusion.NO_ANCHOR)


def _told_by(anchor: jax.Array, label: jax.Array, noise: Noise) -> Noise:
  """Noise as the labels of the anchors show it."""
  size, num_classes = label.shape[0], noise.class_share.shape[0]
  pair = jnp.where(anchor >= 0, anchor * num_classes + label, num_classes**2)
  # Those of no anchor are counted behind all others, and left out.
  pairs = jnp.bincount(pair, length=num_classes**2 + 1)[:-1]
  matrix = confusion.transition(
    pairs.reshape(num_classes, num_classes), jnp, confusion.most_anchors(size)
  )
  share = confusion.class_shares(matrix, _shares(label, num_classes))
  wrong = jnp.sum(share * (1 - jnp.diagonal(matrix)))
  return Noise(
    matrix.astype(jnp.float32),
    _at_least_one(share, size),
    wrong.astype(jnp.float32),
    noise.predicted_share,
  )


def _predicted(seen: tables.Tables) -> jax.Array:
  """Mean over the samples of what the network has said, float32 [C]."""
  assert seen.mean_root is not None, "these tables keep no predictions"
  there = shares.cut((seen.visits > 0).astype(jnp.float32), seen.mean_root)

  def block(total, cut, position, new):
    del position
    probabilities = tables.mean_probabilities(cut(seen.mean_root))
    return total + jnp.where(new, cut(there), 0) @ probabilities

  size, num_classes = seen.mean_root.shape
  total = sweep(size, block, jnp.zeros(num_classes, jnp.float32), num_classes)
  total = shares.summed(total, seen.mean_root, seen.visits.shape[0])
  return total / jnp.maximum(jnp.sum(seen.visits > 0), 1)


def _shares(label: jax.Array, num_classes: int) -> jax.Array:
  count = jnp.bincount(label, length=num_classes)
  return count.astype(jnp.float32) / label.shape[0]


def _at_least_one(share: jax.Array, size: int) -> jax.Array:
  """Shares of no class below that of one sample, float32 [C]."""
  share = jnp.maximum(share, 1 / size)
  return (share / jnp.sum(share)).astype(jnp.float32)
