"""One training step of FSR (Algorithm 1 and section 4.3), per device.

Pure: (state, data, index) -> (state, metrics). Runs under `jax.jit` with
`axis_name=None` or under `jax.pmap` with a named axis; either way its result
is that of the whole global batch on one device, up to the order of sums.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from fsr_jax.data import order
from fsr_jax.maths import (
  collectives,
  losses,
  pushers,
  reweight,
  schedules,
  tables,
)
from fsr_jax.models import Network
from fsr_jax.step import batch as batches
from fsr_jax.step.batch import Batch, Rewards
from fsr_jax.step.metrics import ALL_FINITE, Metrics
from fsr_jax.step.state import Resident, TrainState, momentum_buffer


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


class Outcome(NamedTuple):
  """What the forward passes leave for the bookkeeping after the update.

  Attributes:
    batch_stats: running statistics after this step.
    logits: float32 [b, C]; of the un-mixed images where they were computed.
    pseudo_logits: float32 [b, C], that pseudo-labels are learned from.
    weights: float32 [b].
    score: float32 [b], the pusher's value P.
    reward_loss: float32 scalar, nats, over all devices.
  """

  batch_stats: object
  logits: jax.Array
  pseudo_logits: jax.Array
  weights: jax.Array
  score: jax.Array
  reward_loss: jax.Array


def sample_weights(
    ctx: Context, state: TrainState, features: jax.Array, target: jax.Array,
    rewards: Rewards | None,
) -> tuple[jax.Array, object, jax.Array]:
  """Steps 3 to 6: look-ahead, reward gradient, weight rule (eqs. 2, 3, 6).

  Args:
    ctx: Context.
    state: TrainState; Theta^meta is its head.
    features: float32 [b, F], of the training batch, shared (section 4.2).
    target: float32 [b, C].
    rewards: None where weights are uniform (warm-up, method=plain).

  Returns:
    (weights [b], lookahead_params, reward loss in nats).
  """
  config, network, axis = ctx.config, ctx.network, ctx.axis_name
  meta_params = state.params["head"]

  def losses_of(features, target):
    return lambda p: losses.cross_entropy(network.head(p, features), target)

  extra = None
  if config.lookahead_momentum:
    buffer = momentum_buffer(state.opt_state)["head"]
    extra = jax.tree.map(lambda m: config.lookahead_momentum * m, buffer)
  lookahead_params = reweight.lookahead(
      losses_of(features, target), meta_params, config.batch_size,
      config.lookahead_lr, extra, axis,
  )
  if rewards is None:
    uniform = jnp.full(target.shape[:1], 1.0 / config.batch_size)
    return uniform, lookahead_params, jnp.zeros(())
  # The reward batch is normalised by its own statistics (train mode) and
  # leaves the running ones alone.
  reward_features, _ = network.features(
      state.params, state.batch_stats, rewards.image, train=True
  )
  reward_loss, v = reweight.reward_gradient(
      losses_of(reward_features, rewards.target), lookahead_params,
      config.reward_batch_size, axis,
  )
  g = reweight.weight_gradient(
      losses_of(features, target), meta_params, v, config.lookahead_lr
  )
  rule = reweight.WEIGHT_RULES[config.weight_rule]
  raw = rule(g, config.weight_lr, config.batch_size, axis)
  return reweight.normalize(raw, axis), lookahead_params, reward_loss


def total_loss(
    params, ctx: Context, state: TrainState, batch: Batch,
    rewards: Rewards | None, pseudo_label: jax.Array | None,
) -> tuple[jax.Array, Outcome]:
  """Steps 2 and 7: sum_i omega_i l_i + p mean_i l(y-hat_i, f(x_i)).

  Args:
    params: Theta, to be differentiated; equal to state.params.
    ctx: Context.
    state: TrainState.
    batch: Batch.
    rewards: Rewards, or None for uniform weights.
    pseudo_label: float32 [b, C], or None for no pseudo loss.

  Returns:
    (this device's part of the loss in nats, Outcome).
  """
  config, network = ctx.config, ctx.network
  features, batch_stats = network.features(
      params, state.batch_stats, batch.image, train=True
  )
  logits = clean_logits = network.head(params["head"], features)
  clean_features = features
  if config.mixup and (config.method == "fsr" or config.pseudo_loss_weight):
    # This pass decides the running statistics: evaluation sees un-mixed
    # images.
    clean_features, batch_stats = network.features(
        params, state.batch_stats, batch.clean_image, train=True
    )
    clean_logits = network.head(params["head"], clean_features)

  weights, lookahead_params, reward_loss = sample_weights(
      ctx, state, jax.lax.stop_gradient(features), batch.target, rewards
  )
  mixed_loss = losses.cross_entropy(logits, batch.target)
  loss = jnp.sum(weights * mixed_loss)
  pseudo_logits = logits if config.pseudo_loss_on_mixed else clean_logits
  if pseudo_label is not None:
    pseudo_loss = losses.cross_entropy(pseudo_logits, pseudo_label)
    scale = config.pseudo_loss_weight / config.batch_size
    loss += scale * jnp.sum(pseudo_loss)

  evidence = pushers.Evidence(
      target=losses.one_hot(batch.label, ctx.num_classes),
      logits=clean_logits,
      lookahead_logits=network.head(lookahead_params, clean_features),
      mixed_loss=mixed_loss,
  )
  score = pushers.PUSHERS[config.pusher](evidence)
  return loss, Outcome(
      batch_stats, clean_logits, pseudo_logits, weights, score, reward_loss
  )


def train_step(
    state: TrainState, data: Resident, index: jax.Array, *, ctx: Context,
    active: bool,
) -> tuple[TrainState, Metrics]:
  """One step of Algorithm 1 on the global batch `index`.

  Args:
    state: TrainState.
    data: Resident.
    index: int32 [B], the global batch, the same on every device.
    ctx: Context.
    active: False during the warm-up (uniform weights, no pseudo loss). Static:
      the two phases are two compiled functions.

  Returns:
    (TrainState after the update, Metrics of the step), the same on every
    device.
  """
  config, axis = ctx.config, ctx.axis_name
  batch_key, reward_key = jax.random.split(
      order.step_key(config.seed, state.step)
  )
  batch = batches.gather(config, batch_key, data, index, ctx.num_classes, axis)
  rewards = pseudo_label = None
  if active and config.method == "fsr":
    rewards = batches.draw_rewards(
        config, reward_key, data, state.dictionary, ctx.num_classes, axis
    )
  if active and config.pseudo_loss_weight:
    pseudo_label = tables.pseudo_labels(
        state.tables, batch.index, config.pseudo_label_momentum
    )
  (loss, outcome), gradient = jax.value_and_grad(total_loss, has_aux=True)(
      state.params, ctx, state, batch, rewards, pseudo_label
  )
  loss, gradient = collectives.psum((loss, gradient), axis)
  none_helped = collectives.psum(jnp.sum(outcome.weights), axis) == 0
  new = _advance(ctx, state, batch, outcome, gradient, none_helped)
  # The update can overflow where loss and gradient did not.
  size = loss + collectives.global_norm((gradient, new.params))
  return new, _measure(ctx, state.step, batch, outcome, loss, size)


def _measure(ctx, step, batch, outcome, loss, size) -> Metrics:
  """Metrics of one step, summed over devices; bad unless `size` is finite."""
  correct = jnp.argmax(outcome.logits, -1) == batch.label
  zero = outcome.weights == 0
  correct, zero, examples = collectives.psum(
      (
          jnp.sum(correct, dtype=jnp.float32),
          jnp.sum(zero, dtype=jnp.float32),
          jnp.float32(zero.size),
      ),
      ctx.axis_name,
  )
  return Metrics(
      loss=loss,
      reward_loss=outcome.reward_loss,
      correct=correct,
      zero_weights=zero,
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
  if config.pseudo_loss_weight:
    probabilities = jax.nn.softmax(outcome.pseudo_logits)
  seen = tables.Observation(
      batch.index, outcome.score, outcome.weights, probabilities
  )
  return TrainState(
      step=state.step + 1,
      params=params,
      batch_stats=batch_stats,
      opt_state=opt_state,
      ema_params=averaged(state.ema_params, params),
      ema_batch_stats=averaged(state.ema_batch_stats, batch_stats),
      tables=tables.update(
          state.tables, seen, config.batch_size, config.score_momentum,
          config.pseudo_label_momentum, axis,
      ),
      dictionary=state.dictionary,
      zero_batches=state.zero_batches + none_helped.astype(jnp.int32),
  )
