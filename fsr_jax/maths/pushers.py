"""Pushers P: how trustworthy a training sample looks (eq. 5 and rivals).

Higher is better. Every pusher is a function of one batch's `Evidence`; the
moving average over visits is taken by `tables.py`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths import losses, tables


class Evidence(NamedTuple):
  """What one step knows of its batch, before its update of the parameters.

  Attributes:
    target: float [B, C], the given label, one-hot, neither mixed nor smoothed.
    logits: float [B, C], of the un-mixed image under Theta.
    lookahead_logits: float [B, C], of the un-mixed image under Theta*.
    mixed_loss: float [B], loss of the mixed image on the mixed target under
      Theta; the plain loss where MixUp is off. Nats.
    recall: int8 [B], the sample's past: tables.NEVER_KNOWN, FORGOTTEN or KNOWN.
  """

  target: jax.Array
  logits: jax.Array
  lookahead_logits: jax.Array
  mixed_loss: jax.Array
  recall: jax.Array

  @property
  def predicted(self) -> jax.Array:
    """int32 [B], the likeliest class."""
    return jnp.argmax(self.logits, -1).astype(jnp.int32)

  @property
  def correct(self) -> jax.Array:
    """bool [B], whether that is the given label."""
    return self.predicted == jnp.argmax(self.target, -1)


def meta_margin(e: Evidence) -> jax.Array:
  """l(x; Theta) - l(x; Theta*), eq. 5 to the letter. float [B], nats.

  It prefers large gradients, which are the mislabelled samples' (measured:
  docs/measured/dictionary.md); kept because it is the paper's definition.
  """
  before = losses.cross_entropy(e.logits, e.target)
  return before - losses.cross_entropy(e.lookahead_logits, e.target)


def mixed_margin(e: Evidence) -> jax.Array:
  """l(mixed x; Theta) - l(un-mixed x; Theta*). float [B], nats.

  Source: released code. The first term is nearly constant under MixUp, which
  makes this close to a negative loss. Without MixUp it is `meta_margin`.
  """
  return e.mixed_loss - losses.cross_entropy(e.lookahead_logits, e.target)


def negative_loss(e: Evidence) -> jax.Array:
  """-l(x; Theta). float [B], nats. Source: section 5.5."""
  return -losses.cross_entropy(e.logits, e.target)


def area_under_margin(e: Evidence) -> jax.Array:
  """Label logit minus the largest other logit. float [B], logits.

  Source: Pleiss et al., NeurIPS 2020 (the paper's [42]); their average over
  epochs is the score's moving average here.
  """
  label_logit = jnp.sum(e.logits * e.target, axis=-1)
  others = jnp.where(e.target > 0.5, -jnp.inf, e.logits)
  return label_logit - jnp.max(others, axis=-1)


def max_margin(e: Evidence) -> jax.Array:
  """Largest minus second largest probability. float [B], 0-1.

  Certainty whatever the label: margin sampling of active learning, turned
  round. Source: section 5.5, which gives no formula.
  """
  best, _ = jax.lax.top_k(jax.nn.softmax(e.logits), 2)
  return best[:, 0] - best[:, 1]


def forgetting(e: Evidence) -> jax.Array:
  """-1 where the label is forgotten or was never known, else 0. float [B].

  A forgetting event: the prediction was right at the last visit and is wrong
  at this one. Source: Toneva et al., ICLR 2019 (the paper's [53]), who rank
  samples never learned as the least trustworthy; the average over visits
  stands for their count.
  """
  forgotten = (e.recall == tables.KNOWN) & ~e.correct
  unknown = (e.recall == tables.NEVER_KNOWN) & ~e.correct
  return -(forgotten | unknown).astype(e.logits.dtype)


# name -> pusher(evidence) -> float [B].
PUSHERS = {
  "meta_margin": meta_margin,
  "mixed_margin": mixed_margin,
  "negative_loss": negative_loss,
  "area_under_margin": area_under_margin,
  "max_margin": max_margin,
  "forgetting": forgetting,
}
