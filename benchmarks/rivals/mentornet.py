"""MentorNet PD: a predefined curriculum of sample weights.

Source: Jiang et al., ICML 2018. The form that needs no clean labels: PD, whose
MentorNet is trained to say what v*(loss, epoch) of section 3.2 says, in closed
form (`vstar_mentornet_pd` of the released code); here v* itself is asked. DD,
the data-driven form, learns its weights from clean labels and cannot be had
without. With lambda the moving average of the 75th percentile of the losses of
a batch and a loss l:

    up to 18 % of the training    v = 1
    up to 90 %                    v = 1 where l <= lambda, else 0
    then                          v = 1 - (l - lambda) / gamma, within 0-1

and in the first 17 % half of the samples of a batch, later 5 %, are dropped at
random (burn-in). The loss is the mean of v l over the whole batch.

Passes: 1.

Hyper-parameters: the released commands' for CIFAR-10 at 20 and 40 % noise:
percentile 0.75 (at 80 % they take 0.5, which tells how many labels are wrong:
not so here), its moving average 0.5, gamma = 1, the burn-in as above; stages
are shares of the training there too. The released code scales the weight decay
of a step by the mean of v; here it is the protocol's.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.rivals.protocol import Net, Result, Rival, Trial
from fsr_jax.maths import losses, tables

_PERCENTILE = 75.0
_DECAY = 0.5  # Of the percentile's moving average.
_GAMMA = 1.0
_UNIFORM, _HARD = 0.18, 0.90  # Ends of the first two stages.
_BURN_IN, _DROPPED = 0.17, (0.5, 0.05)  # Its end; shares during and after it.


class Carry(NamedTuple):
  """The network and lambda, a float32 scalar, nats."""

  net: Net
  threshold: jax.Array


def curriculum(loss: jax.Array, threshold, share) -> jax.Array:
  """v*, the weights of a batch.

  Args:
    loss: float32 [B], nats.
    threshold: lambda, nats.
    share: of the training that is done, 0-1.

  Returns:
    float32 [B], 0-1.
  """
  hard = jnp.where(loss <= threshold, 1.0, 0.0)
  linear = jnp.clip(1 - (loss - threshold) / _GAMMA, 0.0, 1.0)
  return jnp.where(
    share <= _UNIFORM, 1.0, jnp.where(share < _HARD, hard, linear)
  )


def not_dropped(key: jax.Array, size: int, share) -> jax.Array:
  """float32 [B]: 0 for those dropped at random, 1 for the others."""
  rate = jnp.where(share < _BURN_IN, *_DROPPED)
  place = jax.random.permutation(key, size)
  return jnp.where(place < jnp.floor(size * (1 - rate) + 1e-3), 1.0, 0.0)


def step_of(trial: Trial):
  """A step: (Carry, Batch, number) -> Carry."""
  total = trial.num_epochs * trial.steps_per_epoch

  def step(carry, batch, number):
    target = losses.one_hot(batch.label, trial.num_classes)
    share = number / total
    kept = not_dropped(trial.key(number), len(batch.label), share)

    def loss(logits, features):
      own = losses.cross_entropy(logits, target)
      before = jax.lax.stop_gradient(own)
      threshold = tables.moving_average(
        carry.threshold, jnp.percentile(before, _PERCENTILE), _DECAY
      )
      weights = kept * curriculum(before, threshold, share)
      return jnp.mean(weights * own), threshold

    return Carry(*trial.update(carry.net, batch.image, loss))

  return step


def train(trial: Trial) -> Result:
  """Plain training under the curriculum."""
  run = trial.compiled(step_of(trial))
  carry = Carry(trial.create(), jnp.float32(0))
  for epoch in range(trial.num_epochs):
    carry = run(carry, epoch)
  return trial.result(carry.net, 1.0)


RIVALS = {"mentornet": Rival(train)}
