"""How many examples of each class stay: long tails, steps, equal subsets."""

import numpy as np


def exponential(
  label: np.ndarray,
  imbalance_ratio: float,
  num_classes: int,
  rng: np.random.Generator,
) -> np.ndarray:
  """A long tail: n_i = n_max * mu^(i / (C - 1)) of class i, mu = 1/ratio.

  Args:
    label: int32 [N].
    imbalance_ratio: largest over smallest class, >= 1.
    num_classes: C.
    rng: numpy Generator.

  Returns:
    int64 [M], sorted positions kept; at least one a class.

  Source: section 5.2, after Cui et al., CVPR 2019.
  """
  largest = np.bincount(label, minlength=num_classes).max()
  sizes = [
    max(1, int(largest * imbalance_ratio ** (-c / max(1, num_classes - 1))))
    for c in range(num_classes)
  ]
  return _keep(label, sizes, rng)


def step(
  label: np.ndarray,
  imbalance_ratio: float,
  num_classes: int,
  rng: np.random.Generator,
) -> np.ndarray:
  """Two sizes: n_max of the first half of the classes, n_max/ratio of the rest.

  Args and Returns as `exponential`; of an odd C the larger half is frequent.

  Source: Buda et al., Neural Networks 2018, half of the classes as in Cao et
  al., NeurIPS 2019 (LDAM).
  """
  largest = int(np.bincount(label, minlength=num_classes).max())
  rare = num_classes // 2
  sizes = [largest] * (num_classes - rare)
  sizes += [max(1, int(largest / imbalance_ratio))] * rare
  return _keep(label, sizes, rng)


# name -> imbalance(label, ratio, C, rng) -> positions kept.
IMBALANCES = {"exponential": exponential, "step": step}


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
  each, left = divmod(size, num_classes)
  return _keep(label, [each + (c < left) for c in range(num_classes)], rng)


def _keep(
  label: np.ndarray, sizes: list[int], rng: np.random.Generator
) -> np.ndarray:
  """Sorted positions of `sizes[c]` random examples of each class c, if any."""
  return np.sort(
    np.concatenate(
      [
        rng.permutation(np.flatnonzero(label == c))[:size]
        for c, size in enumerate(sizes)
      ]
    )
  )
