"""What a training step reports."""

import flax
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths.collectives import Array

# Metrics.bad_step where every step was finite.
ALL_FINITE = 2**31 - 1


class Metrics(flax.struct.PyTreeNode):
  """Sums over steps and their global batches.

  Attributes:
    loss: float32, total loss of each step, nats.
    train_loss: float32, mean loss of each batch's un-mixed samples on their
      given labels under Theta, nats; of the mixed ones where nothing depends
      on the un-mixed.
    lookahead_loss: float32, the same under Theta*; NaN where it would cost a
      forward pass or there is no look-ahead.
    reward_loss: float32, mean loss of each reward batch under Theta*, nats; NaN
      where there is none.
    correct: float32, samples whose given label is the argmax of the logits.
    zero_weights: float32, samples of weight 0.
    effective_batch: float32, (sum omega)^2 / (B sum omega^2) of each batch: 1
      for uniform weights, 1/B where one sample has all the weight.
    examples: float32, samples.
    steps: float32, steps.
    bad_step: int32, the first step whose loss, gradient or updated parameters
      are not finite; ALL_FINITE where there is none.
  """

  loss: Array
  train_loss: Array
  lookahead_loss: Array
  reward_loss: Array
  correct: Array
  zero_weights: Array
  effective_batch: Array
  examples: Array
  steps: Array
  bad_step: Array

  @classmethod
  def zero(cls) -> "Metrics":
    """Metrics of no step, numpy scalars."""
    names = cls.__dataclass_fields__.keys() - {"bad_step"}
    sums = dict.fromkeys(names, np.zeros((), np.float32))
    return cls(**sums, bad_step=np.array(ALL_FINITE, np.int32))

  def merge(self, other: "Metrics") -> "Metrics":
    """Metrics of both stretches of steps together."""
    first_bad = jnp.minimum(self.bad_step, other.bad_step)
    total = jax.tree.map(jnp.add, self, other)
    return total.replace(bad_step=first_bad)
