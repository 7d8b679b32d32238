"""One training step of FSR (Algorithm 1 and section 4.3), per device.

Pure: (state, data, index) -> (state, metrics). Runs under `jax.jit` with
`axis_name=None` or under `jax.pmap` with a named axis; either way its result
is that of the whole global batch on one device, up to the order of sums.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from fsr_jax import models
from fsr_jax.data import order
from fsr_jax.maths import collectives, losses, pushers, schedules, tables
from fsr_jax.models import Network
from fsr_jax.step import batch as batches
from fsr_jax.step.metrics import ALL_FINITE, Metrics
from fsr_jax.step.objective import total_loss
from fsr_jax.step.state import (
  Resident,
  TrainState,
  keeps_pseudo_labels,
  optimizer,
)


class Context(NamedTuple):
  """What a step closes over; nothing here changes during a run.

  Attributes:
    config: resolved and frozen.
    network: Network.
    tx: optimizer.
    num_classes: C.
    axis_name: the device axis, or None on one device.
  """

  config: object
  network: Network
  tx: optax.GradientTransformation
  num_classes: int
  axis_name: str | None


def context(
  config, num_classes: int, steps_per_epoch: int, axis_name: str | None
) -> Context:
  """Context of a run; network and optimizer as the config says."""
  network = models.create(
    config.network,
    num_classes,
    axis_name if config.batch_norm_global else None,
    config.meta_blocks,
  )
  tx = optimizer(config, steps_per_epoch)
  return Context(config, network, tx, num_classes, axis_name)


def train_step(
  state: TrainState,
  data: Resident,
  index: jax.Array,
  feed: batches.Feed | None = None,
  *,
  ctx: Context,
  active: bool,
) -> tuple[TrainState, Metrics]:
  """One step of Algorithm 1 on the global batch `index`.

  Args:
    state: TrainState.
    data: Resident.
    index: int32 [B], the global batch, the same on every device.
    feed: Feed, where `data` has no images.
    ctx: Context.
    active: False during the warm-up (uniform weights, no pseudo loss). Static:
      the two phases are two compiled functions.

  Returns:
    (TrainState after the update, Metrics of the step), the same on every
    device.
  """
  config, axis = ctx.config, ctx.axis_name
  batch_key, reward_key = keys(data.seed, state.step)
  batch = batches.gather(
    config, batch_key, data, index, ctx.num_classes, axis, feed
  )
  rewards = pseudo_label = None
  if active and config.weighting != "uniform":
    rewards = batches.draw_rewards(
      config,
      reward_key,
      data,
      state.dictionary,
      ctx.num_classes,
      axis,
      feed,
    )
  if active and config.pseudo_loss_weight:
    pseudo_label = tables.pseudo_labels(
      state.tables, batch.index, config.pseudo_label_momentum
    )
  (loss, outcome), gradient = jax.value_and_grad(total_loss, has_aux=True)(
    state.params, ctx, state, batch, rewards, pseudo_label
  )
  loss, gradient = collectives.psum((loss, gradient), axis)
  none_helped = collectives.psum(jnp.sum(outcome.weighted.weights), axis) == 0
  new = _advance(ctx, state, batch, outcome, gradient, none_helped)
  # The update can overflow where loss and gradient did not.
  size = loss + collectives.global_norm((gradient, new.params))
  return new, _measure(ctx, state.step, outcome, loss, size)


def keys(seed: jax.Array, step: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Typed PRNG keys (batch, rewards) of one step."""
  batch_key, reward_key = jax.random.split(order.step_key(seed, step))
  return batch_key, reward_key


def _measure(ctx, step, outcome, loss, size) -> Metrics:
  """Metrics of one step, summed over devices; bad unless `size` is finite."""
  config, evidence = ctx.config, outcome.evidence
  correct = pushers.is_correct(evidence)
  weights = outcome.weighted.weights
  zero = weights == 0
  before = losses.cross_entropy(evidence.logits, evidence.target)
  after = jnp.full_like(before, jnp.nan)
  if config.weighting != "uniform" and config.meta_blocks == 0:
    # Deeper look-aheads would pay a forward pass for this number.
    after = losses.cross_entropy(evidence.lookahead_logits, evidence.target)
  correct, zero, total, squares, before, after, examples = collectives.psum(
    (
      jnp.sum(correct, dtype=jnp.float32),
      jnp.sum(zero, dtype=jnp.float32),
      jnp.sum(weights),
      jnp.sum(jnp.square(weights)),
      jnp.sum(before) / config.batch_size,
      jnp.sum(after) / config.batch_size,
      jnp.float32(zero.size),
    ),
    ctx.axis_name,
  )
  return Metrics(
    loss=loss,
    train_loss=before,
    lookahead_loss=after,
    reward_loss=outcome.weighted.reward_loss,
    correct=correct,
    zero_weights=zero,
    effective_batch=jnp.where(
      squares > 0, total**2 / (config.batch_size * squares), 0.0
    ),
    examples=examples,
    steps=jnp.ones(()),
    bad_step=jnp.where(jnp.isfinite(size), ALL_FINITE, step),
  )


def _advance(ctx, state, batch, outcome, gradient, none_helped) -> TrainState:
  """Steps 7 to 9: update, moving averages, tables."""
  config, axis = ctx.config, ctx.axis_name
  updates, opt_state = ctx.tx.update(gradient, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  batch_stats = outcome.batch_stats
  if not config.batch_norm_global:
    batch_stats = collectives.pmean(batch_stats, axis)
  decay = schedules.ema_decay(state.step, config.ema_decay)

  def averaged(old, new):
    return jax.tree.map(
      lambda a, b: tables.moving_average(a, b, decay), old, new
    )

  probabilities = None
  if keeps_pseudo_labels(config):
    probabilities = jax.nn.softmax(outcome.pseudo_logits)
  seen = tables.Observation(
    index=batch.index,
    score=pushers.PUSHERS[config.pusher](outcome.evidence),
    weights=outcome.weighted.weights,
    correct=pushers.is_correct(outcome.evidence),
    probabilities=probabilities,
  )
  return state.replace(
    step=state.step + 1,
    params=params,
    batch_stats=batch_stats,
    opt_state=opt_state,
    ema_params=averaged(state.ema_params, params),
    ema_batch_stats=averaged(state.ema_batch_stats, batch_stats),
    tables=tables.update(
      state.tables,
      seen,
      config.batch_size,
      config.score_momentum,
      config.pseudo_label_momentum,
      axis,
    ),
    weigher=outcome.weighted.weigher,
    zero_batches=state.zero_batches + none_helped.astype(jnp.int32),
  )
