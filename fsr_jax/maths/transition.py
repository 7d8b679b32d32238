"""Which label becomes which: the transition matrix of label noise."""

import jax
import jax.numpy as jnp


def known(
    clean_label: jax.Array, label: jax.Array, num_classes: int
) -> jax.Array:
  """P(given label | true label), counted.

  Args:
    clean_label: int32 [N], true labels.
    label: int32 [N], given labels.
    num_classes: C.

  Returns:
    float32 [C, C], rows (true class) sum to 1; the identity's row for a class
    without examples.
  """
  pairs = clean_label * num_classes + label
  count = jnp.bincount(pairs, length=num_classes**2)
  count = count.reshape(num_classes, num_classes).astype(jnp.float32)
  total = count.sum(-1, keepdims=True)
  return jnp.where(
      total > 0, count / jnp.maximum(total, 1), jnp.eye(num_classes)
  )


def estimate(probabilities: jax.Array, quantile: float = 0.97) -> jax.Array:
  """The predictions for one anchor sample a class: T_i = p(. | anchor_i).

  The anchor of class i is the sample whose p_i is at the given quantile of all
  samples; the very largest may be an outlier. A class must hold more than the
  share 1 - quantile of the samples, or its anchor belongs to another class:
  with many or very unequal classes use a quantile closer to 1.

  Args:
    probabilities: float32 [N, C], f(x) of a network trained on the given
      labels; rows of zeros are samples never seen, and are not chosen.
    quantile: fraction 0-1; 1 = the largest.

  Returns:
    float32 [C, C], rows sum to 1.

  Source: Patrini et al., CVPR 2017, Theorem 3, eqs. 12 and 13. The quantile is
  that of their code for CIFAR-10; for CIFAR-100 it takes the largest.
  """
  seen = probabilities.sum(-1) > 0
  # Per class, samples by rising probability, the unseen before all others.
  order = jnp.argsort(jnp.where(seen[:, None], probabilities, -1.0), axis=0)
  rank = jnp.floor(quantile * (jnp.sum(seen) - 1)).astype(jnp.int32)
  anchors = probabilities[order[jnp.sum(~seen) + rank]]
  return anchors / jnp.maximum(anchors.sum(-1, keepdims=True), 1e-12)
