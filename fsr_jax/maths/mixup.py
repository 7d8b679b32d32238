"""MixUp with a dominant sample, so that weights have an owner."""

import jax
import jax.numpy as jnp

from fsr_jax.maths.checks import expect


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
  expect(u=(u, "float B"))
  return 1.0 - 0.5 * jnp.square(u)


def half_coefficients(u: jax.Array) -> jax.Array:
  """lambda = 1 for the first sample of each pair, 1 - u/2 for the second.

  So every pair has an image that is not mixed, from which `unmix` tells the
  other's prediction. The second is mixed harder than by `coefficients`, which
  makes up for the first.

  Args:
    u: float32 [B], uniform in 0-1.

  Returns:
    float32 [B], in 1/2-1.

  Source: ours; measured in docs/results.md.
  """
  expect(u=(u, "float B"))
  second = jnp.arange(u.shape[0]) % 2 == 1
  return jnp.where(second, 1 - u / 2, 1.0)


def unmix(x: jax.Array, coefficient: jax.Array) -> jax.Array:
  """(x_j - (1 - lambda) x_partner(j)) / lambda: undoes `mix`.

  MixUp teaches a network to be linear between two images, so what it makes of
  the mixed one, less the partner's part, is what it would have made of the
  sample alone. Exact for anything that is linear in the image.

  Args:
    x: float [B, ...], features or logits of mixed images.
    coefficient: float [B], lambda, from `half_coefficients`: the partner of
      each sample with lambda < 1 has lambda 1.

  Returns:
    float, like x; as it is where lambda is 1.

  Source: ours; measured in docs/results.md.
  """
  expect(x=(x, "float B ..."), coefficient=(coefficient, "float B"))
  shape = (-1,) + (1,) * (x.ndim - 1)
  c = coefficient.reshape(shape).astype(x.dtype)
  return (x - (1 - c) * x[partner(x.shape[0])]) / c


def mix(x: jax.Array, coefficient: jax.Array) -> jax.Array:
  """lambda x_i + (1 - lambda) x_partner(i).

  Args:
    x: float [B, ...], images or targets.
    coefficient: float [B], lambda.

  Returns:
    float, like x.
  """
  expect(x=(x, "float B ..."), coefficient=(coefficient, "float B"))
  shape = (-1,) + (1,) * (x.ndim - 1)
  c = coefficient.reshape(shape).astype(x.dtype)
  return c * x + (1 - c) * x[partner(x.shape[0])]


def remix_coefficients(
  coefficient: jax.Array, label: jax.Array, count: jax.Array, ratio: float
) -> jax.Array:
  """Share of a sample's own label in its mix, 1 where its class is far smaller.

  For a pair (i, j) with share lambda of i in the image, Remix gives i the share
  1 of the label if kappa n_i <= n_j and 1 - lambda < tau, the share 0 if
  n_i >= kappa n_j and lambda < tau, and lambda otherwise; tau = 1/2. Here
  lambda >= 1/2 belongs to sample i, so lambda < tau never holds: the branch 0
  does not occur, and the condition on 1 - lambda always holds. This is all of
  Remix, not half of it: a pair with lambda < 1/2 is the pair (j, i) with
  1 - lambda > 1/2, for which the two branches change places.

  Args:
    coefficient: float [B], lambda, from `coefficients`.
    label: int32 [B].
    count: int [C], examples of each class.
    ratio: kappa, >= 1.

  Returns:
    float [B], in [1/2, 1]: share of the own label, the rest is the partner's.

  Source: Chou et al., ECCV 2020 workshops, eqs. 4 to 6; tau as in their
  experiments.
  """
  expect(label=(label, "int B"), count=(count, "int C"))
  own = count[label]
  other = own[partner(label.shape[0])]
  return jnp.where(own * ratio <= other, 1.0, coefficient)
