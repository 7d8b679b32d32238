"""The weights of a batch (METHOD steps 3 to 6): uniform or learned.

Learned ones differ in three choices that any method may combine: where the
reward batch comes from (the run's dictionary, or held-out clean samples), how
much of the network is looked ahead (Theta^meta), and what the gradient for the
weights moves (the weights themselves, or a weight net).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from fsr_jax.maths import collectives, losses, reweight, weight_net
from fsr_jax.step import weigher as weighers
from fsr_jax.step.batch import Rewards
from fsr_jax.step.weigher import Weigher

WEIGHTINGS = ("uniform", "lookahead", "weight_net")
REWARDS = ("dictionary", "held_out")
REWARD_BATCH_NORMS = ("own", "joint", "running")


class Weighted(NamedTuple):
  """The weights of a device's share of a batch and how they came about.

  Attributes:
    weights: float32 [b]; of the global batch they sum to 1 (or are all 0), but
      for a weight net's, which lie in 0-1/B.
    lookahead_params: Theta*, like params["head"].
    reward_loss: float32 scalar, at Theta*, nats; NaN without rewards.
    weigher: Weigher after this step, or None.
  """

  weights: jax.Array
  lookahead_params: Any
  reward_loss: jax.Array
  weigher: Weigher | None


def learn(
  ctx,
  state,
  sample_loss,
  features: jax.Array,
  target: jax.Array,
  rewards: Rewards | None,
  unmixed_image: jax.Array,
) -> Weighted:
  """Look-ahead, reward gradient, weight rule (eqs. 2, 3, 6).

  Args:
    ctx: step.train.Context.
    state: TrainState; Theta^meta is its head.
    sample_loss: (logits [b, C], target [b, C]) -> float32 [b].
    features: float32 [b, ...], of the samples that are weighed, shared
      (section 4.2); not differentiated.
    target: float32 [b, C], of the same samples.
    rewards: None where weights are uniform (warm-up, weighting=uniform).
    unmixed_image: float32 [b, ...], for reward_batch_norm=joint.

  Returns:
    Weighted.
  """
  config, axis = ctx.config, ctx.axis_name
  meta_params = state.params["head"]

  def train_losses(p):
    return sample_loss(_logits(ctx, state, p, features), target)

  weigher, factor = state.weigher, 1.0
  if weigher is not None:
    factor = weight_net.weights(weigher.params, train_losses(meta_params))
  lookahead_params = reweight.lookahead(
    lambda p: factor * train_losses(p),
    meta_params,
    config.batch_size,
    config.lookahead_lr,
    _momentum(config, state),
    axis,
  )
  if rewards is None:
    uniform = jnp.full(target.shape[:1], 1.0 / config.batch_size)
    return Weighted(uniform, lookahead_params, jnp.full((), jnp.nan), weigher)
  reward_loss, v = _reward_gradient(
    ctx, state, lookahead_params, rewards, unmixed_image
  )
  g = reweight.weight_gradient(
    train_losses, meta_params, v, config.lookahead_lr
  )
  if config.per_length and weigher is None:
    logits = _logits(ctx, state, meta_params, features)
    g = reweight.per_length(
      g, jax.grad(lambda z: jnp.sum(sample_loss(z, target)))(logits)
    )
  if weigher is not None:
    loss = train_losses(meta_params)
    weights, weigher = _move_weight_net(config, weigher, loss, g, axis)
  else:
    weights = _by_rule(config, g, axis)
  return Weighted(weights, lookahead_params, reward_loss, weigher)


def _by_rule(config, g, axis):
  """Weights [b] of the global batch's g, by the config's rule."""
  rule = reweight.WEIGHT_RULES[config.weight_rule]
  return reweight.normalize(
    rule(g, config.weight_lr, config.batch_size, axis), axis
  )


def _reward_gradient(ctx, state, lookahead_params, rewards, unmixed_image):
  """(reward loss at Theta*, v of this step)."""
  batch_norm = ctx.config.reward_batch_norm
  train, batch = batch_norm != "running", rewards.image
  if batch_norm == "joint":
    batch = jnp.concatenate([batch, unmixed_image])
  # The running statistics stay as they are.
  features, _ = ctx.network.features(
    state.params, state.batch_stats, batch, train
  )

  def reward_losses(p):
    logits = _logits(ctx, state, p, features, train)
    return losses.cross_entropy(
      logits[: rewards.image.shape[0]], rewards.target
    )

  return reweight.reward_gradient(
    reward_losses,
    lookahead_params,
    ctx.config.reward_batch_size,
    ctx.axis_name,
  )


def _logits(ctx, state, meta_params, features, train=True):
  """Of the head; its running statistics stay as they are."""
  return ctx.network.head(meta_params, state.batch_stats, features, train)[0]


def _momentum(config, state):
  """Share of the momentum buffer in the look-ahead gradient, or None."""
  if not config.lookahead_momentum:
    return None
  # The buffer of optax.trace, shaped like params.
  buffer = optax.tree_utils.tree_get(state.opt_state, "trace")["head"]
  return jax.tree.map(lambda m: config.lookahead_momentum * m, buffer)


def _move_weight_net(config, weigher, loss, g, axis):
  """(weights by the moved weight net [b], Weigher)."""
  gradient = collectives.psum(
    weight_net.gradient(weigher.params, loss, g, config.batch_size), axis
  )
  updates, opt_state = weighers.optimizer(config).update(
    gradient, weigher.opt_state
  )
  params = optax.apply_updates(weigher.params, updates)
  weights = weight_net.weights(params, loss) / config.batch_size
  return weights, Weigher(params, opt_state)
