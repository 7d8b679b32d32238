"""Losses of a sample; those on a target are linear in the target."""

import jax
import jax.numpy as jnp

from fsr_jax.maths.checks import at_least_float32, expect


def _log_softmax(logits: jax.Array, target: jax.Array) -> jax.Array:
  """Of checked logits, in float32 or better."""
  expect(logits=(logits, "float B C"), target=(target, "float B C"))
  return jax.nn.log_softmax(at_least_float32(logits))


def cross_entropy(logits: jax.Array, target: jax.Array) -> jax.Array:
  """L(y, f(x)), the softmax loss of eqs. 1 and 2, one value a sample.

  Args:
    logits: float, [B, C].
    target: float, [B, C], rows summing to 1 (a row of zeros costs nothing).

  Returns:
    float [B], nats; float32 where logits are of lower precision.

  Raises:
    InputError: another dtype or shape, integer labels for example.

  Source: eqs. 1, 2.

  >>> import jax.numpy as jnp
  >>> loss = cross_entropy(jnp.zeros((2, 4)), one_hot(jnp.array([0, 3]), 4))
  >>> [round(float(x), 4) for x in loss]  # log 4
  [1.3863, 1.3863]
  """
  return -jnp.sum(target * _log_softmax(logits, target), axis=-1)


def one_hot(
  label: jax.Array, num_classes: int, smoothing: float = 0.0
) -> jax.Array:
  """Targets from labels: (1 - s) at the label plus s/C everywhere.

  Args:
    label: int32 [B], in 0..C-1.
    num_classes: C.
    smoothing: s, fraction 0-1.

  Returns:
    float32 [B, C], rows summing to 1.

  Source: section 5.2 (s = 0.1 on long tails).
  """
  expect(label=(label, "int B"))
  hard = jax.nn.one_hot(label, num_classes, dtype=jnp.float32)
  return (1.0 - smoothing) * hard + smoothing / num_classes


def focal(logits: jax.Array, target: jax.Array, gamma: float) -> jax.Array:
  """sum_c y_c (1 - p_c)^gamma (-log p_c): hard samples count more.

  Args:
    logits: float [B, C].
    target: float [B, C].
    gamma: >= 0; 0 is cross entropy.

  Returns:
    float [B], nats.

  Source: Lin et al., ICCV 2017, eq. 4, in softmax form.
  """
  log_p = _log_softmax(logits, target)
  # The power of exactly 0 has no finite gradient for gamma < 1.
  rest = jnp.maximum(-jnp.expm1(log_p), jnp.finfo(log_p.dtype).tiny)
  return -jnp.sum(target * rest**gamma * log_p, axis=-1)


def generalized_cross_entropy(
  logits: jax.Array, target: jax.Array, q: float
) -> jax.Array:
  """sum_c y_c (1 - p_c^q) / q: bounded, so wrong labels cannot dominate.

  Args:
    logits: float [B, C].
    target: float [B, C].
    q: above 0, at most 1; towards 0 it is cross entropy, at 1 half the
      absolute error sum_c |y_c - p_c| on a one-hot target.

  Returns:
    float [B], in 0-1/q for targets that sum to 1; nats as q goes to 0.

  Source: Zhang & Sabuncu, NeurIPS 2018, eq. 6; without their truncation.
  """
  log_p = _log_softmax(logits, target)
  return jnp.sum(target * -jnp.expm1(q * log_p), axis=-1) / q


def forward_corrected(
  logits: jax.Array, target: jax.Array, transition: jax.Array
) -> jax.Array:
  """-sum_c y_c log (p^T T)_c: the given label's probability under the noise.

  Args:
    logits: float [B, C].
    target: float [B, C].
    transition: T float [C, C], T_ij = P(given label j | true label i), rows
      summing to 1; the identity is cross entropy. A column of zeros, a label
      that is never given, costs nothing. Not differentiated.

  Returns:
    float [B], nats. Holds [B, C, C] numbers on the way.

  Source: Patrini et al., CVPR 2017, Theorem 2.
  """
  expect(logits=(logits, "float B C"), transition=(transition, "float C C"))
  log_t = jax.lax.stop_gradient(jnp.log(transition))
  # Such a label would cost infinity whatever is predicted (label smoothing
  # puts a share of the target on every label); log 1 = 0 in its place.
  given = jnp.any(log_t > -jnp.inf, axis=0)
  log_t = jnp.where(given, log_t, 0.0)
  # Never leaves the log scale: the gradient is right where p underflows.
  log_p = _log_softmax(logits, target)[:, :, None]
  log_noisy = jax.nn.logsumexp(log_p + log_t, axis=1)
  return -jnp.sum(target * log_noisy, axis=-1)


def label_distribution_aware(
  logits: jax.Array, target: jax.Array, margin: jax.Array
) -> jax.Array:
  """sum_c y_c log(1 + exp(m_c - log odds of c)): rare classes need more room.

  That is cross entropy with the target's own logit lowered by m_c.

  Args:
    logits: float [B, C].
    target: float [B, C].
    margin: m float [C], nats; 0 everywhere is cross entropy.

  Returns:
    float [B], nats.

  Source: Cao et al., NeurIPS 2019 (LDAM), section 3.2, in terms of the odds
  p_c / (1 - p_c), which makes it linear in the target.
  """
  expect(margin=(margin, "float C"))
  log_p = _log_softmax(logits, target)
  # Of a probability that rounds to 1 the odds stay finite.
  rest = jnp.maximum(-jnp.expm1(log_p), jnp.finfo(log_p.dtype).tiny)
  log_odds = log_p - jnp.log(rest)
  return jnp.sum(target * jax.nn.softplus(margin - log_odds), axis=-1)


def early_learning(logits: jax.Array, average: jax.Array) -> jax.Array:
  """log(1 - <p, t>): lower, the more the prediction stays what it was.

  Args:
    logits: float [B, C].
    average: t float [B, C], moving average of p, this step's included; rows
      summing to at most 1; not differentiated.

  Returns:
    float [B], nats, in log(1e-4)-0.

  Source: Liu et al., NeurIPS 2020 (ELR), eq. 6. p is clipped to 1e-4 and
  1 - 1e-4, as in its authors' code: it bounds loss and gradient.
  """
  expect(logits=(logits, "float B C"), average=(average, "float B C"))
  p = jax.nn.softmax(at_least_float32(logits))
  p = jnp.clip(p, 1e-4, 1 - 1e-4)
  agreement = jnp.sum(p * jax.lax.stop_gradient(average), axis=-1)
  return jnp.log1p(-agreement)
