"""Plain training, of which several methods are made."""

import jax.numpy as jnp
import numpy as np

from benchmarks.rivals.protocol import Net, Trial
from fsr_jax.maths.losses import cross_entropy
from fsr_jax.maths.mixup import mix


def train_net(trial: Trial) -> Net:
  """The network after all epochs of cross entropy on the labels as they are,
  with MixUp where the options have it."""

  def step(net, batch, number):
    del number

    def loss(logits, features):
      del features
      target = mix(batch.target, batch.label_coefficient)
      return jnp.mean(cross_entropy(logits, target)), None

    return trial.update(net, batch.image, loss)[0]

  run, net = trial.compiled(step), trial.create()
  for epoch in range(trial.num_epochs):
    net = run(net, epoch)
  return net


def logits_after(trial: Trial, members: np.ndarray, epochs: int) -> np.ndarray:
  """Of all training examples, after a shorter training on some of them.

  Args:
    trial: Trial.
    members: int [m], those.
    epochs: of the shorter training; its rise of the learning rate takes the
      same share of it.

  Returns:
    float32 [N, C].
  """
  before = trial.options.optimization.lr_warmup_epochs
  some = trial.among(members).with_options(
    "optimization",
    num_epochs=epochs,
    lr_warmup_epochs=round(before * epochs / trial.num_epochs),
  )
  return trial.outputs(train_net(some), "train")[0]
