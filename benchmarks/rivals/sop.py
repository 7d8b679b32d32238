"""SOP: label noise as a sparse term that is over-parameterised.

Source: Liu et al., ICML 2022, Algorithm 1. Every example has u, a scalar, and v
float [C]; s = u^2 y - v^2 (1 - y) stands for its label noise. With p the
network's probabilities:

    network and u descend on CE(y, normalised max(p + s, 1e-4))
    v descends on |one-hot(argmax p) + s - y|^2

each by gradients of its own loss alone, u^2 and v^2 at most 1. They start at
1e-8 times a normal variate and grow by factors, those of wrong labels first;
what they explain the network need not learn. This is SOP, one network and one
pass; not SOP+, which adds a second augmented pass and a class prior.

Passes: 1.

Hyper-parameters: steps of 10 for u and 100 for v, the paper's for CIFAR-10 with
asymmetric noise, without momentum or weight decay. (With symmetric noise it
takes 10 for v; the kind is not told, and 10 is the worse on both kinds here.)
It trains 120 epochs, and an example comes by once an epoch: both steps are
multiplied by 120 over the number of epochs. A sample's gradient keeps the share
of 1/128 that it has in their batches.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.rivals.protocol import Result, Rival, Trial
from fsr_jax.maths import losses, randomness

_RATE_U, _RATE_V = 10.0, 100.0
_EPOCHS, _BATCH = 120, 128
_START, _LEAST = 1e-8, 1e-4


class Noise(NamedTuple):
  """u float32 [N, 1] and v float32 [N, C] of every example."""

  u: jax.Array
  v: jax.Array


def explained_loss(
  logits: jax.Array, target: jax.Array, u: jax.Array, v: jax.Array
) -> jax.Array:
  """Cross entropy of the prediction with the noise added, float32 [B], nats."""
  noisy = jax.nn.softmax(logits) + u**2 * target - v**2 * (1 - target)
  noisy = jnp.maximum(noisy, _LEAST)
  noisy /= jnp.sum(noisy, -1, keepdims=True)
  return -jnp.sum(target * jnp.log(jnp.maximum(noisy, _LEAST)), -1)


def residual(
  logits: jax.Array, target: jax.Array, u: jax.Array, v: jax.Array
) -> jax.Array:
  """Squared distance of the hard prediction with noise, float32 [B]."""
  said = jax.nn.one_hot(jnp.argmax(logits, -1), logits.shape[-1])
  noise = u**2 * target - v**2 * (1 - target)
  return jnp.sum((said + noise - target) ** 2, -1)


def step_of(trial: Trial):
  """A step: ((Net, Noise), Batch, number) -> (Net, Noise)."""
  scale = _EPOCHS / trial.num_epochs / _BATCH

  def step(carry, batch, number):
    net, noise = carry
    target = losses.one_hot(batch.label, trial.num_classes)
    u, v = noise.u[batch.index], noise.v[batch.index]

    def loss(logits, features):
      slope_u = jax.grad(
        lambda u: jnp.sum(explained_loss(logits, target, u, v))
      )(u)
      slope_v = jax.grad(lambda v: jnp.sum(residual(logits, target, u, v)))(v)
      value = jnp.mean(explained_loss(logits, target, u, v))
      return value, jax.lax.stop_gradient((slope_u, slope_v))

    net, (slope_u, slope_v) = trial.update(net, batch.image, loss)
    new_u = jnp.clip(u - _RATE_U * scale * slope_u, -1, 1)
    new_v = jnp.clip(v - _RATE_V * scale * slope_v, -1, 1)
    return net, Noise(
      noise.u.at[batch.index].set(new_u), noise.v.at[batch.index].set(new_v)
    )

  return step


def initial_noise(trial: Trial) -> Noise:
  """Almost nothing."""
  key = jax.random.fold_in(randomness.stream(trial.seed, randomness.INIT), 1)
  keys = jax.random.split(key)
  size, num_classes = trial.num_examples, trial.num_classes
  return Noise(
    _START * jax.random.normal(keys[0], (size, 1)),
    _START * jax.random.normal(keys[1], (size, num_classes)),
  )


def train(trial: Trial) -> Result:
  """Network and noise together."""
  run = trial.compiled(step_of(trial))
  carry = (trial.create(), initial_noise(trial))
  for epoch in range(trial.num_epochs):
    carry = run(carry, epoch)
  return trial.result(carry[0], 1.0)


RIVALS = {"sop": Rival(train)}
