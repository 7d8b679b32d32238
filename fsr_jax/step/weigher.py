"""The weight net of weighting=weight_net and its optimizer, as state."""

from typing import Any, NamedTuple

import jax
import optax

from fsr_jax.maths import weight_net


class Weigher(NamedTuple):
  """A weight net in training.

  Attributes:
    params: of the net.
    opt_state: of its optimizer.
  """

  params: Any
  opt_state: Any


def optimizer(config) -> optax.GradientTransformation:
  """Adam, as the weight net's authors train it."""
  return optax.adam(config.weight_net_lr)


def create(config, key: jax.Array) -> Weigher | None:
  """Weigher before the first step; None where weights come without a net."""
  if config.weighting != "weight_net":
    return None
  params = weight_net.init(key)
  return Weigher(params, optimizer(config).init(params))
