"""MixUp with a dominant sample, so that weights have an owner."""

import jax
import jax.numpy as jnp


def partner(batch_size: int) -> jax.Array:
  """int32 [B]: each sample's partner is its neighbour (0<->1, 2<->3, ...).

  A batch is a slice of a uniform shuffle, so the neighbour is as random as a
  permuted partner, is never the sample itself, and lives on the same device:
  nothing crosses devices and the result does not depend on their number. The
  last sample of an odd batch takes the first. Our choice; the released code
  permutes the batch.
  """
  position = jnp.arange(batch_size)
  other = position ^ 1
  return jnp.where(other < batch_size, other, 0)


def coefficients(u: jax.Array) -> jax.Array:
  """lambda = 1 - u^2/2 in [1/2, 1], one a sample.

  Args:
    u: float32 [B], uniform in 0-1.

  Returns:
    float32 [B]. Close to max(l, 1-l) with l ~ Beta(1/2, 1/2).

  Source: released code (the paper says MixUp and gives no distribution).
  """
  return 1.0 - 0.5 * jnp.square(u)


def mix(x: jax.Array, coefficient: jax.Array) -> jax.Array:
  """lambda x_i + (1 - lambda) x_partner(i).

  Args:
    x: float [B, ...], images or targets.
    coefficient: float [B], lambda.

  Returns:
    float, like x.
  """
  shape = (-1,) + (1,) * (x.ndim - 1)
  c = coefficient.reshape(shape).astype(x.dtype)
  return c * x + (1 - c) * x[partner(x.shape[0])]
