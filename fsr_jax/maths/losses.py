"""Softmax cross entropy and its targets."""

import jax
import jax.numpy as jnp


def cross_entropy(logits: jax.Array, target: jax.Array) -> jax.Array:
  """L(y, f(x)), the softmax loss of eqs. 1 and 2, one value a sample.

  Args:
    logits: float, [B, C].
    target: float, [B, C], rows summing to 1 (a row of zeros costs nothing).

  Returns:
    float [B], nats.

  Source: eqs. 1, 2.
  """
  return -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)


def one_hot(label: jax.Array, num_classes: int,
            smoothing: float = 0.0) -> jax.Array:
  """Targets from labels: (1 - s) at the label plus s/C everywhere.

  Args:
    label: int32 [B], in 0..C-1.
    num_classes: C.
    smoothing: s, fraction 0-1.

  Returns:
    float32 [B, C], rows summing to 1.

  Source: section 5.2 (s = 0.1 on long tails).
  """
  hard = jax.nn.one_hot(label, num_classes, dtype=jnp.float32)
  return (1.0 - smoothing) * hard + smoothing / num_classes
