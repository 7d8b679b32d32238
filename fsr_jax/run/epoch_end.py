"""What is measured and logged at the end of an epoch."""

import time

from fsr_jax import processes
from fsr_jax.config import Options
from fsr_jax.data.dataset import Split
from fsr_jax.run import monitor, pictures
from fsr_jax.run.outcomes import Outcomes
from fsr_jax.run.steps import skipped_steps
from fsr_jax.run.watch import epochs
from fsr_jax.run.watch.events import Scalars
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState

# Share of a run's time that the pictures of the worst labels may take.
_SHARE = 0.02


class EpochEnd:
  """Measures a run epoch by epoch.

  Attributes:
    outcomes: Outcomes of the parts that are evaluated.
  """

  def __init__(
    self,
    options: Options,
    programs: Programs,
    shown: Split,
    progress: epochs.Epochs,
  ):
    """Measures nothing yet.

    Args:
      options: Options.
      programs: of the run.
      shown: its training part as it was loaded, for pictures.
      progress: is told what was done.
    """
    self.outcomes = Outcomes(programs, options.run.eval_batch_size)
    self._options, self._programs = options, programs
    self._shown, self._progress = shown, progress
    # When the worst labels were drawn, and what it cost, seconds.
    self._drawn, self._cost = time.monotonic(), 0.0

  def measure(self, state: TrainState, step: int, epoch: int) -> dict:
    """Scalars: tables, and what is evaluated when it is due.

    That is the validation part, and the test part at the end of the run alone;
    without a validation part it is the test part always.

    Args:
      state: TrainState in place.
      step: done, of the run.
      epoch: that is done, from 0.
    """
    options, programs = self._options.train.reweighting, self._programs
    # Without what the list of wrong labels alone needs.
    tables = state.reweighting.tables._replace(mean_root=None)
    found = programs.place.get(state.reweighting._replace(tables=tables))
    scalars = {
      "epoch": epoch + 1,
      "learning_rate": programs.learning_rate(step - 1),
      "skipped_steps": skipped_steps(
        step,
        found.tables.visits,
        self._options.train.optimization.batch_size,
      ),
      **monitor.measure(found, programs.data, options),
    }
    self._progress.refreshed()
    names = epochs.evaluated(self._options, list(programs.parts), epoch)
    if names:
      self._progress.evaluating(names)
      scalars |= self.outcomes.scalars(state, names)
      self._progress.evaluated(names)
    self._progress.update(scalars)
    return scalars | self._progress.speed()

  def show_worst(self, state: TrainState, step: int, writer: Scalars) -> None:
    """Logs a picture of the labels that look most wrong by now.

    To find them takes seconds where there are many: it is done only if enough
    was trained since it was done before.
    """
    began = time.monotonic()
    due = began - self._drawn >= self._cost / _SHARE
    if not processes.from_first(lambda: due):
      return
    sheet = pictures.worst(
      self._programs.place.get(state.reweighting),
      self._programs.data,
      self._shown,
      self._options.train.reweighting,
    )
    if sheet is not None:
      writer.picture(step, pictures.NAME, sheet)
    self._drawn = time.monotonic()
    self._cost = self._drawn - began
