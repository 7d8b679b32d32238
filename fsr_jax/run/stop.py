"""A wish to stop: signals ask for it, the loop looks whether it was asked."""

import atexit
from collections.abc import Callable, Iterator
import contextlib
import os
import signal
import sys
import threading

# Those that a scheduler, a person and a terminal that is closed send.
SIGNALS: tuple[int, ...] = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# Set while something would be lost if the process ended at once.
_working = threading.Event()
# Set once threads may be left that wait for ever.
_stuck = threading.Event()


class Left(KeyboardInterrupt):
  """Something was left before its end, and what was done of it is kept."""


class Stop:
  """Whether a run shall stop.

  Attributes:
    asked: whether it was asked to. Of several processes any may have been
      asked, and all know it after the same step: it changes in `update` alone.
  """

  def __init__(self, anyone: Callable[[bool], bool] | None = None):
    """Was not asked.

    Args:
      anyone: tells of what is true in this process whether it is in any; None
        where there is one process.
    """
    self.asked = False
    self._heard, self._count = False, 0
    self._anyone = anyone

  @contextlib.contextmanager
  def on(self, signals: tuple[int, ...]) -> Iterator[None]:
    """Within it these signals ask: the first is what counts.

    Often a second follows (Ctrl-C twice, a wrapper that hands on what it gets
    itself): it changes nothing. The third does what it did outside.

    Outside the main thread, where Python handles none, all do what they did.

    Args:
      signals: numbers of signals.
    """
    self.asked, self._heard, self._count = False, False, 0
    if threading.current_thread() is not threading.main_thread():
      signals = ()
    before = {number: signal.getsignal(number) for number in _heard(signals)}

    def ask(number, frame):
      del frame
      self._heard = True
      self.asked |= self._anyone is None
      self._count += 1
      if self._count == 2:
        _tell("what was done is being saved; a third signal would lose it")
      if self._count == 3:
        _tell("ended before all was saved: what was done since is lost")
        _working.clear()
        _install(before)
        signal.raise_signal(number)

    for number in before:
      signal.signal(number, ask)
    try:
      yield
    finally:
      _working.clear()
      _install(before)

  def done_something(self) -> None:
    """Says that from now on, within `on`, there is something to be saved."""
    _working.set()

  def update(self) -> None:
    """Asks the other processes; all do so at once."""
    if self._anyone is not None:
      self.asked = self._anyone(self._heard)


def leave_at_once() -> None:
  """Lets signals end the process wherever it is, while nothing would be lost.

  That is while it imports, reads data or compiles, which may keep the main
  thread, where Python handles signals, for a minute: another thread hears them.
  The exit status is 75, and there is one line on stderr.
  """

  once = threading.Lock()

  def leave(number, frame=None):
    del frame
    if not _working.is_set() and once.acquire(blocking=False):
      name = signal.Signals(number).name
      _tell(f"left by {name}: what was saved is kept; the same command goes on")
      os._exit(os.EX_TEMPFAIL)

  heard, written = os.pipe()
  os.set_blocking(written, False)

  def listen():
    while numbers := os.read(heard, 1):
      if numbers[0] in signals:
        leave(numbers[0])

  signals = _heard(SIGNALS)
  for number in signals:
    signal.signal(number, leave)
  signal.set_wakeup_fd(written, warn_on_full_buffer=False)
  threading.Thread(target=listen, name="signals", daemon=True).start()

  def is_over():
    # Python takes its handlers back as it ends: a late signal, the second of a
    # pair for example, would make the exit status its own.
    for number in signals:
      signal.signal(number, signal.SIG_IGN)

  atexit.register(is_over)  # The first to be registered is the last to be done.


def save_failed() -> None:
  """Says that Orbax may have left threads that wait for the rest of a save."""
  _stuck.set()


@contextlib.contextmanager
def never_stuck() -> Iterator[None]:
  """A SystemExit within it ends the process, whatever threads wait for."""
  try:
    yield
  except SystemExit as end:
    if not _stuck.is_set():
      raise
    status = end.code
    with contextlib.suppress(OSError, ValueError):
      sys.stdout.flush()
      if isinstance(status, str):
        print(status, file=sys.stderr, flush=True)
    atexit._run_exitfuncs()  # Other processes wait for it.
    os._exit(status if isinstance(status, int) else int(status is not None))


def _heard(signals: tuple[int, ...]) -> list[int]:
  """Those of `signals` that are not ignored: nohup ignores SIGHUP."""
  return [
    number
    for number in signals
    if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
  ]


def _install(handlers: dict) -> None:
  for number, handler in handlers.items():
    # None: it was not Python that installed it, nor can Python do again.
    signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _tell(line: str) -> None:
  """Writes to stderr past its buffer, which may be what was interrupted."""
  with contextlib.suppress(OSError):
    # In a terminal there may be the line in place, or ^C.
    os.write(2, f"{os.isatty(2) * chr(10)}{line}\n".encode())
