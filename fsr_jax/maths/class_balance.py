"""Factors of the classes' losses by the effective number of samples."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths.checks import expect


def effective_number_factors(count: jax.Array, beta: float) -> jax.Array:
  """(1 - beta) / (1 - beta^n_c), scaled to sum to C.

  Args:
    count: int [C], examples of each class.
    beta: Python float in 0-1, below 1; at 0 all weights are the same, towards
      1 they go as 1 / n_c.

  Returns:
    float32 [C], mean 1 over the classes that have examples, 0 for the others.

  Source: Cui et al., CVPR 2019: the effective number is their Proposition 1,
  the scale that of their section 4.
  """
  expect(count=(count, "int C"))
  n = count.astype(jnp.float32)
  # beta^n = exp(n log beta), the logarithm in float64: in float32 a beta close
  # to 1 is 1. The factor 1 - beta cancels.
  log_beta = math.log(max(beta, np.finfo(np.float64).tiny))
  effective = -jnp.expm1(n * log_beta)
  weight = jnp.where(n > 0, 1.0 / jnp.where(n > 0, effective, 1.0), 0.0)
  return weight / jnp.sum(weight) * jnp.sum(n > 0)
