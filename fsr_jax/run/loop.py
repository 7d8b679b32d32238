"""One training run in its workdir: epochs, checkpoints, summary."""

import contextlib
import time

from clu.parameter_overview import count_parameters

from fsr_jax import processes
from fsr_jax.config.validation import resolve_and_load
from fsr_jax.data.sources import Source
from fsr_jax.errors import InputError
from fsr_jax.label_issues import LabelIssues
from fsr_jax.run import finish, pictures, resume
from fsr_jax.run.advice import faster
from fsr_jax.run.epoch_end import EpochEnd
from fsr_jax.run.keeper import Keeper
from fsr_jax.run.pretrained.features import features_of_run, keep_backbone
from fsr_jax.run.steps import Finite, NonFiniteError, epoch_steps
from fsr_jax.run.stop import SIGNALS, Stop
from fsr_jax.run.watch import epochs
from fsr_jax.run.watch.events import Scalars
from fsr_jax.run.watch.screen import Screen, say
from fsr_jax.run.watch.stopwatch import Stopwatch
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.parallel import Anyone, devices_for
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState


class Run:
  """One training run in its workdir, continued from its newest checkpoint.

  Attributes:
    config, options: resolved, and the Options that it stands for.
    data: Data that it is trained on, features where the backbone is frozen.
    pictures: Data as they were loaded.
    extractor: arrays of the frozen backbone; None where there is none.
    workdir, programs: Workdir, Programs.
    notes: what is allowed but perhaps not expected, one line each.
    num_parameters: of the network.
    remarks, label_issues: of a finished run: what to know about its result, one
      line each, and LabelIssues, or None where predictions were not kept.
    step: training steps done of the whole run.
  """

  def __init__(
    self,
    config,
    workdir: str,
    allow_config_change: bool = False,
    *,
    source: Source | None = None,
    signals: tuple[int, ...] = SIGNALS,
    say: Screen = say,
  ):
    """Validates everything; writes nothing before all of it is right.

    Args:
      config: ConfigDict with the fields of config.base().
      workdir: directory, made if it is missing.
      allow_config_change: continue a run that began with another config.
      source: of data in memory; None where the config says where they are.
      signals: that end the taking of features, in the main thread.
      say: what lines of progress are shown on.

    Raises:
      InputError: the input is wrong; the message says what, where and what
        was expected.
      Left: one of the signals came; the features taken so far are kept.
    """
    say.wait("reading", "the data")
    self.config, self.options, self.pictures = resolve_and_load(config, source)
    resume.check_alike(self.config, self.pictures)
    self.workdir = Workdir(workdir)
    try:
      self._begin(allow_config_change, signals, say)
    except BaseException:  # A notebook lives on, and would keep it locked.
      self.workdir.unlock()
      raise

  def _begin(
    self, allow_config_change: bool, signals: tuple[int, ...], say: Screen
  ) -> None:
    """Everything between the data and the first step."""
    options, pictures = self.options, self.pictures
    self._keeper = Keeper(
      self.workdir, self.config, options, pictures, allow_config_change, say
    )
    train, run = options.train.on_features, options.run
    devices, note = devices_for(train, run.num_devices)
    self.notes = [note] if note else []
    self.notes += keep_backbone(options, pictures, self.workdir)
    self.extractor, self.data = features_of_run(
      options, pictures, self.workdir, devices, signals, say
    )
    say.wait("building", "the network")
    self.programs = Programs(
      train, self.data, devices, run.seed, run.shard_tables
    )
    self._finite = Finite(self.programs, run.seed, say)
    host_state, totals = self._keeper.claim(self.programs)
    self.notes += self._keeper.notes
    self.num_parameters = int(count_parameters(host_state.params))
    self.step = int(host_state.step)
    # In place: TrainState, and Metrics of steps before it, not logged yet.
    self._state = self.programs.place.put(host_state)
    self._totals = devices.put(self._finite.begun(totals))
    tip = faster(options, pictures, devices.platform)
    self._progress = epochs.Epochs(options, self.programs, self.step, say, tip)
    self.remarks: list[str] = []
    self.label_issues: LabelIssues | None = None
    self._end = EpochEnd(options, self.programs, pictures.train, self._progress)
    self._stopwatch = Stopwatch()
    self._stop = Stop(Anyone(devices) if processes.count() > 1 else None)

  @property
  def num_steps(self) -> int:
    """Training steps of the whole run."""
    return self.programs.num_steps

  def train(
    self,
    stop_after_epochs: int | None = None,
    signals: tuple[int, ...] = SIGNALS,
  ) -> dict | None:
    """Trains to the end of the run. Call it once.

    Args:
      stop_after_epochs: leave after this many epochs of the whole run.
      signals: that save a checkpoint and leave, in the main thread.

    Returns:
      The summary, also in summary.json; None where the run was left before
      its end (the same call in the same workdir continues it).

    Raises:
      NonFiniteError: names the step, its batch and what can be done; the
        checkpoint before it is kept.
      InputError: an image cannot be read; what was done before it is saved.
    """
    first_step, per_epoch = self.step, self.programs.steps_per_epoch
    last_step = self.num_steps
    if stop_after_epochs is not None:
      last_step = min(last_step, stop_after_epochs * per_epoch)
    scalars: dict = {}
    logged = self.step - self._unmeasured
    with contextlib.closing(self._keeper.open_scalars(logged)) as writer:
      # Signals ask until the last save is done, too.
      with (
        self._stop.on(signals),
        contextlib.closing(self._keeper),
        contextlib.closing(self._progress),
        self._keeper.way_told(),
      ):
        while not self._stop.asked:
          if self._unmeasured:
            scalars = self._end_epoch(self.step // per_epoch - 1, writer)
          elif self.step < last_step:
            self._train_epoch(self.step // per_epoch)
          else:
            break
        if self.step > first_step:
          self._save()
      done = self.step == self.num_steps and not self._unmeasured
      return self._finish(scalars, writer) if done else None

  @property
  def _unmeasured(self) -> bool:
    """Whether an epoch is done whose end is not measured and logged."""
    at_end = self.step % self.programs.steps_per_epoch == 0
    totals = self._host_totals()
    return at_end and int(totals.steps + totals.skipped) > 0

  def _host_totals(self) -> Metrics:
    """Numpy scalars; waits for the device."""
    return self.programs.devices.get(self._totals)

  def _save(self, alone: bool = False) -> None:
    """As `Keeper.save`."""
    self._keeper.save(self.step, self._state, self._totals, alone)

  def _train_epoch(self, epoch: int) -> None:
    """What is left of an epoch's steps, or up to a stop, and a save if due."""
    started, before = time.monotonic(), self.step
    self._end.outcomes.forget()
    self._progress.begin(epoch)
    self._steps(epoch)
    at_end = self.step % self.programs.steps_per_epoch == 0
    self._finite.end_epoch(self._host_totals(), at_end)
    self._stopwatch.add(
      epoch >= self.options.train.reweighting.warmup_epochs,
      self.step - before,
      time.monotonic() - started,
    )
    # Saved before it is measured: after a SIGTERM seconds count.
    if self._stop.asked or epochs.saved(self.options, epoch):
      self._save()
      self._progress.saved()

  def _end_epoch(self, epoch: int, writer: Scalars) -> dict:
    """Measures and logs an epoch that is done.

    Returns:
      The scalars that `writer` was handed.
    """
    scalars: dict = epochs.averages(self._host_totals())
    try:
      scalars |= self._end.measure(self._state, self.step, epoch)
    except Exception:  # E.g. a test image that cannot be read.
      self._save(alone=True)
      raise
    with self._keeper.trying():
      writer.write(self.step, scalars)
    self._totals = self.programs.devices.put(Metrics.zero())
    self._keeper.keep_best(self._state, scalars)
    last = self.step == self.num_steps
    if epochs.saved(self.options, epoch) and not (last or self._stop.asked):
      with self._keeper.trying():
        self._end.show_worst(self._state, self.step, writer)
    if self._progress.due() or last:
      self._progress.line(self.step, epoch, scalars)
    return scalars

  def _steps(self, epoch: int) -> None:
    """The steps that are left of an epoch and, at its end, the refresh."""
    devices, per_epoch = self.programs.devices, self.programs.steps_per_epoch
    begin = epoch * per_epoch
    first = before = self.step - begin
    run = self.options.run
    rest = epoch, run.seed, first, run.steps_per_call, self._totals
    steps = epoch_steps(self.programs, self._state, *rest)
    try:
      for done, self._state, newest in steps:
        self._stop.done_something()
        self._stop.update()
        self._keeper.raise_errors()
        self._progress.called(epoch, done - before)
        # Of the call before, which is done: the device is not waited for.
        if before > first and self._progress.due():
          self._show(epoch, before, devices.get(self._totals))
        self._totals, before, self.step = newest, done, begin + done
        # A stop at the last step would lose the refresh: it waits until then.
        if done < per_epoch and self._stop.asked:
          break
        if self._keeper.due() and done < per_epoch:
          self._save_midway(epoch)
    except NonFiniteError:
      raise
    except InputError:  # An image that cannot be read; what was done is kept.
      self._finite.require(self._host_totals())
      self._save(alone=True)
      raise
    self._finite.require(self._host_totals())  # Waits for the device.
    self._progress.trained(epoch)
    if self.step == begin + per_epoch:
      self._state = self.programs.end_epoch(self._state, epoch)

  def _save_midway(self, epoch: int) -> None:
    """Saves within an epoch."""
    self._finite.require(self._host_totals())  # Waits for the device.
    self._progress.trained(epoch)
    self._save()
    self._progress.saved()

  def _show(self, epoch: int, done: int, totals: Metrics) -> None:
    """Shows what came of so many steps of an epoch."""
    self._finite.require(totals)
    step = epoch * self.programs.steps_per_epoch + done
    self._progress.line(step, epoch, epochs.averages(totals))

  @property
  def state(self) -> TrainState:
    """As of the last step, numpy arrays."""
    return self.programs.place.get(self._state)

  def _finish(self, scalars: dict, writer: Scalars) -> dict:
    """Writes what a finished run is worth; returns its summary.

    `scalars` are of the last epoch; {} where it was measured before.
    """
    workdir = self._keeper.workdir
    before = (workdir and workdir.read_summary()) or {}
    self._end.outcomes.scalars(self._state, self.programs.parts)
    done = finish.Finished(
      self.step,
      self.num_parameters,
      self._stopwatch.seconds_per_step(),
      scalars or (workdir.metrics_of(self.step) if workdir else {}),
      self.programs.place.get(self._state.reweighting),
      self._end.outcomes.found,
    )
    summary, self.remarks, self.label_issues = finish.write(
      workdir, self.programs, self.options.run, done
    )
    sheet = pictures.sheet(self.label_issues, self.pictures.train)
    if sheet is not None and before.get("steps") != self.step:
      writer.picture(self.step, pictures.NAME, sheet)
    # All know when the first has written it.
    return processes.from_first(lambda: summary)
