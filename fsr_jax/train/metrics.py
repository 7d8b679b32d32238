"""What a training step reports."""

import flax
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths.collectives import Array

# Metrics.bad_step and bad_example where there is none.
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
    steps: float32, steps; those that were skipped are in no sum.
    skipped: float32, steps that were skipped (on_nonfinite=skip).
    bad_step: int32, the first step whose loss, gradient, scores or updated
      state are not finite; ALL_FINITE where there is none.
    bad_examples: int32, examples of that step's batch whose own predictions are
      not finite.
    bad_example: int32, the first of them in the order of the data; ALL_FINITE
      where there is none.
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
  skipped: Array
  bad_step: Array
  bad_examples: Array
  bad_example: Array

  @classmethod
  def zero(cls) -> "Metrics":
    """Metrics of no step, numpy scalars."""
    names = [n for n in cls.__dataclass_fields__ if not n.startswith("bad_")]
    return cls(
      **dict.fromkeys(names, np.zeros((), np.float32)),
      bad_step=np.array(ALL_FINITE, np.int32),
      bad_examples=np.zeros((), np.int32),
      bad_example=np.array(ALL_FINITE, np.int32),
    )

  def merge(self, other: "Metrics") -> "Metrics":
    """Metrics of both stretches of steps together."""
    earlier = self.bad_step <= other.bad_step

    def first(own, others):
      return jnp.where(earlier, own, others)

    total = jax.tree.map(jnp.add, self, other)
    return total.replace(
      bad_step=jnp.minimum(self.bad_step, other.bad_step),
      bad_examples=first(self.bad_examples, other.bad_examples),
      bad_example=first(self.bad_example, other.bad_example),
    )
