"""DISC: dynamic instance-specific selection and correction.

Source: Li, Han, Shan & Chen, CVPR 2023, "DISC: Learning from Noisy Labels via
Dynamic Instance-Specific Selection and Correction". A weak and a strong view of
every image go through one network. An example has a threshold for each, the
moving average of how sure the network was of its prediction. After every epoch
an example is clean if both views give its label more than that, hard if one of
them does; if neither does, but their mean is sure of a class, it is purified:
it gets that class. Then clean ones cost cross entropy, hard ones generalized
cross entropy, and all three are trained on once more, mixed (MixUp).

Passes: 3.8; two a step in the warm-up, four after it.

Hyper-parameters: the authors' code for CIFAR-10: 20 of 200 epochs of warm-up,
as the same share of the training; momentum 0.99 an epoch, for 200 of them, as
the same momentum over the training; sure is 0.5 above the threshold, or 0.9;
MixUp from Beta(5, 5); q = 0.7. Theirs change with kind and rate of the noise,
which are not told here: they are those for uniform noise of 20 and 40 %.
Differs: the strong view is not AutoAugment, which is for photos, but has a
third of the network's inputs set to 0, their mean. Views are averaged, not
summed, as learning rate and momentum are not theirs.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.rivals.protocol import Result, Rival, Trial
from fsr_jax.maths.losses import (
  cross_entropy,
  generalized_cross_entropy,
  one_hot,
)

_EPOCHS, _WARMUP, _MOMENTUM = 200, 20 / 200, 0.99
_ABOVE, _SURE, _BETA, _Q, _HIDDEN = 0.5, 0.9, 5.0, 0.7, 1 / 3


class Groups(NamedTuple):
  """What examples are taken for.

  Attributes:
    clean, hard: bool [n], disjoint.
    mixed: bool [n], those and the purified ones.
    label: int32 [n], the class of the purified ones, the label of the others.
  """

  clean: jax.Array
  hard: jax.Array
  mixed: jax.Array
  label: jax.Array


def group(probs: jax.Array, threshold: jax.Array, label: jax.Array) -> Groups:
  """Selection and correction at the end of an epoch.

  Args:
    probs: float [2, n, C], of the weak and the strong view.
    threshold: float [2, n].
    label: int32 [n].

  Returns:
    Groups.
  """
  own = jnp.take_along_axis(probs, label[None, :, None], -1)[..., 0]
  weak, strong = own > threshold
  mean = probs.mean(0)
  sure = mean.max(-1) > jnp.minimum(threshold.mean(0) + _ABOVE, _SURE)
  purified = sure & ~(weak | strong)
  said = mean.argmax(-1).astype(label.dtype)
  return Groups(
    clean=weak & strong,
    hard=weak ^ strong,
    mixed=weak | strong | purified,
    label=jnp.where(purified, said, label),
  )


def partners(key: jax.Array, member: jax.Array) -> jax.Array:
  """int [b]: of every member (bool [b]) the next one, in a random circle."""
  order = jnp.lexsort((jax.random.uniform(key, member.shape), ~member))
  return order[(jnp.argsort(order) + 1) % jnp.maximum(1, member.sum())]


def objective(
  logits: jax.Array, given: jax.Array, mixed: jax.Array, of: Groups
) -> jax.Array:
  """Cost of the three groups, mean over both views.

  Args:
    logits: float [4, b, C], of both views and of both, mixed.
    given, mixed: float [b, C], targets.
    of: Groups of the batch.

  Returns:
    float, nats: of clean and hard ones over b, of mixes over their number.
  """
  total = jnp.zeros(())
  for view, mix in zip(logits[:2], logits[2:]):
    losses = of.clean * cross_entropy(view, given)
    losses += of.hard * generalized_cross_entropy(view, given, _Q)
    mixes = of.mixed * cross_entropy(mix, mixed)
    count = jnp.maximum(1, jnp.sum(of.mixed))
    total += jnp.mean(losses) + jnp.sum(mixes) / count
  return total / 2


def train(trial: Trial) -> Result:
  """Cross entropy of both views, then the three groups."""

  def step(carry, batch, number):
    net, probs, groups, begun = carry
    keys = jax.random.split(trial.key(number), 3)
    hidden = jax.random.bernoulli(keys[0], _HIDDEN, batch.image.shape)
    views = jnp.stack([batch.image, jnp.where(hidden, 0, batch.image)])
    of = jax.tree.map(lambda x: x[batch.index], groups)
    other = partners(keys[1], of.mixed)
    share = jax.random.beta(keys[2], _BETA, _BETA)
    share = jnp.maximum(share, 1 - share)
    mixes = share * views + (1 - share) * views[:, other]
    given = one_hot(batch.label, trial.num_classes)
    mixed = one_hot(of.label, trial.num_classes)
    mixed = share * mixed + (1 - share) * mixed[other]

    def loss(logits, features):
      logits = logits.reshape(4, len(given), -1)
      plain = sum(jnp.mean(cross_entropy(x, given)) for x in logits[:2]) / 2
      seen = jax.nn.softmax(jax.lax.stop_gradient(logits[:2]))
      return jnp.where(begun, objective(logits, given, mixed, of), plain), seen

    images = jnp.concatenate([*views, *mixes])
    net, seen = trial.update(net, images, loss)
    return net, probs.at[:, batch.index].set(seen), groups, begun

  run, regroup = trial.compiled(step), jax.jit(group)
  momentum = _MOMENTUM ** (_EPOCHS / trial.num_epochs)
  warmup = max(1, round(_WARMUP * trial.num_epochs))
  net, shape = trial.create(), (2, trial.num_examples)
  probs = jnp.zeros((*shape, trial.num_classes))
  threshold = jnp.full(shape, 1 / trial.num_examples)
  for epoch in range(trial.num_epochs):
    groups = regroup(probs, threshold, trial.train.label)
    if epoch:
      threshold = momentum * threshold + (1 - momentum) * probs.max(-1)
    net, probs, *_ = run((net, probs, groups, epoch >= warmup), epoch)
  return trial.result(net, 4 - 2 * warmup / trial.num_epochs)


RIVALS = {"disc": Rival(train)}
