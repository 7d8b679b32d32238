"""RoG: a robust generative classifier on the features of a trained network.

Source: Lee et al., ICML 2019, "Robust Inference via Generative Classifiers for
Handling Noisy Labels". The network is trained plainly, on the labels as they
are. Then the features of its last block are taken for Gaussian in every class,
all classes with the same covariance, and means and covariance are estimated
from the part of every class that lies closest together, an approximation of the
minimum covariance determinant (Algorithm 1). The class with the largest
posterior is predicted.

Passes: 1, and a forward pass over the training set.

Hyper-parameters: 70 % of every class are kept, found in one step from a random
70 %, and all classes are equally probable: the authors' code, whatever the
noise rate, which is not told. Differs: they also average the posteriors of
several layers, weighted by validation examples; here it is the last block
alone.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.rivals import plain
from benchmarks.rivals.protocol import Result, Rival, Trial

_KEPT = 0.7


class Gaussians(NamedTuple):
  """A class each, one covariance.

  Attributes:
    mean: float [C, F]; NaN where a class has no example.
    precision: float [F, F], pseudo-inverse of the covariance.
  """

  mean: np.ndarray
  precision: np.ndarray


def estimate(
  features: np.ndarray, label: np.ndarray, kept: np.ndarray, num_classes: int
) -> Gaussians:
  """Means and common covariance of some of the examples.

  Args:
    features: float [N, F].
    label: int [N].
    kept: bool [N], at least one of every class that there is.
    num_classes: C.
  """
  mean = np.full((num_classes, features.shape[1]), np.nan)
  for c in np.unique(label):
    mean[c] = features[kept & (label == c)].mean(0)
  centred = (features - mean[label])[kept]
  covariance = centred.T @ centred / len(centred)
  return Gaussians(mean, np.linalg.pinv(covariance, hermitian=True))


def distances(features: np.ndarray, of: Gaussians) -> np.ndarray:
  """float [N, C], squared Mahalanobis distances from every class; infinite from
  one without examples."""
  # In the coordinates where the precision is the identity.
  value, vector = np.linalg.eigh(of.precision)
  root = vector * np.sqrt(np.maximum(value, 0))
  x, mean = features @ root, of.mean @ root
  square = (
    np.square(x).sum(1)[:, None] + np.square(mean).sum(1) - 2 * x @ mean.T
  )
  return np.where(np.isnan(square), np.inf, square)


def closest(
  distance: np.ndarray, label: np.ndarray, share: float
) -> np.ndarray:
  """bool [N]: of every class the `share` with the smallest `distance` [N]."""
  kept = np.zeros(len(label), bool)
  for c in np.unique(label):
    own = np.flatnonzero(label == c)
    size = max(1, int(share * len(own)))
    kept[own[np.argsort(distance[own], kind="stable")[:size]]] = True
  return kept


def robust(
  features: np.ndarray,
  label: np.ndarray,
  num_classes: int,
  rng: np.random.Generator,
) -> Gaussians:
  """Algorithm 1: from a random part of every class to its closest part."""
  kept = closest(rng.random(len(label)), label, _KEPT)
  first = estimate(features, label, kept, num_classes)
  own = distances(features, first)[np.arange(len(label)), label]
  kept = closest(own, label, _KEPT)
  return estimate(features, label, kept, num_classes)


def train(trial: Trial) -> Result:
  """Plain training, then the generative classifier on its features."""
  net = plain.trainer(trial)()

  def flat(part):
    features = trial.outputs(net, part)[1]
    return features.reshape(len(features), -1).astype(np.float64)

  rng = np.random.default_rng(trial.seed)
  label = np.asarray(trial.train.label)
  found = robust(flat("train"), label, trial.num_classes, rng)
  predicted = distances(flat("test"), found).argmin(1)
  return Result(predicted, 1 + 1 / (3 * trial.num_epochs))


RIVALS = {"rog": Rival(train)}
