"""Wrong labels and long tails, with exact rates and fixed seeds.

Every generator takes a numpy Generator and touches each class by an exact
number of examples, so that runs differ in which labels are wrong, never in how
many.
"""

import numpy as np

from fsr_jax.errors import check

# truck->automobile, bird->airplane, cat<->dog, deer->horse
# (Patrini et al., CVPR 2017; the paper's Table 3).
_CIFAR10_CONFUSION = {9: 1, 2: 0, 3: 5, 5: 3, 4: 7}


def uniform(
    label: np.ndarray, ratio: float, num_classes: int, rng: np.random.Generator
) -> np.ndarray:
  """Redraws a share of every class evenly over all C classes.

  The true class is among the redrawn ones, so `ratio` r makes r (1 - 1/C) of
  the labels wrong (exactly, up to rounding within each class).

  Args:
    label: int32 [N], true labels.
    ratio: r, fraction 0-1.
    num_classes: C.
    rng: numpy Generator.

  Returns:
    int32 [N], noisy labels.

  Source: released code's convention (redraw over all C); exactness is ours.
  """
  noisy = label.copy()
  for c in range(num_classes):
    chosen = _choose(np.flatnonzero(label == c), ratio, rng)
    start = rng.integers(num_classes)
    redrawn = (start + np.arange(chosen.size)) % num_classes
    noisy[chosen] = rng.permutation(redrawn)
  return noisy


def asymmetric(
    label: np.ndarray, ratio: float, num_classes: int, rng: np.random.Generator
) -> np.ndarray:
  """Flips a share of the five confusable CIFAR-10 classes to their look-alike.

  Args and Returns as `uniform`; `ratio` of each confusable class flips.

  Raises:
    InputError: not ten classes.
  """
  check(
      num_classes == 10,
      "asymmetric noise is defined for the 10 classes of cifar10; this data"
      f" set has {num_classes}",
  )
  noisy = label.copy()
  for source, target in _CIFAR10_CONFUSION.items():
    noisy[_choose(np.flatnonzero(label == source), ratio, rng)] = target
  return noisy


def _none(label, ratio, num_classes, rng):
  del ratio, num_classes, rng
  return label.copy()


# name -> generator(label, ratio, C, rng) -> noisy label.
NOISES = {"none": _none, "uniform": uniform, "asymmetric": asymmetric}


def long_tail(
    label: np.ndarray,
    imbalance_ratio: float,
    num_classes: int,
    rng: np.random.Generator,
) -> np.ndarray:
  """Picks n_i = n_max * mu^(i / (C - 1)) examples of class i, mu = 1/ratio.

  Args:
    label: int32 [N].
    imbalance_ratio: largest over smallest class, >= 1.
    num_classes: C >= 2.
    rng: numpy Generator.

  Returns:
    int64 [M], sorted positions kept; at least one a class.

  Source: section 5.2, after Cui et al., CVPR 2019.
  """
  largest = np.bincount(label, minlength=num_classes).max()
  kept = []
  for c in range(num_classes):
    size = int(largest * imbalance_ratio ** (-c / (num_classes - 1)))
    members = rng.permutation(np.flatnonzero(label == c))
    kept.append(members[: max(1, size)])
  return np.sort(np.concatenate(kept))


def subset(
    label: np.ndarray, size: int, num_classes: int, rng: np.random.Generator
) -> np.ndarray:
  """A random subset with the classes in equal numbers (up to one).

  Args:
    label: int32 [N].
    size: M <= N.
    num_classes: C.
    rng: numpy Generator.

  Returns:
    int64 [M], sorted positions; fewer where a class has not enough members.
  """
  kept = []
  for c in range(num_classes):
    quota = size // num_classes + (c < size % num_classes)
    kept.append(rng.permutation(np.flatnonzero(label == c))[:quota])
  return np.sort(np.concatenate(kept))


def _choose(members, ratio, rng):
  """round(ratio * len) of `members`, without replacement."""
  return rng.permutation(members)[: round(ratio * members.size)]
