"""One training run in its workdir: epochs, checkpoints, summary."""

import signal
import time

from clu import parameter_overview

from fsr_jax.errors import InputError, check
from fsr_jax.run import labels, monitor, pretrained, report
from fsr_jax.run.checkpoint import Checkpoints, has_checkpoint
from fsr_jax.run.stopwatch import Stopwatch, versions
from fsr_jax.run.validate import resolve_and_load
from fsr_jax.run.workdir import Workdir
from fsr_jax.step.engine import Engine, ReadError
from fsr_jax.step.metrics import ALL_FINITE
from fsr_jax.step.parallel import devices_for
from fsr_jax.step.state import keeps_dictionary


class NonFiniteError(InputError):
  """The loss, a gradient or a parameter stopped being a number."""


class Run:
  """One training run in its workdir, continued from its newest checkpoint.

  Attributes:
    config: resolved and frozen.
    data: Data.
    workdir: Workdir.
    engine: Engine.
    notes: what is allowed but perhaps not expected, one line each.
    num_parameters: of the network.
    step: training steps done of the whole run.
  """

  def __init__(self, config, workdir: str, allow_config_change: bool = False):
    """Validates everything; writes nothing before all of it is right.

    Args:
      config: ConfigDict with the fields of config.base().
      workdir: directory, made if it is missing.
      allow_config_change: continue a run that began with another config.

    Raises:
      InputError: the input is wrong; the message says what, where and what
        was expected.
    """
    self.config, self.data = resolve_and_load(config)
    self.workdir = Workdir(workdir)
    self.workdir.check_config(self.config, allow_config_change)
    labels.check_same(self.workdir.path, self.data)
    devices, note = devices_for(self.config)
    self.notes = [note] if note else []
    self.engine = Engine(self.config, self.data, devices)
    host_state = self.engine.create_state()
    if self.config.pretrained and not has_checkpoint(self.workdir.checkpoints):
      host_state, notes = pretrained.start(self.config, host_state)
      self.notes += notes
    self.num_parameters = int(
      parameter_overview.count_parameters(host_state.params)
    )
    self.workdir.lock()
    if self.workdir.read_config() is None:
      # Before the checkpoints' directory: a run killed between the two could
      # not be told from a stranger's.
      self.workdir.write_config(self.config)
    self._checkpoints = Checkpoints(
      self.workdir.checkpoints, self.config.keep_checkpoints
    )
    if self._checkpoints.latest_step() is not None:
      host_state = self._checkpoints.restore(host_state)
    self.step = int(host_state.step)
    check(
      self.step <= self.num_steps,
      f"workdir {self.workdir.path} is at step {self.step}, beyond the"
      f" {self.num_steps} steps of num_epochs={self.config.num_epochs}",
    )
    self.workdir.write_config(self.config)
    labels.write(self.workdir.path, self.data)
    self.workdir.write_skipped(self.data.skipped)
    self._state = self.engine.devices.put(host_state)
    self._progress = report.Progress(self.config, self.engine.steps_per_epoch)
    self._stopwatch = Stopwatch()
    self._stop = False

  def opening(self) -> str:
    """What is about to be trained on what, one line."""
    return report.opening(
      self.config, self.data, self.num_parameters, self.engine.devices.name
    )

  @property
  def num_steps(self) -> int:
    """Training steps of the whole run."""
    return self.config.num_epochs * self.engine.steps_per_epoch

  def train(self, stop_after_epochs: int | None = None) -> dict | None:
    """Trains to the end of the run. Call it once.

    SIGTERM and SIGINT (Ctrl-C) save a checkpoint and leave.

    Args:
      stop_after_epochs: leave after this many epochs of the whole run.

    Returns:
      The summary, also in summary.json; None where the run was left before
      its end (the same call in the same workdir continues it).

    Raises:
      NonFiniteError: names the step; the checkpoint before it is kept.
      InputError: an image cannot be read; names it. The steps before it are
        saved.
    """
    self._stop = False
    handlers = {
      number: signal.signal(number, self._on_signal)
      for number in (signal.SIGTERM, signal.SIGINT)
    }
    first_step, per_epoch = self.step, self.engine.steps_per_epoch
    last_step = self.num_steps
    if stop_after_epochs is not None:
      last_step = min(last_step, stop_after_epochs * per_epoch)
    writer, scalars = self.workdir.open_scalars(self.step), {}
    try:
      while self.step < last_step and not self._stop:
        epoch = self.step // per_epoch
        scalars = self._train_epoch(epoch)
        writer.write(self.step, scalars)
      if self.step > first_step:
        self._save()
    finally:
      for number, handler in handlers.items():
        signal.signal(number, handler)
      writer.close()
      self._checkpoints.close()
      self.workdir.unlock()
    return self._finish(scalars) if self.step == self.num_steps else None

  def _on_signal(self, number, frame):
    del number, frame
    if self._stop:  # Asked twice: at once.
      raise KeyboardInterrupt
    self._stop = True

  def _save(self) -> None:
    """Saves the state, unless this step is saved already."""
    if self._checkpoints.latest_step() != self.step:
      self._checkpoints.save(self.engine.devices.get(self._state))

  def _train_epoch(self, epoch: int) -> dict:
    """One epoch, or what is left of it: train, save, measure.

    Returns:
      Scalars to be logged.
    """
    engine, started = self.engine, time.monotonic()
    first = epoch * engine.steps_per_epoch

    def on_progress(done, totals):
      if self._progress.due():
        totals = engine.devices.get(totals)
        _require_finite(totals)
        scalars = report.averages(totals)
        self._progress.line(first + done, epoch, scalars)
      return self._stop

    try:
      self._state, totals, finished = engine.train_epoch(
        self._state, epoch, self.step - first, on_progress
      )
    except ReadError as error:  # What was done until then is kept.
      self._state = error.state
      totals = engine.devices.get(error.totals)
      _require_finite(totals)
      self.step += int(totals.steps)
      self._save()
      raise
    totals = engine.devices.get(totals)  # Waits for the device.
    _require_finite(totals)
    self.step += int(totals.steps)
    self._stopwatch.add(
      epoch >= self.config.warmup_epochs,
      int(totals.steps),
      time.monotonic() - started,
    )
    # Saved before it is measured: after a SIGTERM seconds count.
    if self._stop or self._due(self.config.checkpoint_every_epochs, epoch):
      self._save()
    scalars = report.averages(totals)
    if finished and not self._stop:
      try:
        scalars |= self._measure(epoch)
      except Exception:  # E.g. a test image that cannot be read.
        self._save()
        raise
    if self._progress.due() or self.step == self.num_steps:
      self._progress.line(self.step, epoch, scalars)
    return scalars

  def _due(self, every: int, epoch: int) -> bool:
    return (epoch + 1) % every == 0 or epoch + 1 == self.config.num_epochs

  def _measure(self, epoch: int) -> dict:
    """Scalars at an epoch's end: tables, and the test split when it is due."""
    scalars = {
      "epoch": epoch + 1,
      "learning_rate": float(self.engine.learning_rate(self.step - 1)),
      **monitor.measure(*self._tables(), self.data, self.config),
    }
    if self._due(self.config.eval_every_epochs, epoch):
      scalars |= self.engine.evaluate(self._state)
    self._progress.update(scalars)
    return scalars

  @property
  def _learned(self) -> bool:
    return keeps_dictionary(self.config)

  def _tables(self):
    """(tables, dictionary, zero_batches) as numpy arrays."""
    state = self._state
    return self.engine.devices.get(
      (state.tables, state.dictionary, state.zero_batches)
    )

  def _finish(self, scalars: dict) -> dict:
    """Summary and samples of a finished run.

    Args:
      scalars: of the last epoch; {} where nothing was left to train.
    """
    config = self.config
    # The last epoch was evaluated, unless a signal cut it short.
    tested = {k: v for k, v in scalars.items() if k.startswith("test_")}
    tables, dictionary, zero_batches = self._tables()
    previous = self.workdir.read_summary() or {}
    seconds = self._stopwatch.seconds_per_step()
    if seconds is None:  # Nothing was left to train.
      seconds = previous.get("seconds_per_step")
    summary = {
      **(tested or self.engine.evaluate(self._state)),
      **monitor.measure(tables, dictionary, zero_batches, self.data, config),
      # Means over the last epoch.
      **{
        key: scalars.get(key, previous.get(key))
        for key in ("effective_batch", "reward_loss")
      },
      "seconds_per_step": seconds,
      "examples_per_second": seconds and config.batch_size / seconds,
      "epochs": config.num_epochs,
      "steps": self.step,
      "parameters": self.num_parameters,
      "method": config.method,
      "pusher": config.pusher if self._learned else None,
      "seed": config.seed,
      "device": self.engine.devices.name,
      "versions": versions(),
    }
    self.workdir.write_summary(summary)
    if self._learned:
      self.workdir.write_samples(
        monitor.samples(tables, dictionary, self.data, config)
      )
    return summary


def _require_finite(totals) -> None:
  """Stops at a loss that is no number, before it reaches a checkpoint."""
  step = int(totals.bad_step)
  if step != ALL_FINITE:
    raise NonFiniteError(
      f"the loss or a gradient became infinite or NaN at step {step}; the"
      " newest checkpoint is from before it; try a smaller learning_rate"
    )
