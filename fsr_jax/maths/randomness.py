"""Batch order and randomness as functions of (seed, epoch, step) alone."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

# First fold of the run's key: one stream a purpose. Never renumber: stored
# runs resume by these.
INIT, ORDER, STEP, FIRST_DICTIONARY, WEIGHT_NET, DICTIONARY = range(6)


def stream(seed: jax.Array | int, purpose: int) -> jax.Array:
  """Typed PRNG key of one purpose (INIT, ORDER, ...)."""
  return jax.random.fold_in(jax.random.key(seed), purpose)


@functools.partial(jax.jit, static_argnums=(2, 3))
def epoch_order(
  seed: jax.Array | int,
  epoch: jax.Array | int,
  num_examples: int,
  batch_size: int,
) -> jax.Array:
  """Shuffled batches of one epoch; the remainder is dropped (another falls
  out each epoch).

  Args:
    seed: uint32 scalar, of the run.
    epoch: int scalar, 0, 1, ...
    num_examples: N.
    batch_size: B <= N, over all devices.

  Returns:
    int32 [N // B, B], every index at most once.
  """
  key = jax.random.fold_in(stream(seed, ORDER), epoch)
  shuffled = jax.random.permutation(key, num_examples).astype(jnp.int32)
  steps = num_examples // batch_size
  return shuffled[: steps * batch_size].reshape(steps, batch_size)


class StepKeys(NamedTuple):
  """All randomness of one training step, counted over the whole run.

  Attributes:
    batch: of augmentation and MixUp.
    draw: of which rewards are drawn from the dictionary.
    crop: of the rewards' augmentation.
  """

  batch: jax.Array
  draw: jax.Array
  crop: jax.Array

  @classmethod
  def of(cls, seed: jax.Array | int, step: jax.Array | int) -> "StepKeys":
    """Typed PRNG keys of a step of the run with this seed (uint32 scalar)."""
    key = jax.random.fold_in(stream(seed, STEP), step)
    batch, rewards = jax.random.split(key)
    return cls(batch, *jax.random.split(rewards))


def step_uniforms(key: jax.Array, batch_size: int, count: int) -> jax.Array:
  """All randomness of a batch in one draw, by position in the global batch.

  Args:
    key: typed PRNG key.
    batch_size: B, over all devices.
    count: uniforms an example.

  Returns:
    float32 [B, count] in 0-1, the same for any number of devices.
  """
  return jax.random.uniform(key, (batch_size, count))
