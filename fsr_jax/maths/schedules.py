"""Learning-rate schedules: step -> learning rate."""

from collections.abc import Callable, Sequence
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax

Schedule = Callable[[jax.Array], jax.Array]

# Each cosine cycle starts at this share of the one before (released code).
_PEAK_DECAY = 0.9


def cosine_restarts(peak: float, num_steps: int, num_epochs: int) -> Schedule:
  """Cosine cycles, each twice as long as the last and 0.9 times as high.

  n = round(log2(num_epochs + 1)) cycles with lengths 1 : 2 : 4 : ... that fill
  the run, so that it always ends at a learning rate of zero. With 127 epochs
  these are the released code's 1, 2, 4, ..., 64 epochs.

  Args:
    peak: first peak.
    num_steps: length of the run, steps.
    num_epochs: length of the run, epochs.

  Returns:
    step -> learning rate.

  Source: released code; its scaling to other lengths is ours.
  """
  cycles = max(1, round(math.log2(num_epochs + 1)))
  ends = np.rint(
    num_steps * (2 ** np.arange(1, cycles + 1) - 1) / (2**cycles - 1)
  ).astype(int)
  lengths = np.maximum(1, np.diff(ends, prepend=0))
  schedules = [
    optax.cosine_decay_schedule(peak * _PEAK_DECAY**i, int(length))
    for i, length in enumerate(lengths)
  ]
  return optax.join_schedules(schedules, [int(e) for e in ends[:-1]])


def cosine(peak: float, num_steps: int) -> Schedule:
  """One cosine from `peak` to zero over `num_steps` steps."""
  return optax.cosine_decay_schedule(peak, num_steps)


def step_decay(
  peak: float,
  steps_per_epoch: int,
  epochs: Sequence[int],
  factors: Sequence[float],
) -> Schedule:
  """`peak` times factors[i] from epoch epochs[i] on.

  Args:
    peak: initial learning rate.
    steps_per_epoch: steps.
    epochs: increasing.
    factors: of the initial rate, one for each of `epochs`.

  Returns:
    step -> learning rate.

  Source: section 5.2; the released code's 0.01 at 160 and 1e-4 at 180.
  """
  values = [peak] + [peak * factor for factor in factors]
  return optax.join_schedules(
    [optax.constant_schedule(value) for value in values],
    [epoch * steps_per_epoch for epoch in epochs],
  )


def with_warmup(schedule: Schedule, peak: float, num_steps: int) -> Schedule:
  """A linear rise from 0 to `peak` over `num_steps` steps, then `schedule`."""
  if num_steps == 0:
    return schedule
  rise = optax.linear_schedule(0.0, peak, num_steps)
  return optax.join_schedules([rise, schedule], [num_steps])


def ema_decay(step: jax.Array, ceiling: float) -> jax.Array:
  """Decay of the weights' moving average: min(ceiling, (1 + t) / (10 + t)).

  Source: released code (ceiling 0.999).
  """
  return jnp.minimum(ceiling, (1.0 + step) / (10.0 + step))
