"""What learning the weights carries from one step to the next."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from fsr_jax.maths import weight_net


class Memory(NamedTuple):
  """What learning weights carries from step to step; None where unused.

  Attributes:
    reward_gradient: like params["head"], moving average of v.
    weight_net: parameters of the weight net.
    weight_net_opt: its optimizer's state.
  """

  reward_gradient: Any = None
  weight_net: Any = None
  weight_net_opt: Any = None


def weight_net_optimizer(config) -> optax.GradientTransformation:
  """Adam, as the weight net's authors train it."""
  return optax.adam(config.weight_net_lr)


def create(config, meta_params, key: jax.Array) -> Memory:
  """Memory before the first step."""
  memory = Memory()
  if config.weighting == "uniform":
    return memory
  if config.reward_momentum:
    memory = memory._replace(
        reward_gradient=jax.tree.map(jnp.zeros_like, meta_params)
    )
  if config.weighting == "weight_net":
    params = weight_net.init(key)
    memory = memory._replace(
        weight_net=params,
        weight_net_opt=weight_net_optimizer(config).init(params),
    )
  return memory
