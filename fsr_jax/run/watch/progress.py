"""How far something is that is done piece by piece: one line, or some."""

import time

from fsr_jax.run.watch.screen import Screen, duration, say
from fsr_jax.run.watch.time_left import TimeLeft, Work

# Seconds between two changes of a line in place.
_IN_PLACE = 0.5


def speed(pieces: float | None, unit: str) -> list[str]:
  """["1,234 images/s"], [] where it is not known."""
  if pieces is None:
    return []
  digits = 0 if pieces >= 100 else 1
  return [f"{pieces:,.{digits}f} {unit}/s"]


class Progress:
  """Tells how far something is and what time is left.

  In a terminal and in a notebook that is one line, rewritten in place; else a
  line now and then.

  Attributes:
    in_place: whether it is one line.
  """

  def __init__(self, works: dict[str, Work], every: float, say: Screen = say):
    """Starts the clock.

    Args:
      works: kind -> Work, all that is to be done.
      every: seconds between two lines, where they are not in place.
      say: Screen.
    """
    self.in_place = say.in_place
    self._left, self._say = TimeLeft(works), say
    self._every = _IN_PLACE if self.in_place else every
    self._started = self._lap = self._shown = time.monotonic()

  def did(self, kind: str, count: int, compiled: bool = False) -> float:
    """Counts pieces, which took the time since the last that were counted.

    Args:
      kind: of work.
      count: pieces.
      compiled: whether a program was compiled in that time.

    Returns:
      That time, seconds.
    """
    now = time.monotonic()
    seconds, self._lap = now - self._lap, now
    self._left.did(kind, count, seconds, compiled)
    return seconds

  def per_second(self, kind: str) -> float | None:
    """Pieces a second of late; None where that is not known."""
    takes = self._left.measured(kind)
    return 1 / takes if takes else None

  def left(self) -> float | None:
    """Seconds that are left; None where nothing can be said yet."""
    return self._left.seconds()

  def due(self) -> bool:
    """Whether enough time has passed to show something."""
    return time.monotonic() - self._shown >= self._every

  def show(self, share: float, before: str, parts: list[str]) -> None:
    """Shows how far it is, and the time that is left.

    Args:
      share: 0-1, how much is done.
      before: what is done, and how much of it.
      parts: what else to know of it.
    """
    now, left = time.monotonic(), self.left()
    self._shown = now
    ends = [f"{duration(left)} left"] if left is not None and share < 1 else []
    if self.in_place:
      self._say.rewrite(share, before, [*parts, *ends])
    else:
      ran = duration(now - self._started)
      self._say("  ".join([before, *parts, ran, *ends]))

  def doing(self, share: float, before: str, what: str) -> None:
    """Says in the line in place what is done besides; elsewhere nothing."""
    if self.in_place:
      self._say.rewrite(share, before, [what])

  def close(self) -> None:
    """Ends the line in place."""
    self._say.leave()


class Countdown:
  """Progress of pieces that are all of one kind; use it as a context."""

  def __init__(
    self,
    what: str,
    total: int,
    unit: str,
    every: float,
    say: Screen = say,
  ):
    """Starts the clock.

    Args:
      what: is done, "features" for example.
      total: pieces, all of them.
      unit: what a piece is called, "images" for example.
      every: seconds between two lines, where they are not in place.
      say: Screen.
    """
    self._what, self._total, self._unit, self._done = what, total, unit, 0
    self._progress = Progress({what: Work(total)}, every, say)

  def __enter__(self) -> "Countdown":
    return self

  def __exit__(self, *error) -> None:
    self._progress.close()

  def add(self, count: int) -> None:
    """Counts pieces; shows a line if it is time, and after the last.

    The first stretch compiles.
    """
    self._progress.did(self._what, count, compiled=not self._done)
    self._done += count
    if not self._progress.due() and self._done < self._total:
      return
    self._progress.show(
      self._done / self._total,
      f"{self._what} {self._done:,}/{self._total:,}",
      speed(self._progress.per_second(self._what), self._unit),
    )
