"""Learned sample weights: look-ahead, reward gradient, weights (eqs. 2, 3, 6).

A loss function here maps the meta parameters (default: the head's) to one loss
a sample, with features, targets and head closed over:
`losses(meta_params) -> float [b]`. b is a device's share of the global batch.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from fsr_jax.maths import collectives
from fsr_jax.maths.checks import at_least_float32, expect
from fsr_jax.maths.collectives import Tree

Losses = Callable[[Tree], jax.Array]


def _global_mean(losses: Losses) -> Callable[[Tree], jax.Array]:
  """This device's part of the mean over all devices' losses."""

  def mean(params):
    values = losses(params)
    return jnp.sum(values) / collectives.global_size(values)

  return mean


def lookahead(
  train_losses: Losses,
  meta_params: Tree,
  lookahead_lr: float,
  extra_gradient: Tree | None = None,
) -> Tree:
  """Theta* = Theta^meta - eta (grad sum_i omega_i l_i + extra), omega = 1/B.

  Args:
    train_losses: meta_params -> float [b].
    meta_params: float pytree, the same on every device.
    lookahead_lr: eta.
    extra_gradient: None, or a pytree like meta_params added to the gradient
      (the released code adds 0.9 times the optimizer's momentum buffer).

  Returns:
    lookahead_params, like meta_params, the same on every device.

  Source: Algorithm 1, line 7.
  """
  gradient = collectives.psum(jax.grad(_global_mean(train_losses))(meta_params))
  if extra_gradient is not None:
    gradient = jax.tree.map(jnp.add, gradient, extra_gradient)
  return jax.tree.map(lambda p, g: p - lookahead_lr * g, meta_params, gradient)


def reward_gradient(
  reward_losses: Losses,
  lookahead_params: Tree,
) -> tuple[jax.Array, Tree]:
  """v = gradient at Theta* of the mean reward loss.

  Args:
    reward_losses: meta_params -> float [q], a device's share of the rewards.
    lookahead_params: Theta*, float pytree.

  Returns:
    (mean reward loss at Theta* in nats, v like lookahead_params), both the
    same on every device.

  Source: eq. 2, first factor of eq. 6.
  """
  return collectives.psum(
    jax.value_and_grad(_global_mean(reward_losses))(lookahead_params)
  )


def weight_gradient(
  train_losses: Losses, meta_params: Tree, v: Tree, lookahead_lr: float
) -> jax.Array:
  """g_i = -eta <v, grad l_i>: how the reward loss moves with omega_i.

  Computed as ONE forward-mode product of all per-sample losses along v. That
  equals `weight_gradient_by_definition`, because Theta* is linear in omega,
  for any head, and needs no gradient through a collective: v is already
  reduced, and every sample is on one device only.

  Args:
    train_losses: meta_params -> float [b].
    meta_params: float pytree.
    v: the reduced reward gradient, like meta_params.
    lookahead_lr: eta.

  Returns:
    float [b], nats per unit of weight.

  Source: eq. 6.
  """
  _, along_v = jax.jvp(train_losses, (meta_params,), (v,))
  return -lookahead_lr * along_v


def weight_gradient_by_definition(
  train_losses: Losses,
  reward_losses: Losses,
  meta_params: Tree,
  lookahead_lr: float,
  extra_gradient: Tree | None = None,
) -> jax.Array:
  """g = jax.grad of the reward loss over omega, through the look-ahead step.

  The readable definition (eq. 3) that `weight_gradient` is tested against;
  second-order, one device.

  Args:
    train_losses: meta_params -> float [B].
    reward_losses: meta_params -> float [Q].
    meta_params: float pytree.
    lookahead_lr: eta.
    extra_gradient: as in `lookahead`.

  Returns:
    float [B], nats per unit of weight.
  """
  first = train_losses(meta_params)
  weights = jnp.full(first.shape, 1.0 / first.size, first.dtype)

  def reward_loss(weights):
    gradient = jax.grad(lambda p: jnp.sum(weights * train_losses(p)))(
      meta_params
    )
    if extra_gradient is not None:
      gradient = jax.tree.map(jnp.add, gradient, extra_gradient)
    lookahead_params = jax.tree.map(
      lambda p, g: p - lookahead_lr * g, meta_params, gradient
    )
    return jnp.mean(reward_losses(lookahead_params))

  return jax.grad(reward_loss)(weights)


# Keeps the gradient of a sample that is fitted (length near 0) from dominating:
# its g goes to 0 too, and `relative` then gives it the weight 1.
_LENGTH_EPSILON = 1e-2


def per_length(g: jax.Array, logit_gradient: jax.Array) -> jax.Array:
  """g_i over the length of sample i's own gradient: agreement, not size.

  g_i = -eta <v, grad l_i> grows with the length of grad l_i, and wrong labels
  have the longest gradients. Divided by it, g_i says how well the sample's
  direction agrees with the rewards'. The length is taken at the logits, where
  it costs nothing and any head has it.

  Args:
    g: float [b], from `weight_gradient`.
    logit_gradient: float [b, C], gradient of each sample's loss for its own
      logits.

  Returns:
    float [b].

  Source: ours; measured in docs/measured/weights.md.
  """
  expect(g=(g, "float B"), logit_gradient=(logit_gradient, "float B C"))
  length = jnp.sqrt(jnp.sum(jnp.square(logit_gradient), axis=-1))
  return g / (length + _LENGTH_EPSILON)


def clip(g: jax.Array, weight_lr: float) -> jax.Array:
  """max(0, -alpha g): only samples that lower the reward loss count.

  Source: released code and L2R (start at omega = 0). The paper's text starts
  at 1/B, which almost never clips (Figure 6 contradicts it).
  """
  return jnp.maximum(0.0, -weight_lr * g)


def shift(g: jax.Array, weight_lr: float) -> jax.Array:
  """omega - min(omega) + 1/B with omega = 1/B - alpha g: never zero.

  Source: section 5.2, long tails.
  """
  uniform = 1.0 / collectives.global_size(g)
  raw = uniform - weight_lr * g
  return raw - collectives.pmin(jnp.min(raw)) + uniform


def relative(g: jax.Array, weight_lr: float) -> jax.Array:
  """max(0, 1 - alpha g / rms(g)): the paper's rule with g on its own scale.

  The paper's text, max(0, 1/B - alpha g), hardly moves the weights because
  alpha g is far below 1/B. Measured in units of its root mean square over the
  global batch, alpha says how far they move: 0 is plain training, infinity is
  `clip`. Where all g are the same, all samples get the same: something where
  they help, where they do not with alpha 1 nothing, but for rounding.

  Source: ours; measured in docs/measured/weights.md.
  """
  square = collectives.psum(jnp.sum(jnp.square(g)))
  square /= collectives.global_size(g)
  # The smallest normal number keeps a batch of zero gradients at weight 1.
  scale = jnp.sqrt(jnp.maximum(square, jnp.finfo(g.dtype).tiny))
  return jnp.maximum(0.0, 1.0 - weight_lr * g / scale)


# name -> rule(g [b], alpha) -> float [b], not yet normalised.
WEIGHT_RULES = {"clip": clip, "shift": shift, "relative": relative}


def normalize(raw: jax.Array) -> jax.Array:
  """Divides by the GLOBAL sum, so that weights sum to 1 (or are all 0).

  Args:
    raw: float [b], >= 0.

  Returns:
    weights, float [b]; float32 where `raw` is of lower precision.

  Source: end of section 3. The released code adds 1e-5 to the sum, which is
  more than the sum of `clip` itself once a network fits its labels: the weights
  then fade, and with them the training (docs/measured/weights.md).
  """
  expect(raw=(raw, "float B"))
  raw = at_least_float32(raw)
  total = collectives.psum(jnp.sum(raw))
  # The smallest normal number, so that no weights stay no weights.
  return raw / jnp.maximum(total, jnp.finfo(raw.dtype).tiny)
