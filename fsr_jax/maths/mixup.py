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


# Largest sum of the two foreign shares of a pair. At 1/2 an error of the
# network's linearity is at most doubled by `unmix`.
_MOST_FOREIGN = 0.5


def solvable_coefficients(u: jax.Array) -> jax.Array:
  """lambda such that `unmix` can tell the two samples of every pair apart.

  As `coefficients`, but the foreign shares 1 - lambda of a pair are scaled down
  to a sum of 1/2 where it is larger. (Were both 1/2, the two mixed images would
  be the same.) The last sample of an odd batch, the pair of nobody, stays
  un-mixed.

  Args:
    u: float32 [B], uniform in 0-1.

  Returns:
    float32 [B], in 1/2-1.

  Source: ours; measured in docs/measured/one_pass.md.

  >>> import jax.numpy as jnp
  >>> solvable_coefficients(jnp.array([0.5, 0.25, 1.0, 1.0, 1.0])).tolist()
  [0.875, 0.96875, 0.75, 0.75, 1.0]
  """
  expect(u=(u, "float B"))
  size = u.shape[0]
  foreign = 1.0 - coefficients(u)
  both = foreign + foreign[partner(size)]
  share = jnp.minimum(1.0, _MOST_FOREIGN / jnp.maximum(both, _MOST_FOREIGN))
  paired = jnp.arange(size) < size // 2 * 2
  return 1.0 - jnp.where(paired, foreign * share, 0.0)


def unmix(x: jax.Array, coefficient: jax.Array) -> jax.Array:
  """Undoes `mix`: what the two samples of each pair would have given alone.

  MixUp teaches a network to be linear between two images. What it makes of the
  pair's two mixed images, a = lambda_i x_i + (1 - lambda_i) x_j and
  b = lambda_j x_j + (1 - lambda_j) x_i, are then two equations for what it
  would have made of x_i and x_j.

  Args:
    x: float [B, ...], features or logits of mixed images.
    coefficient: float [B], lambda, from `solvable_coefficients`.

  Returns:
    float, like x: (lambda_j a - (1 - lambda_i) b) / (lambda_i + lambda_j - 1).
    Exact for whatever is linear in the image, and where lambda is 1.

  Source: ours; measured in docs/measured/one_pass.md.

  >>> import jax.numpy as jnp
  >>> x, share = jnp.array([[1.0], [5.0]]), jnp.array([0.75, 1.0])
  >>> mix(x, share).tolist()
  [[2.0], [5.0]]
  >>> unmix(mix(x, share), share).tolist()
  [[1.0], [5.0]]
  """
  expect(x=(x, "float B ..."), coefficient=(coefficient, "float B"))
  other = partner(x.shape[0])
  shape = (-1,) + (1,) * (x.ndim - 1)
  own = coefficient.reshape(shape).astype(x.dtype)
  others = own[other]
  return (others * x - (1 - own) * x[other]) / (own + others - 1)


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
