"""The loss of a step (METHOD steps 2 and 7) and what its passes leave behind.

Every sample loss is linear in its target, so a class-balanced loss is a scaled
target, and a MixUp sample whose two labels carry their own weights is one loss
on the mix of the weighted targets.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths import losses, mixup, pushers, tables
from fsr_jax.step import weighting
from fsr_jax.step.batch import Batch, Rewards
from fsr_jax.step.state import keeps_pseudo_labels
from fsr_jax.step.weighting import Weighted

# name -> (config, state) -> loss (logits [b, C], target [b, C]) -> [b].
LOSSES = {
  "cross_entropy": lambda config, state: losses.cross_entropy,
  "focal": lambda config, state: functools.partial(
    losses.focal, gamma=config.focal_gamma
  ),
  "gce": lambda config, state: functools.partial(
    losses.generalized_cross_entropy, q=config.gce_q
  ),
  "forward_correction": lambda config, state: functools.partial(
    losses.forward_corrected, transition=state.transition
  ),
}

PSEUDO_LOSSES = ("cross_entropy", "elr")


class Outcome(NamedTuple):
  """What the forward passes leave for the bookkeeping after the update.

  Attributes:
    batch_stats: running statistics after this step.
    pseudo_logits: float32 [b, C], that pseudo-labels are learned from.
    weighted: Weighted.
    evidence: pushers.Evidence.
  """

  batch_stats: Any
  pseudo_logits: jax.Array
  weighted: Weighted
  evidence: pushers.Evidence


class _Pass(NamedTuple):
  """One forward pass: features [b, ...], logits [b, C], statistics."""

  features: jax.Array
  logits: jax.Array
  batch_stats: Any


def _forward(ctx, state, params, image) -> _Pass:
  features, stats = ctx.network.features(params, state.batch_stats, image, True)
  logits, stats = ctx.network.head(params["head"], stats, features, True)
  return _Pass(features, logits, stats)


def total_loss(
  params,
  ctx,
  state,
  batch: Batch,
  rewards: Rewards | None,
  pseudo_label: jax.Array | None,
) -> tuple[jax.Array, Outcome]:
  """sum_i omega_i l_i + p mean_i l(y-hat_i, f(x_i)).

  Args:
    params: Theta, to be differentiated; equal to state.params.
    ctx: step.train.Context.
    state: TrainState.
    batch: Batch.
    rewards: Rewards, or None for uniform weights.
    pseudo_label: float32 [b, C], or None for no pseudo loss.

  Returns:
    (this device's part of the loss in nats, Outcome).

  Source: section 4.3. With MixUp the paper weighs the mixed samples
  (weigh_mixed); by default here the weights are learned for the un-mixed ones
  and each of the two labels of a mixed sample carries its owner's weight: our
  choice, measured in docs/results.md.
  """
  config = ctx.config
  sample_loss = LOSSES[config.loss](config, state)
  mixed = unmixed = _forward(ctx, state, params, batch.image)
  if config.mixup and (
    config.weighting != "uniform" or keeps_pseudo_labels(config)
  ):
    # This pass decides the running statistics: evaluation sees un-mixed
    # images.
    unmixed = _forward(ctx, state, params, batch.unmixed_image)
  if config.weigh_mixed or not config.mixup:
    mixed_target = mixup.mix(batch.target, batch.label_coefficient)
    weighed = (mixed.features, mixed_target)
  else:
    weighed = (unmixed.features, batch.target)
  weighted = weighting.learn(
    ctx,
    state,
    sample_loss,
    *jax.lax.stop_gradient(weighed),
    rewards,
    batch.unmixed_image,
  )
  loss = _weighted_loss(
    config, sample_loss, weighted.weights, mixed.logits, batch
  )
  pseudo_logits = (mixed if config.pseudo_loss_on_mixed else unmixed).logits
  if pseudo_label is not None:
    loss += (
      config.pseudo_loss_weight
      / config.batch_size
      * jnp.sum(_pseudo_loss(config, pseudo_logits, pseudo_label))
    )
  evidence = _evidence(ctx, state, batch, mixed, unmixed, weighted)
  return loss, Outcome(unmixed.batch_stats, pseudo_logits, weighted, evidence)


def _evidence(ctx, state, batch, mixed: _Pass, unmixed: _Pass, weighted):
  """What the pusher may know, on labels neither smoothed nor class-weighted."""
  lookahead_logits, _ = ctx.network.head(
    weighted.lookahead_params, state.batch_stats, unmixed.features, True
  )
  given = losses.one_hot(batch.label, ctx.num_classes)
  mixed_given = mixup.mix(given, batch.label_coefficient)
  return pushers.Evidence(
    target=given,
    logits=unmixed.logits,
    lookahead_logits=lookahead_logits,
    mixed_loss=losses.cross_entropy(mixed.logits, mixed_given),
    recall=state.tables.recall[batch.index],
  )


def _weighted_loss(config, sample_loss, weights, logits, batch):
  """sum_i omega_i l_i, in MixUp over samples or over their labels."""
  if config.weigh_mixed or not config.mixup:
    target = mixup.mix(batch.target, batch.label_coefficient)
    return jnp.sum(weights * sample_loss(logits, target))
  target = mixup.mix(weights[:, None] * batch.target, batch.label_coefficient)
  return jnp.sum(sample_loss(logits, target))


def _pseudo_loss(config, logits, pseudo_label):
  """One value a sample: eq. 7's cross entropy or ELR's regularizer."""
  if config.pseudo_loss == "cross_entropy":
    return losses.cross_entropy(logits, pseudo_label)
  # ELR's average includes the present prediction (its authors' code).
  average = tables.moving_average(
    pseudo_label, jax.nn.softmax(logits), config.pseudo_label_momentum
  )
  return losses.early_learning(logits, average)
