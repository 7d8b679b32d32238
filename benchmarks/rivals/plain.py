"""Plain training, of which several methods are made."""

from collections.abc import Callable
import functools

import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import subset
from benchmarks.rivals.protocol import Net, Trial
from fsr_jax.maths.losses import cross_entropy
from fsr_jax.maths.mixup import mix


def trainer(trial: Trial) -> Callable[..., Net]:
  """Cross entropy on the labels as they are, with MixUp where the options have
  it; compiled once.

  Args:
    trial: Trial.

  Returns:
    (batches) -> Net after all epochs; batches: epoch -> int32 [S, B], those of
    the trial unless given.
  """

  def step(net, batch, number):
    def loss(logits, features):
      target = mix(batch.target, batch.label_coefficient)
      return jnp.mean(cross_entropy(logits, target)), None

    return trial.update(net, batch.image, loss)[0]

  run = trial.compiled(step)

  def train(batches=trial.batches) -> Net:
    net = trial.create()
    for epoch in range(trial.num_epochs):
      net = run(net, epoch, batches(epoch))
    return net

  return train


def short_trainer(
  trial: Trial, rng: np.random.Generator, share: float
) -> Callable[[np.ndarray], tuple[np.ndarray, int]]:
  """Plain training on some of the examples, shorter than the whole.

  Args:
    trial: Trial.
    rng: draws the batches.
    share: of the trial's epochs, 0-1, as epochs over those examples.

  Returns:
    (int [m], which examples) -> (float32 [N, C], logits of all training
    examples; epochs of the whole set that have as many steps).
  """

  @functools.cache  # One compilation for each length, not for each training.
  def of_length(epochs):
    rise = trial.options.optimization.lr_warmup_epochs
    rise = rise * epochs // trial.num_epochs
    return trainer(
      trial.with_options(
        "optimization", num_epochs=epochs, lr_warmup_epochs=rise
      )
    )

  def train(index):
    epochs = share * trial.num_epochs * len(index) / trial.num_examples
    epochs = max(1, round(epochs))
    steps = trial.batches(0).shape
    net = of_length(epochs)(lambda epoch: subset.batches(rng, index, *steps))
    return trial.outputs(net, "train")[0], epochs

  return train
