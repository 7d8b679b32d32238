"""D2L: dimensionality-driven learning.

Source: Ma et al., ICML 2018, "Dimensionality-Driven Learning with Noisy
Labels", Algorithm 1. The local intrinsic dimensionality (LID) of the last
block's features falls while a network learns what is common, and rises when it
begins to learn labels by heart. In the first epoch of a rise the network goes
back to what it was an epoch before; from then on the target is a mixture of the
label and of the class that is predicted, and the label's share falls with time
and with LID.

Passes: 1, and a forward pass over 1,280 examples an epoch.

Hyper-parameters: the authors' code for CIFAR-10: LID among k = 20 neighbours in
a batch of 128, mean of ten batches; a rise is more than two standard deviations
above the mean of the five epochs before, looked for after 10 of 120 epochs and
those. Both spans are the same shares of the training here, but the window is
three epochs at least. Not told: the noise rate.
"""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals.protocol import Result, Rival, Trial
from fsr_jax.data.images import augment
from fsr_jax.maths.losses import cross_entropy, one_hot

_NEIGHBOURS, _BATCH, _BATCHES = 20, 128, 10
_FIRST, _WINDOW = 10 / 120, 5 / 120


def dimensionality(features: jax.Array, neighbours: int) -> jax.Array:
  """LID of every row among the others, by maximum likelihood.

  Args:
    features: float [b, ...].
    neighbours: k, 2 to b - 1.

  Returns:
    float [b]: -1 / (mean over the k nearest of log(r_i / r_k)).
  """
  x = features.reshape(len(features), -1)
  square = jnp.sum(jnp.square(x[:, None] - x), -1)
  square = jnp.where(jnp.eye(len(x), dtype=bool), jnp.inf, square)
  nearest = -jax.lax.top_k(-square, neighbours)[0]
  # Duplicates are at distance 0.
  log_r = jnp.log(jnp.maximum(nearest, 1e-12)) / 2
  mean = jnp.mean(log_r - log_r[:, -1:], 1)
  return -1 / jnp.minimum(mean, -1e-6)


def rises(history: list[float], first: int, window: int) -> bool:
  """Whether the last LID is well above those before it.

  Args:
    history: LID at the start of every epoch so far.
    first: epochs before the window may begin.
    window: epochs that the last one is compared with.
  """
  *before, last = history
  if len(before) < first + window:
    return False
  compared = before[-window:]
  return bool(last - np.mean(compared) > 2 * np.std(compared))


def label_share(history: list[float], progress: float) -> float:
  """alpha = exp(-i/T LID_i / min LID).

  Args:
    history: LID of all epochs, the last one is of now.
    progress: i/T, share of the training done, 0-1.
  """
  return float(np.exp(-progress * history[-1] / min(history)))


def paced_targets(
  logits: jax.Array, label: jax.Array, share: jax.Array
) -> jax.Array:
  """alpha y + (1 - alpha) y-hat, of the label and the class predicted.

  Args:
    logits: float [b, C].
    label: int32 [b].
    share: alpha, 0-1.

  Returns:
    float32 [b, C].
  """
  num_classes = logits.shape[-1]
  said = one_hot(jnp.argmax(logits, -1), num_classes)
  return share * one_hot(label, num_classes) + (1 - share) * said


def train(trial: Trial) -> Result:
  """Plain training until LID rises, then mixed targets."""

  def step(carry, batch, number):
    del number
    net, share = carry

    def loss(logits, features):
      del features
      target = paced_targets(logits, batch.label, share)
      return jnp.mean(cross_entropy(logits, target)), None

    return trial.update(net, batch.image, loss)[0], share

  @jax.jit
  def mean_dimensionality(net, statistics, image):
    def one(image):
      image = augment.normalize(image, *statistics)
      features = trial.forward(net, image, train=False)[1]
      return dimensionality(features, _NEIGHBOURS)

    return jnp.mean(jax.lax.map(one, image))

  rng, size = np.random.default_rng(trial.seed), min(_BATCH, trial.num_examples)
  first = round(_FIRST * trial.num_epochs)
  window = max(3, round(_WINDOW * trial.num_epochs))
  run, net, share = trial.compiled(step), trial.create(), 1.0
  history, before, paced = [], net, False
  for epoch in range(trial.num_epochs):
    some = [
      rng.choice(trial.num_examples, size, replace=False)
      for _ in range(_BATCHES)
    ]
    assert trial.train.image is not None
    image = trial.train.image[np.stack(some)]
    history.append(float(mean_dimensionality(net, trial.statistics, image)))
    if not paced and rises(history, first, window):
      # Parameters alone, as in the authors' code: the schedule goes on.
      net = net._replace(params=before.params, batch_stats=before.batch_stats)
      paced = True
    if paced:
      share = label_share(history, epoch / trial.num_epochs)
    before = net
    net, _ = run((net, np.float32(share)), epoch)
  forward = _BATCHES * size / (3 * trial.num_examples)
  return trial.result(net, 1 + forward)


RIVALS = {"d2l": Rival(train)}
