"""What a run keeps in its workdir while it goes on, and how it is continued.

Of several processes the first one keeps it all, and tells the others.
"""

import contextlib

from ml_collections import ConfigDict

from fsr_jax import processes
from fsr_jax.config import Options
from fsr_jax.data.dataset import Data
from fsr_jax.run import resume
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.pretrained.start import start
from fsr_jax.run.watch.events import Nowhere, Scalars
from fsr_jax.run.workdir import Workdir
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
  ):
    """Refuses to mix two runs; writes nothing.

    Args:
      workdir: Workdir.
      config: resolved.
      options: Options that it stands for.
      pictures: Data as they were loaded.
      allow_config_change: continue a run that began with another config.

    Raises:
      InputError: as `resume.check_same`.
    """
    self.workdir = workdir if processes.is_first() else None
    self._config, self._options, self._pictures = config, options, pictures
    self._checkpoints: Checkpoints | None = None

    def look() -> list:
      notes = resume.check_same(workdir, config, pictures, allow_config_change)
      return [notes + resume.damaged_lines(workdir), workdir.read_config()]

    self.notes, self._before = processes.from_first(look)

  def claim(self, programs: Programs) -> TrainState:
    """Makes the workdir this run's, and finds where it goes on.

    Args:
      programs: Programs.

    Returns:
      TrainState of numpy arrays: of the newest checkpoint, or the first one.

    Raises:
      InputError: another process trains there, a damaged checkpoint, one of
        another run or beyond the end of this one, pretrained weights that
        cannot be used.
    """
    states = [programs.create_state()]

    def restore() -> None:
      states.append(self._restored(programs, states[0]))

    processes.from_first(restore)
    return processes.arrays_from_first(states[-1])

  def _restored(self, programs: Programs, state: TrainState) -> TrainState:
    """`claim` in the first process; `state` is the first one."""
    workdir, options = self.workdir, self._options
    assert workdir is not None
    if not workdir.has_checkpoint:
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
    if self._checkpoints.latest_step() is not None:
      state = self._checkpoints.restore(state)
    step = int(state.step)
    resume.check_length(workdir, step, programs.num_steps)
    self.notes += resume.rate_change(
      self._before, options, step, programs.steps_per_epoch
    )
    workdir.write_config(self._config)
    resume.remember(workdir, options.train, self._pictures)
    return state

  def open_scalars(self, step: int) -> Scalars:
    """Writer of scalars that continues after `step`."""
    if self.workdir is None:
      return Nowhere()
    return self.workdir.open_scalars(step)

  def saved(self, step: int) -> bool:
    """Whether the state of this step is saved, or another process's to save."""
    if self._checkpoints is None:
      return True
    return self._checkpoints.latest_step() == step

  def save(self, state: TrainState) -> None:
    """Saves a state of numpy arrays. Raises as `Checkpoints.save`."""
    if self._checkpoints is not None:
      self._checkpoints.save(state)

  def raise_errors(self) -> None:
    """As `Checkpoints.raise_errors`."""
    if self._checkpoints is not None:
      self._checkpoints.raise_errors()

  def way_told(self) -> contextlib.AbstractContextManager:
    """As `resume.way_told`."""
    if self._checkpoints is None:
      return contextlib.nullcontext()
    rate = self._options.train.optimization.learning_rate
    return resume.way_told(rate, self._checkpoints)

  def close(self) -> None:
    """Waits for the last save and gives the workdir back."""
    if self.workdir is None or self._checkpoints is None:
      return
    try:
      self._checkpoints.close()
    finally:
      self.workdir.unlock()
