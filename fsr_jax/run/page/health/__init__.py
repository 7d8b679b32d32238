"""Health checks of a run that need no clean labels, each with a verdict."""

from collections.abc import Callable

from fsr_jax.run.page.finished import Finished
from fsr_jax.run.page.health import labels, training, weights
from fsr_jax.run.page.health.check import GOOD, LOOK, UNKNOWN, Check

_CHECKS: tuple[Callable[[Finished], Check | None], ...] = (
  training.better_than_guessing,
  labels.sure,
  weights.noise_and_weights,
  weights.collapsed,
  weights.turning_over,
  weights.all_classes,
  training.warmup,
  labels.by_heart,
  training.long_enough,
  labels.whole_classes,
)


def checks(run: Finished) -> list[Check]:
  """All checks that make sense for a run.

  Args:
    run: Finished.
  """
  found = (check(run) for check in _CHECKS)
  return [result for result in found if result is not None]


__all__ = ["GOOD", "LOOK", "UNKNOWN", "Check", "checks"]
