"""The training steps of one epoch, call after call, and what is not finite."""

from collections.abc import Iterator
import os

import jax
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.maths.collectives import Array
from fsr_jax.run.watch.opening import listed, plural, shown
from fsr_jax.run.watch.screen import Screen, say
from fsr_jax.train.metrics import ALL_FINITE, Metrics
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState

# Examples of a batch that are named.
_NAMED = 3


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


class Finite:
  """Watches whether the numbers of a run are finite; names those that are not.

  It looks at the steps' own Metrics, which every process has alike.
  """

  def __init__(self, programs: Programs, seed: int, say: Screen = say):
    """Says nothing yet.

    Args:
      programs: Programs.
      seed: of the run, which its batches follow from.
      say: Screen.
    """
    self._programs, self._seed, self._say = programs, seed, say
    self._skips = programs.options.optimization.on_nonfinite == "skip"

  def begun(self, totals: Metrics) -> Metrics:
    """What a run goes on with.

    Args:
      totals: of the epoch so far, numpy scalars. A step that was skipped then
        is no reason to stop now.
    """
    if self._skips:
      return totals
    return totals.replace(bad_step=np.array(ALL_FINITE, np.int32))

  def require(self, totals: Metrics) -> None:
    """Stops at numbers that are not finite, before they reach a checkpoint.

    Args:
      totals: of numpy scalars.

    Raises:
      NonFiniteError: names the step and its batch; not where such steps are
        skipped.
    """
    step, spoilt = int(totals.bad_step), int(totals.bad_examples)
    if self._skips or step == ALL_FINITE:
      return
    what = (
      f"the loss or a gradient became infinite or NaN at step {step},"
      f" {self._where(totals)}"
    )
    # More are no matter of single examples; MixUp spoils their pairs too.
    if 0 < spoilt <= max(2, len(self._batch(step)) // 10):
      what += "; --config.on_nonfinite=skip leaves such batches out"
    raise NonFiniteError(what)

  def end_epoch(self, totals: Metrics, finished: bool) -> None:
    """The same at the end of an epoch; says which steps of it were skipped.

    Args:
      totals: of the epoch, numpy scalars.
      finished: whether the epoch is done; else the run leaves in it.

    Raises:
      NonFiniteError: as `require`, or all of the epoch's steps were skipped.
    """
    self.require(totals)
    skipped, steps = int(totals.skipped), int(totals.steps)
    if not (self._skips and skipped):
      return
    epoch = 1 + int(totals.bad_step) // self._programs.steps_per_epoch
    where = f"the first is step {totals.bad_step}, {self._where(totals)}"
    if finished and not steps:
      raise NonFiniteError(
        f"all {skipped:,} steps of epoch {epoch} were skipped, because the loss"
        f" or a gradient was infinite or NaN in each; {where}"
      )
    were = plural(skipped, "step was", "steps were")
    self._say(
      f"note: epoch {epoch}: {were} skipped of {skipped + steps:,}, because the"
      f" loss or a gradient was infinite or NaN; {where}"
    )

  def _batch(self, step: int) -> np.ndarray:
    """int32 [B], the examples of a step of the run."""
    epoch, at = divmod(step, self._programs.steps_per_epoch)
    return self._programs.batches(epoch, self._seed)[at]

  def _where(self, totals: Metrics) -> str:
    """The batch of the first step that was not finite, and who spoilt it."""
    batch, count = self._batch(int(totals.bad_step)), int(totals.bad_examples)
    if count == 0:
      finite = "all of them"
    elif count == len(batch):
      finite = "none of them"
    else:
      (name,) = self._names(totals.bad_example[None])
      finite = f"all of them but {shown(name)}"
      if count > 1:
        finite += f" and {count - 1:,} more"
    return (
      f"in the batch of the examples {listed(self._names(batch), _NAMED)}, with"
      f" finite predictions for {finite}"
    )

  def _names(self, index: np.ndarray) -> list[str]:
    """What examples are called: their ids, their files or their positions."""
    chosen = self._programs.data.train.take(index)
    if chosen.id is not None:
      return chosen.id.tolist()
    if chosen.filepath is not None:
      return list(map(os.path.basename, chosen.filepath.tolist()))
    return [str(i) for i in index]


def skipped_steps(step: int, visits: Array, batch_size: int) -> int:
  """Steps of a run so far that were skipped (on_nonfinite=skip).

  Args:
    step: steps done, those among them.
    visits: int32 [N], of Tables; a step that was not skipped visits B examples.
    batch_size: B.
  """
  return step - int(np.sum(visits, dtype=np.int64)) // batch_size
