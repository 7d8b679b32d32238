"""The loss of a step (METHOD step 7) as a function of logits and weights.

Every sample loss is linear in its target, so a class-balanced loss is a scaled
target, and a MixUp sample whose two labels carry their own weights is one loss
on the mix of the weighted targets.
"""

import functools

import jax
import jax.numpy as jnp

from fsr_jax.maths import collectives, losses, mixup, prior, tables
from fsr_jax.reweighting.samples import SampleLoss
from fsr_jax.train.input import Batch
from fsr_jax.train.options import TrainOptions


def sample_loss(
  options: TrainOptions,
  transition: jax.Array | None,
  class_share: jax.Array | None = None,
) -> SampleLoss:
  """The loss of each sample, linear in its target.

  Args:
    options: TrainOptions.
    transition: float32 [C, C], for loss=forward_correction.
    class_share: float32 [C], for loss=ldam.

  Returns:
    (logits [b, C], target [b, C]) -> float [b], nats.
  """
  o = options.objective
  if o.loss == "ldam":
    assert class_share is not None
    margin = prior.margins(class_share, o.ldam_margin)
    return functools.partial(losses.label_distribution_aware, margin=margin)
  if o.loss == "focal":
    return functools.partial(losses.focal, gamma=o.focal_gamma)
  if o.loss == "gce":
    return functools.partial(losses.generalized_cross_entropy, q=o.gce_q)
  if o.loss == "forward_correction":
    assert transition is not None
    return functools.partial(losses.forward_corrected, transition=transition)
  return losses.cross_entropy


def weighted_loss(
  options: TrainOptions,
  loss: SampleLoss,
  weights: jax.Array,
  logits: jax.Array,
  batch: Batch,
) -> jax.Array:
  """sum_i omega_i l_i: first term of section 4.3's total loss.

  With MixUp the paper weighs the mixed samples (weigh_mixed); by default here
  each of the two labels of a mixed sample carries its owner's weight: our
  choice, measured in docs/results.md.

  Args:
    options: TrainOptions.
    loss: of a sample.
    weights: float [b].
    logits: float [b, C], of the mixed images.
    batch: Batch.

  Returns:
    This device's part, nats.
  """
  if options.objective.weigh_mixed or not options.objective.mixup:
    target = mixup.mix(batch.target, batch.label_coefficient)
    return jnp.sum(weights * loss(logits, target))
  target = mixup.mix(weights[:, None] * batch.target, batch.label_coefficient)
  return jnp.sum(loss(logits, target))


def relabelling_loss(
  options: TrainOptions,
  logits: jax.Array,
  pseudo_label: jax.Array,
  wrong_share: jax.Array,
) -> jax.Array:
  """p mean_i l(y-hat_i, f(x_i)): second term, or ELR's regularizer.

  Args:
    options: TrainOptions.
    logits: float [b, C].
    pseudo_label: float [b, C], moving average of predictions, rows summing to
      1, or to 0 where there are none yet.
    wrong_share: float scalar, share of the labels that are wrong as far as is
      known, for pseudo_loss_by_noise.

  Returns:
    This device's part, nats.
  """
  if options.objective.pseudo_loss == "elr":
    # ELR's average includes the present prediction (its authors' code).
    average = tables.moving_average(
      pseudo_label,
      jax.nn.softmax(logits),
      options.reweighting.pseudo_label_momentum,
    )
    values = losses.early_learning(logits, average)
  else:
    values = losses.cross_entropy(logits, pseudo_label)
  factor: jax.Array | float = options.objective.pseudo_loss_weight
  if options.objective.pseudo_loss_by_noise:
    factor *= wrong_share
  return factor * jnp.sum(values) / collectives.global_size(values)
