"""The best state of a run by a metric, kept beside its newest checkpoints."""

import shutil

from fsr_jax.config.options import RunOptions
from fsr_jax.data.dataset import Data
from fsr_jax.errors import check
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.state import TrainState


class Best:
  """Keeps the state of the epoch with the highest value of a metric.

  Attributes:
    value: the highest so far; None before the first.
  """

  def __init__(self, run: RunOptions, data: Data, workdir: Workdir):
    """Writes nothing.

    Args:
      run: RunOptions, with keep_best.
      data: Data.
      workdir: of the run.

    Raises:
      InputError: the metric is not measured at the ends of epochs.
    """
    self._name = run.keep_best
    self._workdir = workdir
    self.value: float | None = None
    self.checkpoints: Checkpoints | None = None
    part = self._name.partition("_")[0]
    check(
      part != "val" or data.val is not None,
      f"keep_best={self._name}, but there is no validation part; set"
      " data.val_split, or choose by another metric",
    )
    check(
      part != "test" or (data.test is not None and data.val is None),
      f"keep_best={self._name}, but the test part is not evaluated at the ends"
      " of epochs, because"
      + (
        " there is none" if data.test is None else " there is a validation part"
      ),
    )

  def open(self, step: int) -> float | None:
    """Goes on from a step. In the process that writes.

    Returns:
      The highest value up to there.
    """
    if self._name == "none":
      return None
    self.checkpoints = Checkpoints(self._workdir.best, 1)
    if (self.checkpoints.latest_step() or 0) > step:
      # Of epochs that are trained again, and reach it again.
      self.checkpoints.close()
      shutil.rmtree(self._workdir.best)
      self.checkpoints = Checkpoints(self._workdir.best, 1)
    values = [
      logged[self._name]
      for logged in self._workdir.read_metrics()
      if logged["step"] <= step and logged.get(self._name) is not None
    ]
    return max(values, default=None)

  def is_reached(self, scalars: dict) -> bool:
    """Whether an epoch's scalars have the highest value so far."""
    value = scalars.get(self._name)
    if value is None or (self.value is not None and value <= self.value):
      return False
    self.value = value
    return True

  def save(self, state: TrainState) -> None:
    """Saves a state of numpy arrays, at the end of an epoch.

    Raises:
      OSError: as `Checkpoints.save`.
    """
    if self.checkpoints is not None:
      self.checkpoints.save(state, Metrics.zero())
