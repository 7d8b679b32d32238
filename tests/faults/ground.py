"""Where faults are tried: data, environment, the run that nothing disturbs."""

from collections.abc import Callable
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, NamedTuple

import numpy as np

from tests.faults.compare import differences

ROOT = pathlib.Path(__file__).parents[2]
# Of the run: long enough to be hit, and so that a checkpoint is due and older
# ones are removed a few times; each epoch has four calls of the device.
EPOCHS = 12
_FIELDS = {
  "network": "mlp",
  "batch_size": 100,
  "num_epochs": EPOCHS,
  "steps_per_call": 4,
  "checkpoint_every_epochs": 2,
  "log_every_seconds": 0,
  "num_devices": 1,
  "report": False,
  "data.crop_padding": 0,
  "data.flip": False,
}
# After so many seconds a process hangs; on a machine with five times the work
# that it can do one took 120 s and had not stopped working.
_PATIENCE = 300
# A variable that only processes of this harness have.
MARK = "FSR_JAX_FAULTS"


class Lost(Exception):
  """After a fault something is not as it should be; says what."""


class NotRun(Exception):
  """A fault that cannot be tried on this machine; says why."""


class Ended(NamedTuple):
  """A process that has ended.

  Attributes:
    status: its exit status, negative for a signal.
    out, err: what it wrote.
  """

  status: int
  out: str
  err: str

  @property
  def notes(self) -> set[str]:
    """Its lines that begin with note:."""
    return {x for x in self.out.splitlines() if x.startswith("note:")}

  def told(self) -> str:
    """Status and last words, for messages."""
    return f"exit status {self.status}, {self.err.strip()[-300:]!r}"

  def require(self, *statuses: int) -> "Ended":
    """Raises Lost unless it has one of the statuses, and no traceback."""
    if self.status not in statuses or "Traceback" in self.err:
      raise Lost(f"{self.told()}; expected {statuses}")
    return self

  def refused(self) -> bool:
    """Whether it ended with 1 and one line; Lost where neither that nor 0."""
    self.require(0, 1)
    lines = self.err.splitlines()
    if self.status == 1 and (
      len(lines) != 1 or not lines[0].startswith("error: ")
    ):
      raise Lost(f"{self.told()}; expected one line, error: ...")
    return self.status == 1


# Jobs in the background begin with signals ignored; not these processes.
HEARS = ("env", "--default-signal=TERM,INT,HUP")


class Running:
  """A process of the command line, its output in files."""

  def __init__(self, command: list[str], env: dict, log: pathlib.Path, **popen):
    self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
    streams: dict[str, Any] = {
      "stdout": open(self._out, "w"),  # noqa: SIM115
      "stderr": open(self._err, "w"),  # noqa: SIM115
    }
    opened = list(streams.values())
    self.process = subprocess.Popen(
      [*HEARS, *command], cwd=ROOT, env=env, **(streams | popen)
    )
    for file in opened:
      file.close()

  def out(self) -> str:
    """What it wrote so far."""
    return self._out.read_text(errors="replace")

  def until(self, happened: Callable[[], bool]) -> bool:
    """Waits for something; False where the process ended before."""
    end = time.monotonic() + _PATIENCE
    while self.process.poll() is None:
      if happened():
        return True
      if time.monotonic() > end:
        return False
      time.sleep(0.002)
    return False

  def until_epoch(self, epoch: int) -> bool:
    """Waits until it speaks of this epoch."""

    def reached() -> bool:
      found = re.findall(r"^epoch +(\d+)/", self.out(), re.M)
      return bool(found) and int(found[-1]) >= epoch

    return self.until(reached)

  def send(self, number: int) -> bool:
    """Sends a signal; False where the process has ended."""
    alive = self.process.poll() is None
    if alive:
      self.process.send_signal(number)
    return alive

  def wait(self) -> Ended:
    """Waits for its end. Raises Lost where it hangs."""
    try:
      status = self.process.wait(_PATIENCE)
    except subprocess.TimeoutExpired as error:
      self.send(signal.SIGKILL)
      self.process.wait()
      raise Lost(f"hangs for {_PATIENCE} s") from error
    return Ended(status, self.out(), self._err.read_text(errors="replace"))


