"""How long something will take that is done piece by piece."""

from typing import NamedTuple

# A second of work counts half as much as one that is this much later, so that
# a machine that becomes slower is noticed and a hiccup is not.
_HALF_LIFE = 30.0


class Work(NamedTuple):
  """Pieces of one kind.

  Attributes:
    left: how many are left.
    like: (another kind, factor): until it is measured, a piece takes that many
      times one of the other kind. None: until then nothing is known.
    compiling: its program compiles for that many times as long as the first
      that was compiled.
  """

  left: int
  like: tuple[str, float] | None = None
  compiling: float = 0.0


class TimeLeft:
  """Seconds that are left: the pieces of each kind times what one takes.

  A piece takes what those of its kind took of late. Time in which a program
  was compiled is no time of a piece; until it comes it is expected.
  """

  def __init__(self, works: dict[str, Work]):
    """Args: works: kind -> Work."""
    self._works = works
    self._left = {kind: work.left for kind, work in works.items()}
    # Kind -> (pieces, seconds) of late.
    self._done: dict[str, tuple[float, float]] = {}
    self._begun: set[str] = set()
    self._compiling: float | None = None

  def did(
    self, kind: str, count: int, seconds: float, compiled: bool = False
  ) -> None:
    """Counts pieces.

    Args:
      kind: of work.
      count: pieces.
      seconds: that they took.
      compiled: whether a program was compiled in that time.
    """
    self._left[kind] -= count
    self._begun.add(kind)
    if compiled:
      if self._compiling is None:
        self._compiling = seconds
      return
    pieces, before = self._done.get(kind, (0.0, 0.0))
    fade = 0.5 ** (seconds / _HALF_LIFE)
    self._done[kind] = (pieces * fade + count, before * fade + seconds)

  def measured(self, kind: str) -> float | None:
    """Seconds that one piece took of late, None where none was measured."""
    pieces, seconds = self._done.get(kind, (0.0, 0.0))
    return seconds / pieces if pieces > 0 else None

  def expected(self, kind: str) -> float | None:
    """Seconds that one piece takes, None where nothing is known."""
    measured, like = self.measured(kind), self._works[kind].like
    if measured is not None or like is None:
      return measured
    other = self.expected(like[0])
    return None if other is None else like[1] * other

  def seconds(self) -> float | None:
    """All that is left; None as long as nothing can be said."""
    total = 0.0
    for kind, left in self._left.items():
      if left <= 0:
        continue
      takes = self.expected(kind)
      if takes is None:
        return None
      total += left * takes
      if kind not in self._begun:
        total += self._works[kind].compiling * (self._compiling or 0.0)
    return total
