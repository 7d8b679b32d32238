"""Processes that are killed, asked to leave or paused at random moments.

Each fault here is a function of a Try that returns words to be counted.
"""

from collections.abc import Callable
import re
import shutil
import signal
import time

from tests.faults.compare import left_behind
from tests.faults.ground import EPOCHS, Ended, Lost, Running, Try

# A moment: waits for it, then returns.
Moment = Callable[[Try, Running], None]


def _later(t: Try, most: float) -> None:
  time.sleep(t.rng.uniform(0, most))


def _speaks(running: Running) -> None:
  """Waits for the first line, before which nothing of ours runs."""
  running.until(lambda: bool(running.out()))


def anywhere(t: Try, running: Running) -> None:
  """From the first line on."""
  _speaks(running)
  _later(t, t.ground.seconds)


def steps(t: Try, running: Running) -> None:
  """While it trains."""
  running.until_epoch(t.rng.integers(1, EPOCHS + 1))
  _later(t, 0.03)


def save(t: Try, running: Running) -> None:
  """While a checkpoint is written."""
  steps(t, running)
  folder = t.workdir / "checkpoints"
  running.until(lambda: folder.is_dir() and bool(left_behind(folder)))
  _later(t, 0.03)


def epoch_end(t: Try, running: Running) -> None:
  """As an epoch's results are written."""
  epoch = t.rng.integers(1, EPOCHS + 1)
  path = t.workdir / "metrics.jsonl"

  def written() -> bool:
    return path.exists() and path.read_bytes().count(b"\n") >= epoch

  _speaks(running)  # A run that goes on has lines already.
  running.until(written)
  _later(t, 0.01)


def finish(t: Try, running: Running) -> None:
  """While the results of the whole run are written."""
  last = re.compile(rf"^epoch {EPOCHS:2}/.* step +(\d+)/\1 ", re.M)
  running.until(lambda: last.search(running.out()) is not None)
  _later(t, 0.6)


def begin(t: Try, running: Running) -> None:
  """While it imports, reads the data or compiles."""
  _speaks(running)
  _later(t, 1.0)


_MOMENTS = (anywhere, steps, save, epoch_end, finish)


def killed(moment: Moment) -> Callable[[Try], list[str]]:
  """Killed there, once to three times, then left in peace."""

  def fault(t: Try) -> list[str]:
    words = []
    for _ in range(t.rng.integers(1, 4)):
      running = t.start()
      moment(t, running)
      if running.send(signal.SIGKILL):
        words.append("kills")
      running.wait()
    t.resume()
    return words

  return fault


def signalled(
  moment: Moment | None, count: int = 1
) -> Callable[[Try], list[str]]:
  """Asked to leave, there or at any moment, by so many signals."""

  def fault(t: Try) -> list[str]:
    words = []
    for _ in range(t.rng.integers(1, 3)):
      running = t.start()
      (moment or _MOMENTS[t.rng.integers(len(_MOMENTS))])(t, running)
      for i in range(count):
        name = ("SIGTERM", "SIGINT", "SIGHUP")[t.rng.integers(3)]
        if running.send(getattr(signal, name)):
          words.append(name)
        if i < count - 1:
          _later(t, 0.2)
      _left(running.wait())
    t.resume()
    return words

  return fault


def _left(ended: Ended) -> None:
  """Lost unless it left as it should, or had done all before."""
  ended.require(75, 0)
  said = "left at step" in ended.out or "left by" in ended.err
  if ended.status == 75 and not said and "ended before all" not in ended.err:
    raise Lost(f"{ended.told()}; it does not say that it left")


def paused(t: Try) -> list[str]:
  """Stopped as by Ctrl-Z; meanwhile somebody starts it a second time."""
  running = t.start()
  steps(t, running)
  running.send(signal.SIGSTOP)
  try:
    second = t.start().wait()
    if not second.refused() or "another process trains" not in second.err:
      raise Lost(f"the second process was not refused: {second.told()}")
  finally:
    running.send(signal.SIGCONT)
  running.wait().require(0)
  t.resume()
  return ["refused"]


def at_once(t: Try) -> list[str]:
  """Two processes begin in the same workdir at the same time."""
  both = [t.start(), t.start()]
  ended = [running.wait() for running in both]
  refused = [one.refused() for one in ended]
  if all(refused):
    raise Lost(f"both were refused: {ended[0].err} {ended[1].err}")
  t.resume()
  return ["refused"] * sum(refused)


def used(t: Try) -> list[str]:
  """Killed while it evaluates, predicts, exports or writes the report."""
  t.copy(t.ground.reference)
  modes = ("evaluate", "predict", "export", "report")
  mode = modes[t.rng.integers(len(modes))]
  running = t.use(mode)
  running.until(lambda: bool(running.out()))
  _later(t, t.ground.seconds)
  words = [mode] if running.send(signal.SIGKILL) else []
  running.wait()
  t.use(mode).wait().require(0)
  for name in ("evaluate", "export", "predictions.csv"):
    path = t.workdir / name
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
  t.resume()
  return words
