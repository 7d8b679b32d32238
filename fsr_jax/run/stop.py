"""A wish to stop: signals ask for it, the loop looks whether it was asked."""

from collections.abc import Iterator
import contextlib
import signal
import threading

SIGNALS: tuple[int, ...] = (signal.SIGTERM, signal.SIGINT)


class Left(KeyboardInterrupt):
  """Something was left before its end, and what was done of it is kept."""


class Stop:
  """Whether a run shall stop.

  Attributes:
    asked: whether it was asked to.
  """

  def __init__(self):
    self.asked = False

  @contextlib.contextmanager
  def on(self, signals: tuple[int, ...]) -> Iterator[None]:
    """Within it these signals ask; the second one interrupts at once.

    Outside the main thread, where Python handles none, they do what they did.

    Args:
      signals: numbers of signals.

    Raises:
      KeyboardInterrupt: asked twice.
    """
    self.asked = False
    if threading.current_thread() is not threading.main_thread():
      signals = ()
    before = {number: signal.signal(number, self._ask) for number in signals}
    try:
      yield
    finally:
      for number, handler in before.items():
        # None: it was not Python that installed it, nor can Python do again.
        signal.signal(number, signal.SIG_DFL if handler is None else handler)

  def _ask(self, number, frame):
    del number, frame
    if self.asked:
      raise KeyboardInterrupt
    self.asked = True
