"""Trials of a few noisy digits, and steps by hand."""

import numpy as np

from benchmarks.rivals import Net, Trial
from fsr_jax.config.validation import resolve_and_load
from tests import shrunk


def trial(**fields) -> Trial:
  """Of tests/shrunk.py's config without augmentation; plain training unless
  it says otherwise."""
  fields = {
    "method": "plain",
    "num_epochs": 3,
    "data__crop_padding": 0,
    "data__flip": False,
    **fields,
  }
  _, options, data = resolve_and_load(shrunk.config(**fields))
  return Trial.of(options.train, data, options.run.seed)


def head(net: Net) -> tuple[np.ndarray, np.ndarray]:
  """(kernel [F, C], bias [C]) of the linear layer."""
  linear = net.params["head"]["linear"]
  return np.asarray(linear["kernel"]), np.asarray(linear["bias"])


def head_after(
  trial: Trial, net: Net, index: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """`head` after the first step of SGD, by hand.

  Args:
    trial: Trial without augmentation.
    net: before it.
    index: int [B], the batch.
    slope: float [B, C], the gradient of the batch's loss with respect to the
      logits.
  """
  o = trial.options.optimization
  _, features = trial.outputs(net, "train")
  kernel, bias = head(net)
  gradient = features[index].T @ slope + o.weight_decay * kernel
  return (
    kernel - o.learning_rate * gradient,
    bias - o.learning_rate * (slope.sum(0) + o.weight_decay * bias),
  )


def softmax(logits: np.ndarray) -> np.ndarray:
  shifted = np.exp(logits - logits.max(-1, keepdims=True))
  return shifted / shifted.sum(-1, keepdims=True)


def one_hot(trial: Trial, index: np.ndarray) -> np.ndarray:
  """float [B, C], the given labels at `index`."""
  return np.eye(trial.num_classes)[trial.data.train.label[index]]


def assert_heads(found: Net, expected, tolerance: float = 1e-5) -> None:
  for a, b in zip(head(found), expected):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=tolerance)
