"""What a run keeps in its workdir while it goes on, and how it is continued.

Of several processes the first one keeps it all, and tells the others.
"""

from collections.abc import Callable, Iterator
import contextlib
import time

from ml_collections import ConfigDict

from fsr_jax import processes
from fsr_jax.config import Options
from fsr_jax.data.dataset import Data
from fsr_jax.errors import reason
from fsr_jax.run import resume
from fsr_jax.run.best import Best
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.pretrained.start import start
from fsr_jax.run.watch.events import Nowhere, Scalars
from fsr_jax.run.watch.screen import Screen, say
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.parallel import Anyone
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState


class Keeper:
  """Keeps config, checkpoints and scalars of one run in its workdir.

  Attributes:
    workdir: Workdir; None in every process but the first.
    notes: what is allowed but perhaps not expected, one line each.
  """

  def __init__(
    self,
    workdir: Workdir,
    config: ConfigDict,
    options: Options,
    pictures: Data,
    allow_config_change: bool,
    say: Screen = say,
  ):
    """Refuses to mix two runs; writes nothing.

    Args:
      workdir: Workdir.
      config: resolved.
      options: Options that it stands for.
      pictures: Data as they were loaded.
      allow_config_change: continue a run that began with another config.
      say: what is told of a save that failed.

    Raises:
      InputError: as `resume.check_same`.
    """
    self.workdir = workdir if processes.is_first() else None
    self._config, self._options, self._pictures = config, options, pictures
    self._checkpoints: Checkpoints | None = None
    self._best = Best(options.run, pictures, workdir)
    self._say, self._told = say, ""
    self._any_due: Callable[[bool], bool] = bool

    def look() -> list:
      notes = resume.check_same(workdir, config, pictures, allow_config_change)
      return [notes, workdir.read_config()]

    self.notes, self._before = processes.from_first(look)

  def claim(self, programs: Programs) -> tuple[TrainState, Metrics]:
    """Makes the workdir this run's, and finds where it goes on.

    Args:
      programs: Programs.

    Returns:
      (TrainState of numpy arrays: of the newest checkpoint, or the first one;
      Metrics of numpy scalars, of the steps before it that are in no line of
      metrics.jsonl: those of the present epoch so far, or of one that was left
      before it was measured).

    Raises:
      InputError: another process trains there, a damaged checkpoint, one of
        another run or beyond the end of this one, pretrained weights that
        cannot be used.
    """
    self._programs, workdir = programs, self.workdir
    # To save is the first process's alone, unless others have a share of it.
    self._all_save = processes.count() > 1 and programs.place.shares
    if self._all_save:
      self._any_due = Anyone(programs.devices)
    # All make a first state or none does: each reads its share of the images.
    fresh = processes.from_first(
      lambda: not (workdir and workdir.has_checkpoint)
    )
    state = programs.create_state() if fresh else programs.template()
    found = [(state, Metrics.zero())]

    def restore() -> float | None:
      found.append(self._restored(programs, state, fresh))
      return self._best.open(int(found[-1][0].step))

    self._best.value = processes.from_first(restore)
    return processes.arrays_from_first(found[-1])

  def _restored(
    self, programs: Programs, state: TrainState, fresh: bool
  ) -> tuple[TrainState, Metrics]:
    """`claim` in the first process; `state` is the first one where it is fresh,
    a template else."""
    workdir, options = self.workdir, self._options
    assert workdir is not None
    if fresh:
      state, notes = start(programs.options.network, state)
      self.notes += notes
    workdir.lock()
    if self._before is None:
      # Before the checkpoints' directory: a run killed between the two could
      # not be told from a stranger's.
      workdir.write_config(self._config)
    self._checkpoints = Checkpoints(
      workdir.checkpoints, options.run.keep_checkpoints
    )
    totals = Metrics.zero()
    if self._checkpoints.latest_step() is not None:
      state, totals = self._checkpoints.restore(state)
    step, per_epoch = int(state.step), programs.steps_per_epoch
    logged = workdir.logged()
    there = {scalars["step"] for scalars in logged if scalars is not None}
    if step % per_epoch == 0 and step in there:
      totals = Metrics.zero()
    # An epoch of which there are totals is logged when it is measured.
    measured = step - (int(totals.steps + totals.skipped) > 0)
    self.notes += resume.damaged_lines(logged)
    self.notes += resume.missing_lines(there, measured, per_epoch)
    resume.check_length(workdir, step, programs.num_steps)
    self.notes += resume.rate_change(
      self._before, options, step, programs.steps_per_epoch
    )
    workdir.write_config(self._config)
    resume.remember(workdir, options.train, self._pictures)
    return state, totals

  def open_scalars(self, step: int) -> Scalars:
    """Writer of scalars that continues after `step`."""
    self._scalars = (
      Nowhere() if self.workdir is None else self.workdir.open_scalars(step)
    )
    self._saved = time.monotonic()
    return self._scalars

  def due(self) -> bool:
    """Whether it is time to save within an epoch, too. All processes ask."""
    every, late = 60 * self._options.run.checkpoint_every_minutes, False
    if self._checkpoints is not None and every:
      late = time.monotonic() - self._saved >= every
      late &= not self._checkpoints.saving
    return self._any_due(late)

  def save(
    self, step: int, state: TrainState, totals: Metrics, alone: bool = False
  ) -> None:
    """Saves what is in place, unless this step is saved already.

    What was logged before is on the disk first, if it can be: a run that
    continues from there does not log it again.

    Args:
      step: of the run.
      state: TrainState in place.
      totals: Metrics in place, as `claim` gives them.
      alone: whether other processes do not call this now. Those that have a
        share of the tables are needed; then nothing is saved.

    Raises:
      OSError: of this save or the one before, unless on_save_error=go_on.
    """
    if alone and self._all_save:
      return
    first = self._checkpoints
    saved = first is None or first.latest_step() == step
    if self._all_save:
      saved = processes.from_first(lambda: saved)
    if saved:
      return
    host_state = self._programs.place.get(state)
    if first is None:
      return
    self._saved = time.monotonic()
    with self.trying():
      first.wait()
    with self.trying():
      self._scalars.sync()
    with self.trying():
      first.save(host_state, self._programs.devices.get(totals))

  def keep_best(self, state: TrainState, scalars: dict) -> None:
    """Saves what is in place at the end of an epoch, if it is the best one.

    Args:
      state: TrainState in place.
      scalars: of the epoch.

    Raises:
      OSError: as `save`.
    """
    if self._best.is_reached(scalars) and (self.workdir or self._all_save):
      host_state = self._programs.place.get(state)
      with self.trying():
        self._best.save(host_state)

  def raise_errors(self) -> None:
    """As `Checkpoints.raise_errors`, unless on_save_error=go_on."""
    for checkpoints in (self._checkpoints, self._best.checkpoints):
      if checkpoints is not None:
        with self.trying():
          checkpoints.raise_errors()

  @contextlib.contextmanager
  def trying(self) -> Iterator[None]:
    """What cannot be written stops the run, or is told, as on_save_error says.

    The same twice in a row is told once.

    Raises:
      OSError: as it came.
    """
    try:
      yield
    except OSError as error:
      if self._options.run.on_save_error == "stop":
        raise
      line = f"note: {reason(error, 1000)}; the run goes on"
      if line != self._told:
        self._say(line)
      self._told = line

  def way_told(self) -> contextlib.AbstractContextManager:
    """As `resume.way_told`."""
    if self._checkpoints is None:
      return contextlib.nullcontext()
    rate = self._options.train.optimization.learning_rate
    return resume.way_told(rate, self._checkpoints)

  def close(self) -> None:
    """Waits for what is being written and gives the workdir back."""
    if self.workdir is None or self._checkpoints is None:
      return
    with contextlib.ExitStack() as ends:
      ends.callback(self.workdir.unlock)
      closes = [self._checkpoints.close, self._scalars.sync]
      if self._best.checkpoints is not None:
        closes.append(self._best.checkpoints.close)
      for close in closes:
        ends.enter_context(self.trying())
        ends.callback(close)
