"""The terminal, log or notebook that a person looks at."""

from collections.abc import Callable, Sequence
import io
import os
import sys
import threading
import time
from typing import Any

# Characters of the line in place that are the bar's, at least.
_BAR = 4


def duration(seconds: float) -> str:
  """12 s, 3 min 05 s, 2 h 07 min."""
  seconds = int(round(seconds))
  if seconds < 60:
    return f"{seconds} s"
  if seconds < 3600:
    return f"{seconds // 60} min {seconds % 60:02d} s"
  return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


class Screen:
  """Lines, and below them one that is rewritten in place where that can be.

  That is in a terminal and in a notebook; anywhere else, a file or a pipe for
  example, there are only lines.

  Attributes:
    words: what is done to each text before it is shown.
  """

  def __init__(
    self, words: Callable[[str], str] | None = None, silent: bool = False
  ):
    """Shows nothing yet.

    Args:
      words: see above; None = nothing.
      silent: show nothing ever.
    """
    self.words, self._silent = words or str, silent
    self._bar: Any = None
    # (what, since when) of that which takes a while.
    self._waiting: tuple[str, float] | None = None

  def __call__(self, line: str) -> None:
    """Shows a line at once, above the one in place."""
    if self._silent:
      return
    if self._bar is None:
      print(self.words(line), flush=True)
    else:
      self._bar.write(self.words(line), file=self._bar.fp)
      self._bar.fp.flush()

  def silence(self) -> None:
    """Shows nothing from now on: of several processes one speaks."""
    self._silent = True

  def wait(self, doing: str, rest: str = "") -> None:
    """Says what begins and takes a while, and how long that before it took.

    Args:
      doing: one word, "reading" for example.
      rest: of the sentence.
    """
    took = self.waited()
    self._waiting = doing, time.monotonic()
    self(f"{doing}{rest and ' '}{rest}{took and f' ({took})'}")

  def waited(self) -> str:
    """Ends what takes a while: "reading took 3 s", "" if under a second."""
    if self._waiting is None:
      return ""
    doing, since = self._waiting
    self._waiting = None
    seconds = time.monotonic() - since
    return f"{doing} took {duration(seconds)}" if seconds >= 1 else ""

  @property
  def in_place(self) -> bool:
    """Whether a line can be rewritten."""
    if self._silent:
      return False
    if type(sys.stdout).__module__.startswith("ipykernel"):
      return True
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
      return False
    # A terminal that does not say how large it is would show nothing.
    return 0 not in os.get_terminal_size(sys.stdout.fileno())

  def rewrite(self, share: float, before: str, parts: Sequence[str]) -> None:
    """Shows the line in place.

    Args:
      share: 0-1, how much of a bar is filled.
      before: text before the bar.
      parts: texts after it; the first ones are left out where the terminal is
        too narrow for all.
    """
    if self._bar is None:
      self._bar = _bar()
    width = self._bar.format_dict["ncols"] or sys.maxsize
    texts = [self.words(text) for text in (before, *parts)]
    while len(texts) > 1 and len(" ".join(texts)) + _BAR > width:
      del texts[1]
    before, after = (
      text.replace("{", "{{").replace("}", "}}")
      for text in (texts[0], " ".join(texts[1:]))
    )
    self._bar.bar_format = f"{before} {{bar}} {after}"
    self._bar.n = share
    self._bar.refresh()

  def leave(self) -> None:
    """Ends the line in place, which stays as it is."""
    if self._bar is not None:
      self._bar.close()
      self._bar = None


def _bar():
  """tqdm's bar, for what it knows of terminals; pace and texts are ours."""
  from tqdm import tqdm  # Here, so that the first line comes at once.

  class Bar(tqdm):
    monitor_interval = 0  # No thread that redraws,

  Bar.set_lock(threading.RLock())  # and no semaphore of the system.
  return Bar(total=1, file=sys.stdout, dynamic_ncols=True, bar_format="{bar}")


class _Outlived(io.FileIO):
  """A file that drops what cannot be written to it."""

  def write(self, data, /):
    try:
      return super().write(data)
    # Nobody reads (`| head`), the terminal is closed, the disk is full.
    except OSError:
      return memoryview(data).nbytes


def outlive_stdout() -> None:
  """Makes standard output one whose loss ends no run.

  And one that shows the names of files and classes that are no text. Call it
  before a file is opened.
  """
  for descriptor in (0, 1, 2):
    try:
      os.fstat(descriptor)
    except OSError:
      # Closed before the program began: the next file of a run would get its
      # number, and what is said would be written into it.
      os.open(os.devnull, os.O_RDWR)
  if sys.stdout is None:
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
  if not isinstance(sys.stdout, io.TextIOWrapper):
    return  # A notebook's.
  sys.stdout.reconfigure(errors="backslashreplace")
  # With PYTHONUNBUFFERED there is no buffer before the file.
  below = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
  if isinstance(below, io.FileIO):
    sys.stdout.flush()
    sys.stdout = io.TextIOWrapper(
      io.BufferedWriter(_Outlived(sys.stdout.fileno(), "w", closefd=False)),
      encoding=sys.stdout.encoding,
      errors=sys.stdout.errors,
      line_buffering=sys.stdout.line_buffering,
    )


# What all parts of the program show their lines on.
say = Screen()