class Ground:
  """What all tries share.

  Attributes:
    folder: where everything is written.
    reference: workdir of the run that nothing disturbed.
    half: workdir of the same run, killed in its midst.
    data: path of the digits, as arrays.
    temporary: folder for the temporary files of all processes.
    notes: lines of the undisturbed run that begin with note:.
    seconds: that a run takes, about.
  """

  def __init__(self, folder: pathlib.Path):
    """Trains both; from the second time on compiled programs are read."""
    self.folder = folder
    self.reference, self.half = folder / "reference", folder / "half"
    self.data = folder / "digits.npz"
    self.temporary = folder / "temporary"
    self.temporary.mkdir()
    self.env = {
      name: value
      for name, value in os.environ.items()
      if not name.startswith(("JAX_", "XLA_", "PYTEST_"))
    } | {
      "JAX_PLATFORMS": "cpu",
      # Compiled fast; fast code is not what is tried.
      "XLA_FLAGS": "--xla_backend_optimization_level=0"
      " --xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters",
      "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
      "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
      "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
      "PYTHONPATH": os.pathsep.join(
        [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
      ),
      "TMPDIR": str(self.temporary),
      MARK: str(os.getpid()),
    }
    _write_digits(self.data)
    self._prepare()

  def _prepare(self) -> None:
    first = Try(self, "prepare", 0)
    began = time.monotonic()
    ended = first.start(workdir=self.reference).wait().require(0)
    self.notes = ended.notes
    while not self.half.exists() or (self.half / "summary.json").exists():
      shutil.rmtree(self.half, ignore_errors=True)
      began = time.monotonic()
      running = first.start(workdir=self.half)
      running.until_epoch(EPOCHS // 2 + 2)
      running.send(signal.SIGKILL)
      running.wait()
    # To import and to build takes as long as to train.
    self.seconds = 1.5 * (time.monotonic() - began)
    first.done()

  def command(
    self,
    workdir: pathlib.Path,
    *more: str,
    data: pathlib.Path | None = None,
  ) -> list[str]:
    """Of a training on the digits or other data; later flags win."""
    return [
      sys.executable,
      "main.py",
      f"--config=folder:{data or self.data}",
      f"--workdir={workdir}",
      *(f"--config.{name}={value}" for name, value in _FIELDS.items()),
      *more,
    ]


def _write_digits(path: pathlib.Path) -> None:
  """Digits of which a third has a wrong label; scikit-learn loads slowly."""
  from sklearn.datasets import load_digits

  digits, rng = load_digits(), np.random.default_rng(0)
  label = digits.target.copy()
  wrong = rng.random(len(label)) < 0.4
  label[wrong] = rng.integers(0, 10, wrong.sum())
  np.savez(path, image=(digits.images * 15).astype(np.uint8), label=label)


class Try:
  """One fault, tried once in a folder of its own.

  Attributes:
    ground: Ground.
    rng: of this try alone: the same seed tries the same again, as far as
      moments can be the same.
    folder, workdir: of this try; the workdir is not there yet.
    expected: workdir with the result that it should have.
  """

  def __init__(self, ground: Ground, name: str, seed: int):
    self.ground, self.rng = ground, np.random.default_rng(seed)
    self.folder = ground.folder / f"{name.replace(' ', '_')}.{seed}"
    self.folder.mkdir()
    self.workdir = self.folder / "run"
    self.expected = ground.reference
    self._started = 0

  def copy(self, workdir: pathlib.Path) -> pathlib.Path:
    """Begins with a copy of this workdir."""
    return shutil.copytree(workdir, self.workdir)

  def run(self, command: list[str], env=None, **popen) -> Running:
    """Starts a process."""
    self._started += 1
    log = self.folder / f"{self._started}"
    return Running(command, self.ground.env | (env or {}), log, **popen)

  def start(self, *more: str, workdir=None, data=None, **popen) -> Running:
    """Starts the training; arguments as of `Ground.command` and Popen."""
    command = self.ground.command(workdir or self.workdir, *more, data=data)
    return self.run(command, **popen)

  def resume(self, same_config: bool = True, **popen) -> Ended:
    """The same command, which shall be done now and give what it should.

    Args:
      same_config: whether no other config was there before.
      **popen: arguments of Popen.
    """
    ended = self.start(**popen).wait().require(0)
    self.compare(same_config)
    return ended

  def compare(self, same_config: bool = True) -> None:
    """Raises Lost unless the workdir holds the expected result."""
    found = differences(self.workdir, self.expected)
    if not same_config:  # It is kept.
      found = {k: x for k, x in found.items() if not k.startswith("config.")}
    if found:
      raise Lost(f"another result: {'; '.join(found.values())}")

  def use(self, mode: str, *more: str, env=None) -> Running:
    """Starts another mode; what it writes goes into the workdir."""
    command = [sys.executable, "main.py", f"--mode={mode}"]
    command += [f"--workdir={self.workdir}", *more]
    if mode == "predict":
      command.append(f"--input={self.ground.data}")
    return self.run(command, env)

  def done(self) -> None:
    """Removes what was written."""
    shutil.rmtree(self.folder)
