"""Iterative noisy cross-validation (INCV, "Iterative-CV").

Source: Chen et al., ICML 2019, "Understanding and Utilizing Deep Neural Networks
Trained with Noisy Labels". Networks that are trained on one half of the
candidates say which labels of the other half are right, those that they
predict, and which are wrong, those with the largest losses (Algorithm 2). In
four rounds the selected ones grow and the candidates become fewer. Two networks
then teach each other (Co-teaching) on the selected ones, later joined by what
is left of the candidates (Algorithm 3).

Cost: eight short trainings, on half of the candidates and the selected ones,
and two networks for as long as plain training: about 3 passes.
Hyper-parameters: a short training has a quarter of the epochs, candidates join
after a fifth, the forget rate rises for a twentieth of the training: the
authors' code for CIFAR-10. Told to it: labels alone; the share of wrong ones is
estimated by section 3's law of cross-validation on uniform noise.
Differs: the authors tell it whether the noise is uniform, and remove nobody
where it is not; here it is treated as uniform always.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import plain, subset
from benchmarks.rivals.protocol import Result, Rival, Trial
from fsr_jax.maths.losses import cross_entropy, one_hot

_ROUNDS, _SHORT, _JOIN, _RISE = 4, 50 / 200, 40 / 200, 10 / 200
# Removed at most so many times as are selected; candidates of a batch.
_MOST_REMOVED, _MOST_CANDIDATES = 2.0, 0.5


class Selection(NamedTuple):
  """Of all examples.

  Attributes:
    selected: bool [N], labels that are taken to be right.
    candidate: bool [N], those about which nothing was decided.
    noise: estimated share of wrong labels, 0-1.
  """

  selected: np.ndarray
  candidate: np.ndarray
  noise: float


def noise_ratio(agreement: float, num_classes: int) -> float:
  """Share e of wrong labels if predictions of a network trained on others agree
  with the labels so often: (1 - e)^2 + e^2 / (C - 1), eq. 4.

  Returns:
    The smaller solution, in 0 to (C - 1) / C, where agreement is chance.
  """
  rest = max(0.0, (agreement * num_classes - 1) / (num_classes - 1))
  return (num_classes - 1) / num_classes * (1 - rest**0.5)


def noise_of_selected(noise: float, num_classes: int) -> float:
  """Share of wrong labels among those that were predicted, eq. 5."""
  wrong = noise**2
  return wrong / (wrong + (num_classes - 1) * (1 - noise) ** 2)


def judge(
  logits: np.ndarray, label: np.ndarray, noise: float | None
) -> tuple[np.ndarray, np.ndarray, float]:
  """What one half of the candidates is, by the network of the other half.

  Args:
    logits: float [n, C].
    label: int [n].
    noise: share of wrong labels, None where it is still to be estimated.

  Returns:
    (bool [n], selected: the label is predicted; bool [n], removed: the largest
    losses, e / (1 - e) times as many as selected; e).
  """
  selected = logits.argmax(-1) == label
  if noise is None:
    noise = noise_ratio(float(selected.mean()), logits.shape[-1])
  count = int(min(_MOST_REMOVED, noise / (1 - noise)) * selected.sum())
  loss = -jax.nn.log_softmax(logits)[np.arange(len(label)), label]
  removed = np.zeros(len(label), bool)
  removed[np.argsort(-loss, kind="stable")[:count]] = True
  return selected, removed & ~selected, noise


def select(trial: Trial) -> tuple[Selection, float]:
  """Algorithm 2; (Selection, passes that it took)."""
  rng, label = np.random.default_rng(trial.seed), np.asarray(trial.train.label)
  selected = np.zeros(len(label), bool)
  candidate, noise, seen = ~selected, None, 0
  short = max(1, round(_SHORT * trial.num_epochs))
  for _ in range(_ROUNDS):
    halves = np.array_split(rng.permutation(np.flatnonzero(candidate)), 2)
    before = np.flatnonzero(selected)
    for own, other in (halves, halves[::-1]):
      if not len(other):
        continue
      members = np.concatenate([before, own])
      seen += len(members)
      logits = _trained_on(trial, members, short)
      good, bad, noise = judge(logits[other], label[other], noise)
      selected[other[good]] = True
      candidate[other[good | bad]] = False
  passes = seen * short / (len(label) * trial.num_epochs)
  return Selection(selected, candidate, noise), passes


def _trained_on(trial: Trial, members: np.ndarray, epochs: int) -> np.ndarray:
  """Logits [N, C] for all examples after a short plain training on some."""
  optimization = trial.options.optimization
  rise = round(optimization.lr_warmup_epochs * epochs / trial.num_epochs)
  some = trial.among(members).with_options(
    "optimization", num_epochs=epochs, lr_warmup_epochs=rise
  )
  some = dataclasses.replace(some, statistics=trial.statistics)
  return trial.outputs(plain.train_net(some), "train")[0]


def exchanged(loss: jax.Array, keep: jax.Array) -> jax.Array:
  """Weights of Co-teaching: each network learns what the other finds easy.

  Args:
    loss: float [2, b], of both networks; infinite where a row is not used.
    keep: int, how many of the smallest losses are learned from.

  Returns:
    float [2, b], 1 / keep or 0.
  """
  rank = jnp.argsort(jnp.argsort(loss, 1), 1)
  return (rank < keep)[::-1] / keep


def train(trial: Trial) -> Result:
  """Selection, then Co-teaching on it; the first network predicts."""
  found, passes = select(trial)
  chosen, left = map(np.flatnonzero, (found.selected, found.candidate))
  steps, size = trial.steps_per_epoch, trial.batch_size
  extra = int(min(_MOST_CANDIDATES, len(left) / max(1, len(chosen))) * size)

  def step(carry, batch, number):
    del number
    nets, keep, joined = carry
    target = one_hot(batch.label, trial.num_classes)
    used = joined | (jnp.arange(len(batch.label)) < size)

    def losses(net):
      logits, *_ = trial.forward(net, batch.image, train=True)
      return jnp.where(used, cross_entropy(logits, target), jnp.inf)

    weights = exchanged(jnp.stack([losses(net) for net in nets]), keep)

    def updated(net, weights):
      def loss(logits, features):
        del features
        return jnp.sum(weights * cross_entropy(logits, target)), None

      return trial.update(net, batch.image, loss)[0]

    return tuple(map(updated, nets, weights)), keep, joined

  rng = np.random.default_rng(trial.seed + 1)
  forget = noise_of_selected(found.noise, trial.num_classes)
  run, nets = trial.compiled(step), (trial.create(), trial.create(1))
  rise, join = (share * trial.num_epochs for share in (_RISE, _JOIN))
  for epoch in range(trial.num_epochs):
    batches = subset.batches(rng, chosen, steps, size)
    if extra:
      others = subset.batches(rng, left, steps, extra)
      batches = np.concatenate([batches, others], 1)
    keep = round(size * (1 - forget * min(1, epoch / rise)))
    nets, *_ = run((nets, keep, epoch > join), epoch, batches)
  both = 2 * (1 + extra / size * (1 - _JOIN))
  return trial.result(nets[0], passes + both)


RIVALS = {"incv": Rival(train)}
