"""The network of weighting=weight_net and its optimizer, as state."""

from typing import NamedTuple

import jax
import optax

from fsr_jax.maths import collectives, weight_net
from fsr_jax.maths.collectives import Tree


class WeightNet(NamedTuple):
  """A weight net in training.

  Attributes:
    params: of the net.
    opt_state: of its optimizer.
  """

  params: Tree
  opt_state: optax.OptState


def _optimizer(learning_rate: float) -> optax.GradientTransformation:
  """Adam, as the weight net's authors train it."""
  return optax.adam(learning_rate)


def create(key: jax.Array, learning_rate: float) -> WeightNet:
  """WeightNet before the first step, from a typed PRNG key."""
  params = weight_net.init(key)
  return WeightNet(params, _optimizer(learning_rate).init(params))


def move(
  net: WeightNet, loss: jax.Array, g: jax.Array, learning_rate: float
) -> tuple[jax.Array, WeightNet]:
  """One step of the net along g, and what it then gives.

  Args:
    net: WeightNet.
    loss: float [b], nats.
    g: float [b], gradient of the reward loss for the weights.
    learning_rate: of Adam.

  Returns:
    (weights float [b] in 0-1/B, not normalised, WeightNet).

  Source: Shu et al., NeurIPS 2019, Algorithm 1.
  """
  gradient = weight_net.gradient(net.params, loss, g)
  updates, opt_state = _optimizer(learning_rate).update(gradient, net.opt_state)
  params = optax.apply_updates(net.params, updates)
  weights = weight_net.value(params, loss) / collectives.global_size(loss)
  return weights, WeightNet(params, opt_state)
