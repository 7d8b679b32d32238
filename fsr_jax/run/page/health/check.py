"""What a health check says, and what several of them look at."""

from typing import NamedTuple

import numpy as np

from fsr_jax.run.page.finished import Finished

# Verdicts: nothing to do, something to look at, nothing can be said.
GOOD, LOOK, UNKNOWN = "good", "look", "unknown"


class Check(NamedTuple):
  """One question about a run.

  Attributes:
    question: that the check answers.
    verdict: GOOD, LOOK or UNKNOWN.
    answer: what was found and, where it says LOOK, what can be done.
  """

  question: str
  verdict: str
  answer: str


def value(run: Finished, name: str) -> float | None:
  """A number of the summary; None where it is not known."""
  found = run.summary.get(name)
  return found if isinstance(found, int | float) else None


def curve(run: Finished, name: str) -> list[float]:
  """What is known of a scalar, epoch after epoch."""
  found = (scalars.get(name) for scalars in run.epochs)
  return [x for x in found if isinstance(x, int | float)]


def learns_weights(run: Finished) -> bool:
  """Whether the run came to learn weights."""
  uniform = run.config.get("weighting") == "uniform"
  warmup = run.config.get("warmup_epochs") or 0
  return not uniform and warmup < run.config.get("num_epochs", 0)


def wrong_share(run: Finished) -> float | None:
  """Share of the labels that are wrong, as the run estimates it."""
  expected = value(run, "expected_wrong")
  if expected is None or run.samples is None or not len(run.samples):
    return None
  return expected / len(run.samples)


def guessing(run: Finished) -> float:
  """Accuracy on the given labels of always naming the commonest class."""
  counts = np.array(run.network.class_counts)
  return float(counts.max() / max(counts.sum(), 1))
