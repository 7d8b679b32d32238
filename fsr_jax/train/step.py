"""One training step of FSR (Algorithm 1 and section 4.3), per device.

Pure: (state, data, index) -> (state, metrics). Under `jax.jit` on one device
or `jax.pmap` over several its result is that of the whole global batch on one
device, up to the order of sums.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from fsr_jax import models
from fsr_jax.maths import collectives, losses, schedules, tables
from fsr_jax.models import Network
from fsr_jax.reweighting import Reweighter, noise, reweighter
from fsr_jax.train import forward as passes
from fsr_jax.train import input as inputs
from fsr_jax.train import loss as objective
from fsr_jax.train import skip
from fsr_jax.train.metrics import ALL_FINITE, Metrics
from fsr_jax.train.optimizer import optimizer
from fsr_jax.train.options import TrainOptions
from fsr_jax.train.state import Resident, TrainState


class Context(NamedTuple):
  """What a step closes over; nothing here changes during a run.

  Attributes:
    options: TrainOptions.
    network: Network.
    reweighter: Reweighter.
    tx: optimizer.
  """

  options: TrainOptions
  network: Network
  reweighter: Reweighter
  tx: optax.GradientTransformation


def context(
  options: TrainOptions, num_classes: int, steps_per_epoch: int
) -> Context:
  """Context of a run; network, reweighter and optimizer as the options say."""
  network = models.create(
    options.network.network,
    num_classes,
    options.network.meta_blocks,
    jnp.dtype(options.network.compute_dtype),
  )
  return Context(
    options,
    network,
    reweighter(options.reweighting, num_classes=num_classes),
    optimizer(options.optimization, steps_per_epoch),
  )


def train_step(
  state: TrainState,
  data: Resident,
  index: jax.Array,
  feed: inputs.Feed | None = None,
  *,
  ctx: Context,
  rewarded: bool,
) -> tuple[TrainState, Metrics]:
  """One step of Algorithm 1 on the global batch `index`.

  Args:
    state: TrainState.
    data: Resident.
    index: int32 [B], the global batch, the same on every device.
    feed: Feed, where `data` has no images.
    ctx: Context.
    rewarded: whether a reward batch is drawn. Static: a step with and one
      without are two compiled functions.

  Returns:
    (TrainState after the update, Metrics of the step), the same on every
    device.
  """
  options = ctx.options
  keys = inputs.StepKeys.of(data.seed, state.step)
  batch = inputs.gather(
    options,
    keys.batch,
    state.statistics,
    data,
    index,
    feed,
    state.reweighting.epoch,
  )
  # Where there are two programs, the one without rewards is the warm-up's.
  relabels = options.relabels and (
    rewarded or not options.reweighting.draws_rewards
  )
  logits, pull_back, residue = jax.vjp(
    lambda params: passes.forward(
      params, ctx, state.batch_stats, batch, relabels
    ),
    state.params,
    has_aux=True,
  )
  seen = passes.see(ctx, batch, logits, residue)
  rewards = None
  if rewarded:
    rewards = _rewards(ctx, keys, state, data, feed, batch)
  share = class_share(options, state, data)
  weights, reweighting = _weigh(ctx, state, batch, seen, share, rewards)
  loss, slope = jax.value_and_grad(_total_loss)(
    logits, ctx, state, batch, weights, share, relabels
  )
  (gradient,) = pull_back(slope)
  loss, gradient = collectives.psum((loss, gradient))
  new = _advance(ctx, state, residue.batch_stats, reweighting, gradient)
  # The update can overflow where loss and gradient did not, and statistics
  # where what is normalised by them did not.
  size = loss + collectives.global_norm((gradient, new.params))
  size += optax.tree_utils.tree_sum((new.batch_stats, reweighting.weight_net))
  metrics = _measure(ctx, new, batch, seen, weights, loss, size)
  if options.optimization.on_nonfinite == "skip":
    return skip.unless_finite(state, new, index, metrics)
  return new, metrics


def class_share(
  options: TrainOptions, state: TrainState, data: Resident
) -> jax.Array:
  """The classes' shares of the training set as class_prior has them.

  Returns:
    float32 [C], above 0.
  """
  if options.objective.class_prior == "estimated":
    return state.reweighting.noise.class_share
  count = jnp.maximum(data.class_count, 1)
  return count / jnp.sum(count, dtype=jnp.float32)


def _rewards(ctx, keys, state, data, feed, batch):
  """head_params -> losses of a reward batch, drawn for this step."""
  assert state.reweighting.dictionary is not None
  drawn = inputs.draw_rewards(
    ctx.options,
    keys,
    state.statistics,
    data,
    state.reweighting.dictionary,
    feed,
  )
  unmixed = batch.unmixed_image
  return passes.reward_losses(
    ctx, state.params, state.batch_stats, drawn, unmixed
  )


def _weigh(ctx, state, batch, seen, share, rewards):
  """(weights [b], ReweightingState), beside what is differentiated."""
  momentum = None
  if ctx.options.reweighting.lookahead_momentum:
    # The buffer of optax.trace, shaped like params.
    momentum = optax.tree_utils.tree_get(state.opt_state, "trace")["head"]
  weights, new = ctx.reweighter.weigh(
    state.reweighting,
    batch.index,
    batch.label,
    seen.features,
    seen.logits,
    passes.head_of(ctx, state.batch_stats),
    state.params["head"],
    target=batch.target,
    sample_loss=objective.sample_loss(ctx.options, state.transition, share),
    exact=seen.exact,
    mixed=seen.mixed,
    reward_losses=rewards,
    momentum=momentum,
  )
  if ctx.options.network.meta_blocks:
    # A deeper look-ahead would pay a forward pass for this number.
    unknown = jnp.full_like(new.last.lookahead_loss, jnp.nan)
    new = new._replace(last=new.last._replace(lookahead_loss=unknown))
  return weights, new


def _total_loss(logits, ctx, state, batch, weights, share, relabels):
  """This device's part of section 4.3's loss, from the logits on."""
  options = ctx.options
  loss = objective.weighted_loss(
    options,
    objective.sample_loss(options, state.transition, share),
    weights,
    logits.mixed,
    batch,
  )
  if not relabels:
    return loss
  pseudo_label = tables.pseudo_labels(
    state.reweighting.tables,
    batch.index,
    options.reweighting.pseudo_label_momentum,
  )
  on_mixed = options.objective.pseudo_loss_on_mixed
  relabelling = objective.relabelling_loss(
    options,
    logits.mixed if on_mixed else logits.unmixed,
    pseudo_label,
    share,
  )
  begun = state.reweighting.epoch >= options.reweighting.warmup_epochs
  if options.objective.relabel_when_sure:
    begun &= noise.is_sure(state.reweighting.anchors)
  return loss + jnp.where(begun, relabelling, 0.0)


def _advance(ctx, state, batch_stats, reweighting, gradient) -> TrainState:
  """Update and moving averages of the parameters."""
  updates, opt_state = ctx.tx.update(gradient, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  # Those of our networks are the same everywhere; a user's may not be.
  batch_stats = collectives.pmean(batch_stats)
  decay = schedules.ema_decay(state.step, ctx.options.optimization.ema_decay)

  def averaged(old, new):
    return jax.tree.map(
      lambda a, b: tables.moving_average(a, b, decay), old, new
    )

  return state.replace(
    step=state.step + 1,
    params=params,
    batch_stats=batch_stats,
    opt_state=opt_state,
    ema_params=averaged(state.ema_params, params),
    ema_batch_stats=averaged(state.ema_batch_stats, batch_stats),
    reweighting=reweighting,
  )


def _measure(ctx, new, batch, seen, weights, loss, size) -> Metrics:
  """Metrics of one step, summed over devices.

  Bad unless `size`, the predictions and what the tables got are finite. The
  weights are in the loss; whatever else the tables keep follows from these.
  """
  given = losses.one_hot(batch.label, seen.logits.shape[-1])
  before = losses.cross_entropy(seen.logits, given)
  spoilt = ~jnp.isfinite(before)
  last = new.reweighting.last
  score = new.reweighting.tables.score[batch.index]
  correct = jnp.argmax(seen.logits, -1) == batch.label
  batch_size = collectives.global_size(weights)
  bad_example = jnp.min(jnp.where(spoilt, batch.index, ALL_FINITE))
  correct, zero, total, squares, before, spoilt, score = collectives.psum(
    (
      jnp.sum(correct, dtype=jnp.float32),
      jnp.sum(weights == 0, dtype=jnp.float32),
      jnp.sum(weights),
      jnp.sum(jnp.square(weights)),
      jnp.sum(before) / batch_size,
      jnp.sum(spoilt, dtype=jnp.int32),
      jnp.sum(score),
    )
  )
  finite = jnp.isfinite(size + before + score)
  return Metrics(
    loss=loss,
    train_loss=before,
    lookahead_loss=last.lookahead_loss,
    reward_loss=last.reward_loss,
    correct=correct,
    zero_weights=zero,
    effective_batch=jnp.where(
      squares > 0, total**2 / (batch_size * squares), 0.0
    ),
    examples=jnp.float32(batch_size),
    steps=jnp.ones(()),
    skipped=jnp.zeros(()),
    bad_step=jnp.where(finite, ALL_FINITE, new.step - 1),
    bad_examples=spoilt,
    bad_example=collectives.pmin(bad_example),
  )
