"""How far something is that is done piece by piece."""

from collections.abc import Callable
import time

from fsr_jax.run.report import duration, say


class Countdown:
  """Lines about something done piece by piece, and the time that is left."""

  def __init__(
    self,
    what: str,
    total: int,
    every: float,
    say: Callable[[str], None] = say,
  ):
    """Starts the clock.

    Args:
      what: is done.
      total: pieces, all of them.
      every: seconds between two lines.
      say: what lines are handed to.
    """
    self._say = say
    self._what, self._total, self._every = what, total, every
    self._done, self._started = 0, time.monotonic()
    self._printed = self._started
    # (time, pieces) after the first stretch, which compiles.
    self._mark: tuple[float, int] | None = None

  def add(self, count: int) -> None:
    """Counts pieces; prints a line if it is time, and after the last."""
    self._done += count
    now = time.monotonic()
    self._mark = self._mark or (now, self._done)
    if now - self._printed < self._every and self._done < self._total:
      return
    self._printed = now
    parts = [
      f"{self._what} {self._done:,}/{self._total:,}",
      duration(now - self._started),
    ]
    since, before = self._mark
    if before < self._done < self._total:
      rate = (now - since) / (self._done - before)
      parts.append(f"{duration(rate * (self._total - self._done))} left")
    self._say("  ".join(parts))
