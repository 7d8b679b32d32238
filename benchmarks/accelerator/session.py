"""One call: what is fast, what fits, what is done of it."""

from collections.abc import Iterator
import contextlib
import dataclasses
import functools
import os
import pathlib
import signal
import threading

from benchmarks import scales
from benchmarks.accelerator import results, speed, work
from benchmarks.accelerator.journal import Journal
from benchmarks.accelerator.rows import COST, Row, Sizes
from fsr_jax.config.validation import resolve_and_load
from fsr_jax.data import sources
from fsr_jax.data.dataset import Data
from fsr_jax.data.options import DataOptions
from fsr_jax.run.watch.screen import duration, say
from fsr_jax.run.workdir import Workdir

# Seconds of a run besides its steps: data, evaluation, checkpoints, tables.
_AROUND_A_RUN = 30.0
# Seconds that compiling takes where none was timed.
_COMPILING = 60.0
# Seconds of the measurement of cost besides compiling, and kept for leaving.
_OF_COST, _TO_LEAVE = 30.0, 5.0


@functools.cache
def _read(options: DataOptions) -> Data:
  return sources.source_of(options.dataset)(options)


def source(options: DataOptions) -> Data:
  """The data before their labels are made wrong; read once for all runs."""
  return _read(dataclasses.replace(options, noise="none", noise_ratio=0.0))


class Session:
  """The rows of a plan, done one after another.

  Attributes:
    out: folder of all.
    rows: in order of value.
    asked: those of them that shall be done.
    journal: Journal.
    machine: as `speed.machine`.
  """

  def __init__(
    self,
    out: pathlib.Path,
    rows: list[Row],
    sizes: Sizes,
    journal: Journal,
    machine: dict[str, str],
    asked: list[Row] | None = None,
  ):
    """`asked`: None for all rows."""
    self.out, self.rows, self.journal = out, rows, journal
    self.asked = rows if asked is None else asked
    self.machine, self._sizes = machine, sizes
    self._faulty: set[str] = set()  # Rows and programs that failed.

  def finished(self, row: Row) -> bool:
    """Whether a row is done."""
    if row.job is not None:
      return row.job.finished()
    done = self.journal.find("done", row=row.name)
    return bool(done) and not work.lacked_torch(done[-1]["result"])

  def speeds(self) -> dict[str, dict]:
    """Program -> its newest event "speed" on this device."""
    found = self.journal.find("speed", device=self.machine["device"])
    return {event["program"]: event for event in found}

  def measure_speeds(self) -> None:
    """Times the steps of every program of a run that is not done."""
    for row in self.asked:
      known = self._faulty | self.speeds().keys()
      if row.job is None or self.finished(row) or row.program in known:
        continue
      config = scales.load(list(row.job.arguments))
      _, options, data = resolve_and_load(config, source)
      try:
        found = speed.measure(options.train, data)
      # Of the compiler, or no memory: what else there is may still be done.
      except Exception as error:
        self._faulty.add(row.program)
        self._failed(row, error)
        continue
      batch_size = options.train.optimization.batch_size
      self.journal.add(
        "speed",
        program=row.program,
        device=self.machine["device"],
        batch_size=batch_size,
        images_per_epoch=len(data.train) // batch_size * batch_size,
        **found._asdict(),
      )
      say(
        f"{row.program}: {found.images_per_second:,.0f} images/s, compiled in"
        f" {found.compile_seconds:.0f} s"
      )

  def seconds_left(self, row: Row) -> float:
    """How long the rest of a row will take, estimated."""
    speeds = self.speeds()
    times = [s["compile_seconds"] for s in speeds.values()]
    compiling = max(times, default=_COMPILING)
    if row.beside is not None:
      return compiling + row.beside.seconds
    if row.job is None:
      return len(work.COST_ROWS) * compiling + _OF_COST
    measured = speeds[row.program]
    images = row.job.config["num_epochs"] * measured["images_per_epoch"]
    logged = Workdir(str(row.job.workdir)).read_metrics()
    done = logged[-1]["step"] * measured["batch_size"] if logged else 0
    return (images - done) / measured["images_per_second"] + _AROUND_A_RUN

  def choose(self, seconds: float) -> list[Row]:
    """The asked rows not done that fit, in order of value; tells what does not.

    Args:
      seconds: that are left of the whole budget.
    """
    chosen, left = [], seconds
    for row in self.asked:
      if self.finished(row):
        say(f"  {row.name:34} done")
        continue
      if self._faulty & {row.name, row.program}:
        say(f"  {row.name:34} failed")
        continue
      needed = self.seconds_left(row)
      fits, text = needed <= left, duration(needed)
      why = "" if fits else f"  left out: {duration(max(left, 0))} remain"
      say(f"  {row.name:34} {text:>12}{why}")
      if fits:
        chosen.append(row)
        left -= needed
      else:
        self.journal.add("left_out", row=row.name, needed=text)
    return chosen

  def tell_shorter(self, chosen: list[Row], seconds: float) -> None:
    """Where no run fits: how many epochs would.

    Args:
      chosen: by `choose`.
      seconds: as for it.
    """
    runs = [r for r in self.asked if r.job is not None and not self.finished(r)]
    if not runs or any(row.job is not None for row in chosen):
      return
    job, measured = runs[0].job, self.speeds().get(runs[0].program)
    if measured is None:
      return
    epoch = measured["images_per_epoch"] / measured["images_per_second"]
    # Ends of cycles of the learning rate.
    ends = [2**n - 1 for n in range(1, 8)]
    fit = [n for n in ends if n * epoch + _AROUND_A_RUN <= seconds]
    advice = f"; --epochs={fit[-1]} in another --out would" if fit else ""
    say(
      f"no run of {job.config['num_epochs']} epochs fits: one takes"
      f" {duration(self.seconds_left(runs[0]))}{advice}"
    )

  def do(self, rows: list[Row]) -> int:
    """Does rows; returns 0, 1 if one failed, now or while it was timed.

    Raises:
      KeyboardInterrupt: asked to leave; what was done is kept.
    """
    for number, row in enumerate(rows, start=1):
      say(f"\n[{number}/{len(rows)}] {row.name}")
      self.journal.add("begin", row=row.name)
      try:
        result = self._do(row)
      except KeyboardInterrupt:
        self.journal.add("left", row=row.name)
        raise
      # One row that cannot be done must not keep the others from it.
      except Exception as error:
        self._failed(row, error)
      else:
        self.journal.add("done", row=row.name, **self.machine, result=result)
      results.write(self.out, self.rows, self.journal)
    return int(bool(self._faulty))

  def _failed(self, row: Row, error: Exception) -> None:
    problem = work.one_line(error)
    self._faulty.add(row.name)
    self.journal.add("failed", row=row.name, problem=problem)
    say(f"{row.name} failed: {problem}")

  def _do(self, row: Row) -> dict:
    if row.job is not None:
      summary = work.train(row.job, source)
      if summary is None:
        raise KeyboardInterrupt
      return {}  # It is in the workdir.
    if row.name == COST:
      return work.cost_of_a_step(self._sizes, self.out / "profile")
    assert row.beside is not None
    return work.beside(row.beside, self.out / "pytorch.log")


