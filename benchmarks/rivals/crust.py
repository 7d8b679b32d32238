"""CRUST: training on half of every class, chosen by gradients.

Source: Mirzasoleiman, Cao & Leskovec, NeurIPS 2020, "Coresets for Robust
Training of Deep Neural Networks against Noisy Labels". Before every epoch the
gradients of all losses for the last layer's input are taken, and some examples
of every labelled class are chosen by how far these are from each other; the
epoch is over them, each mixed with a random example of the same label.

`crust` chooses as the authors' code does: those whose distances to their whole
class are the smallest in sum, all with the same weight. Algorithm 1 asks for
something else: greedily, those that are closest to all others together (the
medoids of a facility location), each weighted by the size of its cluster. The
code is to do that, but compares the totals of grown sets with those of single
examples, so that the first order stands. `crust_greedy` is Algorithm 1 as
written. Wrong labels have gradients far from all others, so it takes more of
them than there are, and is no better than plain training.

Passes: 1.3, a forward pass over the training set before every epoch. Besides,
all distances in a class on the host, quadratic in its size.

Hyper-parameters: half of every class after 5 of 120 epochs, shares of a mix
from Beta(1, 0.1), the authors' code for CIFAR-10. The noise rate is not told.
Differs: there an epoch is half as long; here the chosen half is passed twice,
so that the schedule and the cost are those of plain training.
"""

import functools
import heapq

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import subset
from benchmarks.rivals.protocol import Result, Rival, Trial
from fsr_jax.maths.losses import cross_entropy, one_hot

_SHARE, _WARMUP, _BETA = 0.5, 5 / 120, (1.0, 0.1)
_ROWS = 500


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
  """float [m, n], Euclidean, of the rows of x [m, F] from those of y [n, F]."""
  square = x @ y.T
  square *= -2
  square += np.square(y).sum(1)
  square += np.square(x).sum(1)[:, None]
  np.maximum(square, 0, out=square)
  return np.sqrt(square, out=square)


def central(gradient: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
  """What the authors' code chooses of [n, F]: (int [size], weights, all 1)."""
  # In parts that fit into a processor's cache: four times as fast.
  parts = np.array_split(gradient, -(-len(gradient) // _ROWS))
  total = np.concatenate([distances(x, gradient).sum(1) for x in parts])
  return np.argsort(total, kind="stable")[:size], np.ones(size, np.float32)


def medoids(gradient: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
  """Greedy facility location, Algorithm 1.

  Args:
    gradient: float [n, F].
    size: how many, at most n.

  Returns:
    int [size], each the one that lowers most the sum of all distances to the
    closest that is chosen (to d_max where there is none); float32 [size], of
    how many it is the closest.
  """
  distance = distances(gradient, gradient)
  np.fill_diagonal(distance, 0)
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
  closest = distance[:, chosen].argmin(1)
  return np.array(chosen), np.bincount(closest, minlength=size).astype(
    np.float32
  )


def coreset(
  gradient: np.ndarray, label: np.ndarray, choose
) -> tuple[np.ndarray, np.ndarray]:
  """(int [m], half of every class; float32 [N], weights, 0 if not chosen)."""
  chosen, weight = [], np.zeros(len(label), np.float32)
  for c in np.unique(label):
    own = np.flatnonzero(label == c)
    size = max(1, int(_SHARE * len(own)))
    some, weights = choose(gradient[own], size)
    weight[own[some]] = weights
    chosen.append(own[some])
  return np.concatenate(chosen), weight


def train(trial: Trial, choose) -> Result:
  """Epochs over the coreset, after a few over all."""

  def step(carry, batch, number):
    net, weight = carry
    half = len(batch.index) // 2  # The second half is mixed into the first.
    share = jax.random.beta(trial.key(number), *_BETA)
    image = share * batch.image[:half] + (1 - share) * batch.image[half:]
    weights = weight[batch.index[:half]]

    def loss(logits, features):
      target = one_hot(batch.label[:half], trial.num_classes)
      losses = cross_entropy(logits, target)
      return jnp.sum(weights * losses) / jnp.sum(weights), None

    return trial.update(net, image, loss)[0], weight

  rng, label = np.random.default_rng(trial.seed), trial.data.train.label
  run, net = trial.compiled(step), trial.create()
  warmup = max(1, round(_WARMUP * trial.num_epochs))
  for epoch in range(trial.num_epochs):
    batches, weight = trial.batches(epoch), np.ones(len(label), np.float32)
    other = np.arange(len(label))  # Mixed with itself nothing changes.
    if epoch >= warmup:
      logits, _ = trial.outputs(net, "train")
      slope = jax.nn.softmax(logits) - np.eye(trial.num_classes)[label]
      gradient = slope @ net.params["head"]["linear"]["kernel"].T
      chosen, weight = coreset(np.asarray(gradient), label, choose)
      batches = subset.batches(rng, chosen, *batches.shape)
      other = subset.companions(rng, label)
    both = np.concatenate([batches, other[batches]], 1)
    net, _ = run((net, weight), epoch, both)
  return trial.result(net, 1 + (1 - warmup / trial.num_epochs) / 3)


RIVALS = {
  "crust": Rival(functools.partial(train, choose=central)),
  "crust_greedy": Rival(functools.partial(train, choose=medoids)),
}
