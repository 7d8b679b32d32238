"""The training steps of one epoch, call after call."""

from collections.abc import Iterator

import jax

from fsr_jax.errors import InputError
from fsr_jax.train.metrics import ALL_FINITE, Metrics
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState


class NonFiniteError(InputError):
  """The loss, a gradient or a parameter stopped being a number."""


def epoch_steps(
  programs: Programs,
  state: TrainState,
  epoch: int,
  seed: int,
  first: int = 0,
  steps_per_call: int = 0,
  totals: Metrics | None = None,
) -> Iterator[tuple[int, TrainState, Metrics]]:
  """The training steps of one epoch, from the one after `first` on.

  Args:
    programs: Programs.
    state: TrainState in place; donated.
    epoch: int.
    seed: of the run.
    first: steps of this epoch already done.
    steps_per_call: training steps of one compiled call; 0 = the most useful.
    totals: Metrics in place of those already done; None for none.

  Yields:
    After each compiled call: (steps of this epoch done, TrainState in place,
    Metrics in place of the steps of this epoch so far). Who stops
    asking has the state as of then.

  Raises:
    InputError: a training image could not be read; names it. The state last
      yielded is as it was.
  """
  batches = programs.batches(epoch, seed)[first:]
  size = steps_per_call or programs.steps_per_call(state.params)
  if totals is None:
    totals = programs.devices.put(Metrics.zero())
  feeds = programs.feeds(state, epoch, first, batches)
  for start in range(0, len(batches), size):
    chunk = batches[start : start + size]
    # One call runs while the next is prepared, and no more: else a whole
    # epoch would be queued at once, deaf to progress and signals.
    before = totals
    state, totals = programs.step(state, totals, chunk, next(feeds), epoch)
    jax.block_until_ready(before)
    yield first + start + len(chunk), state, totals


def require_finite(totals: Metrics) -> None:
  """Stops at a loss that is no number, before it reaches a checkpoint."""
  step = int(totals.bad_step)
  if step != ALL_FINITE:
    raise NonFiniteError(
      f"the loss or a gradient became infinite or NaN at step {step}"
    )
