"""States to read weights into."""

import functools

import jax
import numpy as np

from fsr_jax.train import feeder, step
from fsr_jax.train import state as states
from tests import shrunk


def blank_state(network, num_classes, channels=3, **fields):
  """State of zeros as Programs.create_state has it, compiled by nobody."""
  options = shrunk.options(network=network, **fields).train
  data = shrunk.random_data(
    num_classes=num_classes, shape=(8, 8, channels), num_examples=40
  )
  ctx = step.context(options, num_classes, steps_per_epoch=2)
  create = functools.partial(
    states.create, options, ctx.network, ctx.reweighter, ctx.tx
  )
  resident, _ = feeder.residents(data, options, seed=0)
  shapes = jax.eval_shape(create, resident, feeder.statistics(data.train.image))
  return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
