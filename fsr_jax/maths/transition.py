"""Which label becomes which: the transition matrix of label noise."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fsr_jax.maths.checks import expect


def known(
  clean_label: ArrayLike, label: ArrayLike, num_classes: int
) -> jax.Array:
  """P(given label | true label), counted.

  Args:
    clean_label: int32 [N], true labels, every one known.
    label: int32 [N], given labels.
    num_classes: C.

  Returns:
    float32 [C, C], rows (true class) sum to 1; the identity's row for a class
    without examples.
  """
  expect(clean_label=(clean_label, "int N"), label=(label, "int N"))
  pairs = jnp.asarray(clean_label) * num_classes + label
  count = jnp.bincount(pairs, length=num_classes**2)
  count = count.reshape(num_classes, num_classes).astype(jnp.float32)
  total = count.sum(-1, keepdims=True)
  return jnp.where(
    total > 0, count / jnp.maximum(total, 1), jnp.eye(num_classes)
  )


def estimate(
  probabilities: jax.Array, count: jax.Array, top_share: float = 0.3
) -> jax.Array:
  """The predictions for one anchor sample a class: T_i = p(. | anchor_i).

  Of all samples in falling order of p_i, the anchor of class i stands at
  top_share n_i: among the surest of its class; the very surest may be an
  outlier.

  Args:
    probabilities: float32 [N, C], f(x) of a network trained on the given
      labels; rows of zeros are samples never seen, and are not chosen.
    count: int [C], examples of each class, by given label.
    top_share: fraction 0-1 of a class; 0 = the largest.

  Returns:
    float32 [C, C], rows sum to 1.

  Source: Patrini et al., CVPR 2017, Theorem 3, eqs. 12 and 13. Their code takes
  the 0.97 quantile of all samples for CIFAR-10, which is 0.3 of a class, and
  the largest for CIFAR-100; counting in shares of the class is ours, so that
  small classes find an anchor of their own.
  """
  expect(probabilities=(probabilities, "float N C"), count=(count, "int C"))
  seen = probabilities.sum(-1) > 0
  # Per class, samples by falling probability, the unseen after all others.
  order = jnp.argsort(jnp.where(seen[:, None], -probabilities, 1.0), axis=0)
  rank = jnp.floor(top_share * count).astype(jnp.int32)
  rank = jnp.clip(rank, 0, jnp.maximum(jnp.sum(seen) - 1, 0))
  classes = jnp.arange(probabilities.shape[1])
  anchors = probabilities[order[rank, classes]]
  return anchors / jnp.maximum(anchors.sum(-1, keepdims=True), 1e-12)
