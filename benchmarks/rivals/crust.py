"""Coresets for robust training (CRUST).

Source: Mirzasoleiman, Cao & Leskovec, NeurIPS 2020, "Coresets for Robust
Training of Deep Neural Networks against Noisy Labels". Before every epoch the
gradients of all losses with respect to the last layer's input are taken, and in
every labelled class the half of the examples is chosen that are the medoids of
these gradients (greedy facility location, section 3.2, Algorithm 1). The epoch
is over these alone; each counts as often as the cluster is large of which it is
the medoid, and is mixed with a random example of the same label (section 3.3).

Cost: plain training, a forward pass over the training set an epoch, and the
distances of all pairs in every class, quadratic in its size, on the host.
Hyper-parameters: half of every class, after 5 of 120 epochs, shares of a mix
from Beta(1, 0.1): the authors' code for CIFAR-10. Told to it: labels alone.
Differs: a chosen half is passed twice an epoch, so that steps, schedule and cost
are plain training's; cluster sizes as in Algorithm 1, while the authors' code
counts the examples within a radius so large that all are.
"""

import heapq

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import subset
from benchmarks.rivals.protocol import Result, Rival, Trial
from fsr_jax.maths.losses import cross_entropy, one_hot

_SHARE, _WARMUP, _BETA = 0.5, 5 / 120, (1.0, 0.1)


def distances(gradient: np.ndarray) -> np.ndarray:
  """float32 [n, n], Euclidean, between the rows of `gradient` [n, F]."""
  length = np.square(gradient).sum(1)
  square = gradient @ gradient.T
  square *= -2
  square += length
  square += length[:, None]
  np.maximum(square, 0, out=square)
  np.fill_diagonal(square, 0)
  return np.sqrt(square, out=square)


def medoids(distance: np.ndarray, size: int) -> np.ndarray:
  """Greedy facility location, Algorithm 1.

  Args:
    distance: float [n, n], symmetric.
    size: how many, at most n.

  Returns:
    int [size], in the order in which they are chosen: each makes the sum over
    all i of max over the chosen j of (d_max - d_ij) as large as it can.
  """
  near = distance.max() - distance
  covered = np.zeros(len(near), near.dtype)
  # Gains only fall: the one that is still the largest after it was computed
  # anew is the largest of all.
  gains = [(-gain, j) for j, gain in enumerate(near.sum(1).tolist())]
  heapq.heapify(gains)
  chosen: list[int] = []
  while len(chosen) < size:
    j = gains[0][1]
    gain = float(np.maximum(near[j] - covered, 0).sum())
    heapq.heapreplace(gains, (-gain, j))
    if gains[0][1] == j:
      heapq.heappop(gains)
      chosen.append(j)
      np.maximum(covered, near[j], out=covered)
  return np.array(chosen, int)


def cluster_sizes(distance: np.ndarray, chosen: np.ndarray) -> np.ndarray:
  """int [size]: examples of which each medoid is the closest, Algorithm 1."""
  return np.bincount(distance[:, chosen].argmin(1), minlength=len(chosen))


def coreset(
  gradient: np.ndarray, label: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
  """(int [m], examples; float32 [N], cluster size of each, 0 if not chosen)."""
  chosen, weight = [], np.zeros(len(label), np.float32)
  for c in np.unique(label):
    own = np.flatnonzero(label == c)
    distance = distances(gradient[own])
    of_class = medoids(distance, max(1, int(share * len(own))))
    weight[own[of_class]] = cluster_sizes(distance, of_class)
    chosen.append(own[of_class])
  return np.concatenate(chosen), weight


def companions(rng: np.random.Generator, label: np.ndarray) -> np.ndarray:
  """int [N]: for every example a random one with the same label."""
  found = np.empty(len(label), int)
  for c in np.unique(label):
    own = np.flatnonzero(label == c)
    found[own] = rng.choice(own, len(own))
  return found


def train(trial: Trial) -> Result:
  """Epochs of weighted medoids, after a few of plain training."""

  def step(carry, batch, number):
    net, weight = carry
    half = len(batch.index) // 2  # The second half is mixed into the first.
    mix = jax.random.beta(trial.key(number), *_BETA)
    image = mix * batch.image[:half] + (1 - mix) * batch.image[half:]
    weights = weight[batch.index[:half]]

    def loss(logits, features):
      del features
      target = one_hot(batch.label[:half], trial.num_classes)
      losses = cross_entropy(logits, target)
      return jnp.sum(weights * losses) / jnp.sum(weights), None

    return trial.update(net, image, loss)[0], weight

  rng, label = np.random.default_rng(trial.seed), np.asarray(trial.train.label)
  run, net = trial.compiled(step), trial.create()
  warmup = max(1, round(_WARMUP * trial.num_epochs))
  for epoch in range(trial.num_epochs):
    weight, other = np.ones(len(label), np.float32), np.arange(len(label))
    batches = trial.batches(epoch)
    if epoch >= warmup:
      logits, _ = trial.outputs(net, "train")
      wrong = jax.nn.softmax(logits) - np.eye(trial.num_classes)[label]
      kernel = np.asarray(net.params["head"]["linear"]["kernel"])
      gradient = np.asarray(wrong @ kernel.T, np.float32)
      chosen, weight = coreset(gradient, label, _SHARE)
      batches = subset.batches(rng, chosen, *batches.shape)
      other = companions(rng, label)
    # Without a coreset an example is mixed with itself, which changes nothing.
    both = np.concatenate([batches, other[batches]], 1)
    net, _ = run((net, weight), epoch, both.astype(np.int32))
  return trial.result(net, 1 + (trial.num_epochs - warmup) / trial.num_epochs / 3)


RIVALS = {"crust": Rival(train)}
