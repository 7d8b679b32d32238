"""Under which conditions a run ran: its speed, its versions."""

import importlib.metadata
import platform

_VERSIONS = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def versions() -> str:
  """Python and the libraries that decide a result, on one line."""
  parts = [f"python {platform.python_version()}"]
  parts += [f"{name} {importlib.metadata.version(name)}" for name in _VERSIONS]
  return ", ".join(parts)


class Stopwatch:
  """Seconds a training step, without the epochs that include compilation."""

  def __init__(self):
    self._seen = set()
    self._stretches = {}

  def add(self, active: bool, steps: int, seconds: float) -> None:
    """Adds an epoch; `active`: with learned weights (after the warm-up)."""
    kind = (active in self._seen, active)
    self._seen.add(active)
    old = self._stretches.get(kind, (0, 0.0))
    self._stretches[kind] = (old[0] + steps, old[1] + seconds)

  def seconds_per_step(self) -> float | None:
    """Of active epochs if there were any besides the one that compiled;
    else of warm-up epochs; else of whatever there was. None for no step."""
    if not self._stretches:
      return None
    steps, seconds = self._stretches[max(self._stretches)]
    return seconds / steps
