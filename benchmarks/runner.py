"""A run of a sweep: main.py as a child process that can be asked to leave."""

import json
import os
import pathlib
import signal
import subprocess
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Job(NamedTuple):
  """One cell on one seed.

  Attributes:
    cell, seed: which.
    workdir: of the run.
    arguments: of main.py, without the workdir.
    config: what they make, resolved; {} if they are wrong.
    refusal: why the run cannot be done or used; None if it can.
  """

  cell: str
  seed: str
  workdir: pathlib.Path
  arguments: tuple[str, ...]
  config: dict
  refusal: str | None

  def finished(self) -> bool:
    """Whether the run is done and can be used."""
    return self.refusal is None and self._summary.exists()

  def summary(self) -> dict:
    """Of a finished run."""
    return json.loads(self._summary.read_text())

  @property
  def _summary(self) -> pathlib.Path:
    return self.workdir / "summary.json"


class Runner:
  """Runs jobs, one at a time; passes a request to leave on to the child."""

  def __init__(self, compiled: pathlib.Path):
    """Keeps compiled programs in `compiled`, unless the user has a place."""
    self._environment = {
      "JAX_COMPILATION_CACHE_DIR": str(compiled),
      "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
      **os.environ,
    }
    self._child = None
    self._asked = False
    self._handlers = {}

  def __enter__(self):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
      if signal.getsignal(number) != signal.SIG_IGN:  # As nohup has it.
        self._handlers[number] = signal.signal(number, self._on_signal)
    return self

  def __exit__(self, *unused):
    for number, handler in self._handlers.items():
      signal.signal(number, handler)

  def __call__(self, job: Job) -> int:
    """Exit status of the run; EX_TEMPFAIL if it was asked to leave."""
    if self._asked:
      return os.EX_TEMPFAIL
    job.workdir.mkdir(parents=True, exist_ok=True)
    command = [
      sys.executable,
      str(ROOT / "main.py"),
      # Hundreds of pages that nobody looks at; --mode=report writes any.
      "--config.report=False",
      *job.arguments,
      f"--workdir={job.workdir}",
    ]
    with open(job.workdir / "log.txt", "a", encoding="utf-8") as log:
      # A session of its own: Ctrl-C in a terminal reaches it through us only,
      # once. Asked twice, main.py leaves without saving.
      self._child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env=self._environment,
      )
      if self._asked:  # While it was being started.
        self._child.terminate()
      try:
        status = self._child.wait()
      finally:
        if self._child.poll() is None:
          self._child.terminate()
        self._child = None
    return os.EX_TEMPFAIL if self._asked and status else status

  def _on_signal(self, number, frame):
    del number, frame
    self._asked = True
    if self._child is not None:
      self._child.terminate()
