"""Labels drawn from known noise, and exact probabilities for them."""

import math

import numpy as np


def drawn(size, classes, noise, seed=0, sharpness=3.0):
  """(labels, true classes, probabilities) of labels that are wrong by `noise`.

  The probabilities are exact: features are one draw a class from a normal
  distribution around its own axis.
  """
  rng = np.random.RandomState(seed)
  true = rng.randint(0, classes, size)
  logits = rng.randn(size, classes) * math.sqrt(sharpness)
  logits[np.arange(size), true] += sharpness
  probabilities = np.exp(logits)
  probabilities /= probabilities.sum(1, keepdims=True)
  u = rng.rand(size, 1)
  labels = (u > np.cumsum(noise[true], 1)).sum(1)
  return labels, true, probabilities


def uniform(classes, ratio):
  return (1 - ratio) * np.eye(classes) + ratio / classes


def pairs(classes, ratio):
  """Every class is taken for the next one."""
  return (1 - ratio) * np.eye(classes) + ratio * np.eye(classes)[
    (np.arange(classes) + 1) % classes
  ]