@contextlib.contextmanager
def leaving(seconds: float) -> Iterator[None]:
  """Within it SIGTERM, SIGINT and the end of the time interrupt.

  A run handles them itself: it saves first.

  Args:
    seconds: until it is time.

  Raises:
    KeyboardInterrupt: asked to leave.
  """

  def leave(number, frame):
    del number, frame
    raise KeyboardInterrupt

  numbers = (signal.SIGTERM, signal.SIGINT)
  before = {number: signal.signal(number, leave) for number in numbers}
  timer = threading.Timer(
    max(seconds - _TO_LEAVE, 0), os.kill, (os.getpid(), signal.SIGTERM)
  )
  timer.daemon = True
  timer.start()
  try:
    yield
  finally:
    timer.cancel()
    for number, handler in before.items():
      signal.signal(number, handler)


def carry_out(session: Session, minutes: float, call_minutes: float) -> int:
  """Measures, tells the plan and does it.

  Args:
    session: Session.
    minutes: of all calls together.
    call_minutes: of this call; infinite for no bound.

  Returns:
    0, 1 if a row failed, EX_TEMPFAIL if left before the end.
  """
  journal = session.journal
  left = min(minutes * 60 - journal.seconds, call_minutes * 60)
  say(f"{minutes:g} minutes, {journal.seconds / 60:.1f} of them are used")
  journal.add("call", minutes=minutes, **session.machine)
  try:
    if left <= _TO_LEAVE and not all(map(session.finished, session.asked)):
      raise KeyboardInterrupt
    with journal.alive(), leaving(left):
      session.measure_speeds()
      say("in order of value:")
      seconds = minutes * 60 - journal.seconds
      rows = session.choose(seconds)
      session.tell_shorter(rows, seconds)
      status = session.do(rows)
      # What was done in less time than was thought leaves some for others.
      while rows:
        rows = session.choose(minutes * 60 - journal.seconds)
        status = session.do(rows)
  except KeyboardInterrupt:
    over = journal.seconds > minutes * 60 - 2 * _TO_LEAVE
    way = " with more --minutes" if over else ""
    say(f"left; what is done is kept, and the same command{way} continues")
    status = os.EX_TEMPFAIL
  journal.add("end", status=status)
  results.write(session.out, session.rows, journal)
  return status
