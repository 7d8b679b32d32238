"""Two processes that train together, of which one is hit."""

from collections.abc import Callable
import pathlib
import signal
import socket
import threading
import time

from tests.faults.ground import Ground, Lost, Running, Try
from tests.faults.interrupted import steps

# The others of a process that is gone are to end within so many seconds.
_NOTICED = 60
_MAKING = threading.Lock()


def _free_port() -> int:
  with socket.socket() as it:
    it.bind(("localhost", 0))
    return it.getsockname()[1]


def _start(t: Try) -> list[Running]:
  """Both, each with one device."""
  address = f"localhost:{_free_port()}"
  return [
    t.start(
      f"--coordinator_address={address}",
      "--num_processes=2",
      f"--process_id={i}",
      "--config.num_devices=0",
    )
    for i in range(2)
  ]


def _reference(ground: Ground) -> pathlib.Path:
  """Workdir of two processes that nothing disturbed; made once."""
  with _MAKING:
    workdir = ground.folder / "reference_of_two"
    if not workdir.exists():
      t = Try(ground, "two", 0)
      for running in _start(t):
        running.wait().require(0)
      t.workdir.rename(workdir)
      t.done()
    return workdir


def hit(number: int) -> Callable[[Try], list[str]]:
  """One of the two gets this signal while they train; then both are started
  again, as a scheduler does it."""

  def fault(t: Try) -> list[str]:
    t.expected = _reference(t.ground)
    both = _start(t)
    steps(t, both[0])
    which = int(t.rng.integers(2))
    words = [f"of process {which}"] if both[which].send(number) else []
    began = time.monotonic()
    for i, running in enumerate(both):
      ended = running.wait()
      if i != which or number != signal.SIGKILL:
        ended.require(75, 0)
    if time.monotonic() - began > _NOTICED:
      raise Lost(f"the other one went on for more than {_NOTICED} s")
    both = _start(t)
    for running in both:
      running.wait().require(0)
    t.compare()
    return words

  return fault
