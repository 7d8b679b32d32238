"""Training and evaluation of a run: `train`, `evaluate`."""

import importlib.metadata
import platform
import signal
import time

from clu import parameter_overview
from ml_collections import ConfigDict, FrozenConfigDict

from fsr_jax import config as config_lib
from fsr_jax.data import sources
from fsr_jax.data.dataset import Data
from fsr_jax.errors import InputError, check
from fsr_jax.run import monitor, report
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.validate import notices, validate_against_data, validate_config
from fsr_jax.run.workdir import Workdir
from fsr_jax.step.engine import Engine
from fsr_jax.step.parallel import Devices
from fsr_jax.step.train import ALL_FINITE

_VERSIONS = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


class NonFiniteError(InputError):
  """The loss or a gradient stopped being a number."""


def _open(config: ConfigDict) -> tuple[FrozenConfigDict, Data]:
  """Resolved and validated config, and the data."""
  config = FrozenConfigDict(config_lib.resolve(config))
  validate_config(config)
  data = sources.load(config.data, config.seed)
  validate_against_data(config, data)
  return config, data


def versions() -> str:
  """Python and the libraries that decide a result, on one line."""
  parts = [f"python {platform.python_version()}"]
  parts += [f"{name} {importlib.metadata.version(name)}" for name in _VERSIONS]
  return ", ".join(parts)


class _Stopwatch:
  """Seconds a training step, without the epochs that include compilation."""

  def __init__(self):
    self._seen = set()
    self._stretches = {}

  def add(self, active: bool, steps: int, seconds: float) -> None:
    """Adds an epoch; `active`: with learned weights (after the warm-up)."""
    kind = (active in self._seen, active)
    self._seen.add(active)
    old = self._stretches.get(kind, (0, 0.0))
    self._stretches[kind] = (old[0] + steps, old[1] + seconds)

  def seconds_per_step(self) -> float | None:
    """Of active epochs if there were any besides the one that compiled;
    else of warm-up epochs; else of whatever there was. None for no step."""
    if not self._stretches:
      return None
    steps, seconds = self._stretches[max(self._stretches)]
    return seconds / steps


