"""Dynamic instance-specific selection and correction (DISC).

Source: Li, Han, Shan & Chen, CVPR 2023, "DISC: Learning from Noisy Labels via
Dynamic Instance-Specific Selection and Correction". Two views of every image,
a weak and a strong one, go through one network. An example's threshold is the
moving average of the confidence it was predicted with, one for each view. If
both views give its label more than that it is clean, if one does it is hard; if
neither does but the mean of both is sure of a class, that class takes the place
of its label (purified). Clean ones get cross entropy, hard ones generalized
cross entropy, and all three are mixed (MixUp).

Cost: two passes a step, four after the warm-up: 3.8 times plain training.
Hyper-parameters: 20 of 200 epochs of warm-up, momentum 0.99 an epoch of 200,
sigma 0.5 and at most 0.9, MixUp from Beta(5, 5), q 0.7: the authors' code for
CIFAR-10. Told to it: labels alone; the authors choose momentum, weight of the
hard ones and warm-up by kind and share of noise, here they are those of 20 to
40 % uniform noise always.
Differs: strong views are for photos there (AutoAugment); here a random third of
the network's inputs is set to their mean. Losses of two views are averaged, not
added, as learning rate and momentum are not theirs.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals.protocol import Result, Rival, Trial
from fsr_jax.maths.losses import (
  cross_entropy,
  generalized_cross_entropy,
  one_hot,
)

_EPOCHS, _WARMUP, _MOMENTUM = 200, 20 / 200, 0.99
_SIGMA, _MOST, _BETA, _Q, _HIDDEN = 0.5, 0.9, 5.0, 0.7, 1 / 3


class Groups(NamedTuple):
  """What every example is taken for.

  Attributes:
    clean, hard: bool [N], disjoint.
    mixed: bool [N], those, and the purified ones.
    label: int32 [N], of purified ones the corrected label.
  """

  clean: jax.Array
  hard: jax.Array
  mixed: jax.Array
  label: jax.Array


def group(probs: jax.Array, threshold: jax.Array, label: jax.Array) -> Groups:
  """Selection and correction at the end of an epoch.

  Args:
    probs: float [2, N, C], of the weak and the strong view.
    threshold: float [2, N].
    label: int32 [N].

  Returns:
    Groups.
  """
  own = jnp.take_along_axis(probs, label[None, :, None], -1)[..., 0]
  weak, strong = own > threshold
  mean = probs.mean(0)
  sure = mean.max(-1) > jnp.minimum(threshold.mean(0) + _SIGMA, _MOST)
  purified = sure & ~(weak | strong)
  said = mean.argmax(-1).astype(label.dtype)
  return Groups(
    clean=weak & strong,
    hard=weak ^ strong,
    mixed=weak | strong | purified,
    label=jnp.where(purified, said, label),
  )


def partners(key: jax.Array, member: jax.Array) -> jax.Array:
  """int [b]: of every member a random other one; all members in one cycle."""
  order = jnp.lexsort((jax.random.uniform(key, member.shape), ~member))
  rank = jnp.argsort(order)
  return order[(rank + 1) % jnp.maximum(1, member.sum())]


def _mean_over(values: jax.Array, member: jax.Array) -> jax.Array:
  return jnp.sum(values * member) / jnp.maximum(1, jnp.sum(member))


def train(trial: Trial) -> Result:
  """Plain training on both views, then on the three groups."""
  classes = trial.num_classes

  def step(carry, batch, number):
    net, probs, groups, begun = carry
    size, index = len(batch.label), batch.index
    keys = jax.random.split(trial.key(number), 3)
    hidden = jax.random.bernoulli(keys[0], _HIDDEN, batch.image.shape)
    views = batch.image, jnp.where(hidden, 0.0, batch.image)
    clean, hard, member, label = (x[index] for x in groups)
    other = partners(keys[1], member)
    share = jax.random.beta(keys[2], _BETA, _BETA)
    share = jnp.maximum(share, 1 - share)
    mixes = [share * view + (1 - share) * view[other] for view in views]
    given, target = one_hot(batch.label, classes), one_hot(label, classes)
    mixed_target = share * target + (1 - share) * target[other]

    def loss(logits, features):
      del features
      parts = logits.reshape(4, size, -1)
      usual = [cross_entropy(x, given) for x in parts[:2]]
      robust = [generalized_cross_entropy(x, given, _Q) for x in parts[:2]]
      mixed = [cross_entropy(x, mixed_target) for x in parts[2:]]
      first = sum(jnp.mean(x) for x in usual) / 2
      later = sum(
        jnp.mean(clean * u + hard * r) + _mean_over(m, member)
        for u, r, m in zip(usual, robust, mixed)
      )
      seen = jax.nn.softmax(jax.lax.stop_gradient(parts[:2]))
      return jnp.where(begun, later / 2, first), seen

    images = jnp.concatenate([*views, *mixes])
    net, seen = trial.update(net, images, loss)
    return net, probs.at[:, index].set(seen), groups, begun

  run, grouped = trial.compiled(step), jax.jit(group)
  momentum = _MOMENTUM ** (_EPOCHS / trial.num_epochs)
  warmup = max(1, round(_WARMUP * trial.num_epochs))
  net, label = trial.create(), trial.train.label
  probs = jnp.zeros((2, trial.num_examples, classes))
  threshold = jnp.full((2, trial.num_examples), 1 / trial.num_examples)
  for epoch in range(trial.num_epochs):
    groups = grouped(probs, threshold, label)
    if epoch:
      threshold = momentum * threshold + (1 - momentum) * probs.max(-1)
    net, probs, *_ = run((net, probs, groups, epoch >= warmup), epoch)
  return trial.result(net, 4 - 2 * warmup / trial.num_epochs)


RIVALS = {"disc": Rival(train)}
