"""Batches of some of the training examples, for methods that select them."""

import numpy as np


def batches(
  rng: np.random.Generator, index: np.ndarray, steps: int, size: int
) -> np.ndarray:
  """int32 [steps, size]: `index` in one random order after another.

  As many steps as the whole set would have: the learning-rate schedule and the
  cost stay those of plain training, and a chosen example is seen more often.

  Args:
    rng: Generator.
    index: int [m], m > 0, examples.
    steps, size: of the batches.
  """
  rounds = -(-steps * size // len(index))
  order = [rng.permutation(index) for _ in range(rounds)]
  drawn = np.concatenate(order)[: steps * size]
  return drawn.reshape(steps, size).astype(np.int32)


def companions(rng: np.random.Generator, label: np.ndarray) -> np.ndarray:
  """int32 [N]: for every example a random one with the same label."""
  found = np.empty(len(label), np.int32)
  for c in np.unique(label):
    own = np.flatnonzero(label == c)
    found[own] = rng.choice(own, len(own))
  return found
