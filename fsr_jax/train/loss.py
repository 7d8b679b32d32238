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
  options: TrainOptions, transition: jax.Array | None, class_share: jax.Array
) -> SampleLoss:
  """The loss of each sample, linear in its target.

  Args:
    options: TrainOptions.
    transition: float32 [C, C], for loss=forward_correction.
    class_share: float32 [C], for logit_adjustment and loss=ldam.

  Returns:
    (logits [b, C], target [b, C]) -> float [b], nats.
  """
  loss = _unadjusted(options, transition, class_share)
  return lambda logits, target: loss(
    _adjusted(options, logits, class_share), target
  )


def _adjusted(
  options: TrainOptions, logits: jax.Array, class_share: jax.Array
) -> jax.Array:
  """Logits that are trained on: with logit_adjustment not those of f(x)."""
  tau = options.objective.logit_adjustment
  return logits + prior.offset(class_share, tau) if tau else logits


def _unadjusted(
  options: TrainOptions, transition: jax.Array | None, class_share: jax.Array
) -> SampleLoss:
  o = options.objective
  if o.loss == "ldam":
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
  choice, measured in docs/measured/weights.md.

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
  class_share: jax.Array,
) -> jax.Array:
  """p mean_i l(y-hat_i, f(x_i)): second term, or ELR's regularizer.

  With logit_adjustment pseudo-labels are for equally common classes, as f is.
  Cross entropy on them teaches f alone: on adjusted logits it would take the
  classes' shares out of it again at every visit, until rare classes are all
  that is said. ELR's regularizer holds against the loss of the given labels,
  and acts where that does, on adjusted logits. Both measured in
  docs/long_tails.md.

  Args:
    options: TrainOptions.
    logits: float [b, C].
    pseudo_label: float [b, C], moving average of predictions, rows summing to
      1, or to 0 where there are none yet.
    class_share: as for `sample_loss`.

  Returns:
    This device's part, nats.
  """
  if options.objective.pseudo_loss == "elr":
    logits = _adjusted(options, logits, class_share)
    # ELR's average includes the present prediction (its authors' code).
    average = tables.moving_average(
      pseudo_label,
      jax.nn.softmax(logits),
      options.reweighting.pseudo_label_momentum,
    )
    values = losses.early_learning(logits, average)
  else:
    values = losses.cross_entropy(logits, pseudo_label)
  total = options.objective.pseudo_loss_weight * jnp.sum(values)
  return total / collectives.global_size(values)
