"""One training run in its workdir: epochs, checkpoints, summary."""

from collections.abc import Iterable
import signal
import time

from clu import parameter_overview

from fsr_jax.config.validation import resolve_and_load
from fsr_jax.errors import InputError, check
from fsr_jax.label_issues import LabelIssues
from fsr_jax.run import (
  finish,
  monitor,
  pretrained,
  report,
  resume,
)
from fsr_jax.run.checkpoint import Checkpoints, has_checkpoint
from fsr_jax.run.steps import NonFiniteError, epoch_steps, require_finite
from fsr_jax.run.stopwatch import Stopwatch
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.evaluate import Outcome, named_scalars
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.parallel import devices_for
from fsr_jax.train.programs import Programs


class Run:
  """One training run in its workdir, continued from its newest checkpoint.

  Attributes:
    config: resolved.
    options: Options, what it stands for.
    data: Data.
    workdir: Workdir.
    programs: Programs.
    notes: what is allowed but perhaps not expected, one line each.
    num_parameters: of the network.
    remarks: what to know about the result of a finished run, one line each.
    label_issues: of a finished run; None where predictions were not kept.
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
    self.config, self.options, self.data = resolve_and_load(config)
    self.workdir = Workdir(workdir)
    self.notes = resume.check_same(
      self.workdir, self.config, self.data, allow_config_change
    )
    before = self.workdir.read_config()
    train, run = self.options.train, self.options.run
    devices, note = devices_for(train, run.num_devices)
    self.notes += [note] if note else []
    self.programs = Programs(train, self.data, devices, run.seed)
    host_state = self.programs.create_state()
    if train.network.pretrained and not has_checkpoint(
      self.workdir.checkpoints
    ):
      host_state, notes = pretrained.start(train.network, host_state)
      self.notes += notes
    self.num_parameters = int(
      parameter_overview.count_parameters(host_state.params)
    )
    self.workdir.lock()
    if before is None:
      # Before the checkpoints' directory: a run killed between the two could
      # not be told from a stranger's.
      self.workdir.write_config(self.config)
    self._checkpoints = Checkpoints(
      self.workdir.checkpoints, run.keep_checkpoints
    )
    if self._checkpoints.latest_step() is not None:
      host_state = self._checkpoints.restore(host_state)
    self.step = int(host_state.step)
    check(
      self.step <= self.num_steps,
      f"workdir {self.workdir.path} is at step {self.step}, beyond the"
      f" {self.num_steps} steps of num_epochs={self._num_epochs}",
    )
    self.notes += resume.rate_change(
      before, self.options, self.step, self.programs.steps_per_epoch
    )
    self.workdir.write_config(self.config)
    resume.remember(self.workdir.path, train, self.data)
    self.workdir.write_skipped(self.data.skipped)
    self._state = self.programs.devices.put(host_state)
    self._progress = report.Progress(
      self.options,
      self.programs.steps_per_epoch,
      next(iter(self.programs.parts)),
    )
    self.remarks: list[str] = []
    self.label_issues: LabelIssues | None = None
    # Of the parts evaluated since the last training step.
    self._outcomes: dict[str, dict[str, Outcome]] = {}
    self._stopwatch = Stopwatch()
    self._stop = False

  @property
  def num_steps(self) -> int:
    """Training steps of the whole run."""
    return self._num_epochs * self.programs.steps_per_epoch

  @property
  def _num_epochs(self) -> int:
    return self.options.train.optimization.num_epochs

  def train(self, stop_after_epochs: int | None = None) -> dict | None:
    """Trains to the end of the run. Call it once.

    SIGTERM and SIGINT (Ctrl-C) save a checkpoint and leave.

    Args:
      stop_after_epochs: leave after this many epochs of the whole run.

    Returns:
      The summary, also in summary.json; None where the run was left before
      its end (the same call in the same workdir continues it).

    Raises:
      NonFiniteError: names the step and what can be done; the checkpoint
        before it is kept.
      InputError: an image cannot be read; names it. The steps before it are
        saved.
    """
    self._stop = False
    handlers = {
      number: signal.signal(number, self._on_signal)
      for number in (signal.SIGTERM, signal.SIGINT)
    }
    first_step, per_epoch = self.step, self.programs.steps_per_epoch
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
    except NonFiniteError as error:
      rate = self.options.train.optimization.learning_rate
      way = resume.way_on(rate, self._checkpoints.latest_step())
      raise NonFiniteError(f"{error}; {way}") from error
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
      self._checkpoints.save(self.programs.devices.get(self._state))

  def _train_epoch(self, epoch: int) -> dict:
    """One epoch, or what is left of it: train, save, measure.

    Returns:
      Scalars to be logged.
    """
    started, self._outcomes = time.monotonic(), {}
    first = self.step - epoch * self.programs.steps_per_epoch
    finished, totals = self._steps(epoch, first)
    require_finite(totals)
    self._stopwatch.add(
      epoch >= self.options.train.reweighting.warmup_epochs,
      int(totals.steps),
      time.monotonic() - started,
    )
    # Saved before it is measured: after a SIGTERM seconds count.
    every = self.options.run.checkpoint_every_epochs
    if self._stop or self._due(every, epoch):
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

  def _steps(self, epoch: int, first: int) -> tuple[bool, Metrics]:
    """The steps of an epoch after `first` and, at its end, the refresh.

    Returns:
      (whether the epoch was finished, Metrics of numpy scalars).
    """
    devices, per_epoch = self.programs.devices, self.programs.steps_per_epoch
    totals, done = Metrics.zero(), first
    steps = epoch_steps(
      self.programs,
      self._state,
      epoch,
      self.options.run.seed,
      first,
      self.options.run.steps_per_call,
    )
    try:
      for done, self._state, totals in steps:
        if self._progress.due():
          so_far = devices.get(totals)
          require_finite(so_far)
          line = report.averages(so_far)
          self._progress.line(epoch * per_epoch + done, epoch, line)
        # A stop at the last step would lose the refresh: it waits until then.
        if self._stop and done < per_epoch:
          break
    except NonFiniteError:
      raise
    except InputError:  # An image that cannot be read; what was done is kept.
      require_finite(devices.get(totals) if done > first else totals)
      self.step += done - first
      self._save()
      raise
    if done == per_epoch:
      self._state = self.programs.end_epoch(self._state, epoch)
    self.step += done - first
    return done == per_epoch, devices.get(totals)  # Waits for the device.

  def _due(self, every: int, epoch: int) -> bool:
    return (epoch + 1) % every == 0 or epoch + 1 == self._num_epochs

  def _measure(self, epoch: int) -> dict:
    """Scalars at an epoch's end: tables, and what is evaluated when it is due.

    That is the validation part, and the test part at the end of the run alone;
    without a validation part it is the test part always.
    """
    options = self.options.train.reweighting
    scalars = {
      "epoch": epoch + 1,
      "learning_rate": self.programs.learning_rate(self.step - 1),
      **monitor.measure(self._reweighting(), self.data, options),
    }
    if self._due(self.options.run.eval_every_epochs, epoch):
      last, names = epoch + 1 == self._num_epochs, list(self.programs.parts)
      scalars |= self._evaluate(names if last else names[:1])
    self._progress.update(scalars)
    return scalars

  def _evaluate(self, names: Iterable[str]) -> dict[str, float]:
    """Scalars of these parts, evaluated unless they are since the last step."""
    size = self.options.run.eval_batch_size
    scalars: dict[str, float] = {}
    for part in names:
      if part not in self._outcomes:
        found = self.programs.outcomes(self._state, size, part)
        self._outcomes[part] = found
      scalars |= named_scalars(
        part, self._outcomes[part], self.data.num_classes
      )
    return scalars

  def _reweighting(self):
    """ReweightingState as numpy arrays, without what the end alone needs."""
    state = self._state.reweighting
    tables = state.tables._replace(mean_log=None)
    return self.programs.devices.get(state._replace(tables=tables))

  def _finish(self, scalars: dict) -> dict:
    """Writes what a finished run is worth; returns its summary.

    Args:
      scalars: of the last epoch; {} where nothing was left to train.
    """
    self._evaluate(self.programs.parts)
    done = finish.Finished(
      self.step,
      self.num_parameters,
      self._stopwatch.seconds_per_step(),
      scalars,
      self.programs.devices.get(self._state.reweighting),
      self._outcomes,
    )
    summary, self.remarks, self.label_issues = finish.write(
      self.workdir, self.programs, self.options.run, done
    )
    return summary