class Run:
  """One training run in its workdir, continued from its newest checkpoint.

  Attributes:
    config: resolved and frozen.
    data: Data.
    workdir: Workdir.
    engine: Engine.
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
    self.config, self.data = _open(config)
    self.workdir = Workdir(workdir)
    if not allow_config_change:
      self.workdir.check_config(self.config)
    self.engine = Engine(
        self.config, self.data, Devices(self.config.num_devices)
    )
    host_state = self.engine.create_state()
    self.num_parameters = int(
        parameter_overview.count_parameters(host_state.params)
    )
    self._checkpoints = Checkpoints(
        self.workdir.checkpoints, self.config.keep_checkpoints
    )
    if self._checkpoints.latest_step() is not None:
      host_state = self._checkpoints.restore(host_state)
    self.workdir.write_config(self.config)
    self.step = int(host_state.step)
    self._state = self.engine.devices.put(host_state)
    self._progress = report.Progress(
        self.config, self.engine.steps_per_epoch, self.step
    )
    self._stopwatch = _Stopwatch()
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
    """Trains to the end of the run.

    SIGTERM and SIGINT (Ctrl-C) save a checkpoint and leave.

    Args:
      stop_after_epochs: leave after this many epochs of the whole run.

    Returns:
      The summary, also in summary.json; None where the run was left before
      its end (the same call in the same workdir continues it).

    Raises:
      NonFiniteError: names the step; the checkpoint before it is kept.
    """
    self._stop = False
    handlers = {
        number: signal.signal(number, self._on_signal)
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    scalars = self.workdir.open_scalars(self.step)
    try:
      while self.step < self.num_steps and not self._stop:
        epoch = self.step // self.engine.steps_per_epoch
        scalars.write(*self._train_epoch(epoch))
        self._stop |= epoch + 1 == stop_after_epochs
    finally:
      for number, handler in handlers.items():
        signal.signal(number, handler)
      scalars.close()
      self._checkpoints.close()
    return self._finish() if self.step == self.num_steps else None

  def _on_signal(self, number, frame):
    del number, frame
    if self._stop:  # Asked twice: at once.
      raise KeyboardInterrupt
    self._stop = True

  def _train_epoch(self, epoch: int) -> tuple[int, dict]:
    """One epoch, or what is left of it: train, measure, save.

    Returns:
      (step, scalars) to be logged.
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

    self._state, totals, finished = engine.train_epoch(
        self._state, epoch, self.step - first, on_progress
    )
    totals = engine.devices.get(totals)  # Waits for the device.
    _require_finite(totals)
    self.step += int(totals.steps)
    self._stopwatch.add(
        epoch >= self.config.warmup_epochs,
        int(totals.steps),
        time.monotonic() - started,
    )
    scalars = report.averages(totals)
    if finished:
      scalars |= self._measure(epoch)
    if self._stop or self._due(self.config.checkpoint_every_epochs, epoch):
      self._checkpoints.save(engine.devices.get(self._state))
    if self._progress.due() or self.step == self.num_steps:
      self._progress.line(self.step, epoch, scalars)
    return self.step, scalars

  def _due(self, every: int, epoch: int) -> bool:
    return (epoch + 1) % every == 0 or epoch + 1 == self.config.num_epochs

  def _measure(self, epoch: int) -> dict:
    """Scalars at an epoch's end: tables, and the test split when it is due."""
    scalars = {
        "epoch": epoch + 1,
        "learning_rate": float(self.engine.learning_rate(self.step - 1)),
        **monitor.measure(*self._tables(), self.data, self._learned),
    }
    if self._due(self.config.eval_every_epochs, epoch):
      scalars |= self.engine.evaluate(self._state)
    self._progress.update(scalars)
    return scalars

  @property
  def _learned(self) -> bool:
    return self.config.method == "fsr"

  def _tables(self):
    """(tables, dictionary, zero_batches) as numpy arrays."""
    state = self._state
    return self.engine.devices.get(
        (state.tables, state.dictionary, state.zero_batches)
    )

  def _finish(self) -> dict:
    """Summary and samples of a finished run."""
    config = self.config
    tables, dictionary, zero_batches = self._tables()
    previous = self.workdir.read_summary() or {}
    seconds = self._stopwatch.seconds_per_step()
    if seconds is None:  # Nothing was left to train.
      seconds = previous.get("seconds_per_step")
    summary = {
        **self.engine.evaluate(self._state),
        **monitor.measure(
            tables, dictionary, zero_batches, self.data, self._learned
        ),
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


def train(
    config, workdir: str, allow_config_change: bool = False,
    stop_after_epochs: int | None = None,
) -> dict | None:
  """Trains, or continues to train, the run of `config` in `workdir`.

  Args and Raises: as `Run` and `Run.train`.

  Returns:
    The summary, or None where the run was left before its end.
  """
  run = Run(config, workdir, allow_config_change)
  print(run.opening(), flush=True)
  for line in notices(run.config, run.data):
    print(f"note: {line}", flush=True)
  if 0 < run.step < run.num_steps:
    print(f"continuing from step {run.step}", flush=True)
  summary = run.train(stop_after_epochs)
  if summary is None:
    print(f"left at step {run.step}; the same command continues", flush=True)
  else:
    print(f"\n{report.table(summary)}\n\n{run.workdir.path}", flush=True)
  return summary


def evaluate(workdir: str, data_dir: str | None = None) -> dict:
  """Evaluates the newest checkpoint of the run in `workdir`.

  Args:
    workdir: of a run that has a checkpoint.
    data_dir: where the data are now; None for where the run had them.

  Returns:
    As Engine.evaluate; nothing is written.

  Raises:
    InputError: no run, no checkpoint, or a damaged one.
  """
  work = Workdir(workdir)
  stored = work.read_config()
  check(stored is not None, f"workdir {work.path} holds no run to evaluate")
  check(
      work.checkpoints.is_dir(),
      f"workdir {work.path} has no checkpoint; train first",
  )
  config = ConfigDict(stored)
  if data_dir is not None:
    config.data.data_dir = data_dir
  config, data = _open(config)
  engine = Engine(config, data, Devices(config.num_devices))
  checkpoints = Checkpoints(work.checkpoints, config.keep_checkpoints)
  check(
      checkpoints.latest_step() is not None,
      f"workdir {work.path} has no checkpoint; train first",
  )
  state = checkpoints.restore(engine.create_state())
  result = engine.evaluate(engine.devices.put(state))
  steps = config.num_epochs * engine.steps_per_epoch
  print(f"{work.path}, step {int(state.step)} of {steps}")
  print(report.table(result), flush=True)
  return result
