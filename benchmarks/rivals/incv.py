"""INCV, iterative noisy cross-validation, then Co-teaching ("Iterative-CV").

Source: Chen et al., ICML 2019, "Understanding and Utilizing Deep Neural
Networks Trained with Noisy Labels". A network that was trained on one half of
the candidates selects, in the other half, the labels that it predicts and
removes those with the largest losses; in four rounds the selected become more
and the candidates fewer (Algorithm 2). Then two networks teach each other
(co_teaching.py) on the selected, later joined by the candidates that are left
(Algorithm 3). The first network is the result, after its last step.

Passes: about 3.5, those of two networks, and of eight short trainings on the
selected and half of the candidates.

Hyper-parameters: the authors' code for CIFAR-10, as the same shares of its 200
epochs: 50 a short training, candidates join after 40, the forget rate rises for
10. The noise rate is not told but estimated from how often labels are
predicted, by the paper's law for uniform noise. The kind of noise is not told
either, as it is there: it is taken for uniform. Differs: the second stage has
as many steps as plain training, fewer examples are seen more often.
"""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import plain, subset
from benchmarks.rivals.co_teaching import smallest
from benchmarks.rivals.protocol import Result, Rival, Trial
from fsr_jax.maths.losses import cross_entropy, one_hot

_ROUNDS, _SHORT, _JOIN, _RISE = 4, 50 / 200, 40 / 200, 10 / 200
# Removed over selected; candidates over selected in a batch.
_MOST_REMOVED, _MOST_CANDIDATES = 2.0, 0.5


def noise_rate(agreement: float, num_classes: int) -> float:
  """Share e of wrong labels if a network that was trained on others predicts
  the labels so often: the smaller root of (1 - e)^2 + e^2 / (C - 1) = agreement
  (Claim 1); (C - 1) / C, all are chance, if agreement is below 1 / C."""
  rest = max(0.0, (agreement * num_classes - 1) / (num_classes - 1))
  return (num_classes - 1) / num_classes * (1 - rest**0.5)


def rate_of_selected(rate: float, num_classes: int) -> float:
  """Share of wrong labels among those that are predicted: label and prediction
  are wrong alike with probability e^2 / (C - 1), right with (1 - e)^2."""
  wrong = rate**2
  return wrong / (wrong + (num_classes - 1) * (1 - rate) ** 2)


def judge(
  logits: np.ndarray, label: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
  """What one half of the candidates is, by the network of the other half.

  Args:
    logits: float [n, C].
    label: int [n].
    rate: share e of wrong labels.

  Returns:
    bool [n], selected: the label is predicted; bool [n], removed: the largest
    losses, e / (1 - e) times as many, at most twice.
  """
  selected = logits.argmax(-1) == label
  count = int(min(_MOST_REMOVED, rate / (1 - rate)) * selected.sum())
  target = jax.nn.one_hot(label, logits.shape[-1])
  loss = np.asarray(cross_entropy(jnp.asarray(logits), target))
  removed = np.zeros(len(label), bool)
  removed[np.argsort(-loss, kind="stable")[:count]] = True
  return selected, removed & ~selected


def select(trial: Trial) -> tuple[np.ndarray, np.ndarray, float, float]:
  """Algorithm 2.

  Returns:
    int [s], selected; int [c], candidates left; share of wrong labels in the
    whole; passes that it took.
  """
  rng, label = np.random.default_rng(trial.seed), trial.data.train.label
  selected, rate, seen = np.zeros(len(label), bool), -1.0, 0
  candidate, short = ~selected, plain.short_trainer(trial, rng, _SHORT)
  for _ in range(_ROUNDS):
    halves = np.array_split(rng.permutation(np.flatnonzero(candidate)), 2)
    before = np.flatnonzero(selected)
    for own, other in (halves, halves[::-1]):
      members = np.concatenate([before, own])
      logits, epochs = short(members)
      logits, seen = logits[other], seen + epochs
      if rate < 0:  # Estimated once, by the first half.
        agreement = np.mean(logits.argmax(-1) == label[other])
        rate = noise_rate(float(agreement), trial.num_classes)
      good, bad = judge(logits, label[other], rate)
      selected[other[good]] = True
      candidate[other[good | bad]] = False
  chosen, left = map(np.flatnonzero, (selected, candidate))
  return chosen, left, rate, seen / trial.num_epochs


def train(trial: Trial) -> Result:
  """Selection, then Algorithm 3."""
  chosen, left, rate, passes = select(trial)
  rows = trial.batches(0).shape
  most = min(_MOST_CANDIDATES, len(left) / len(chosen))
  extra = int(most * trial.batch_size)
  total = trial.batch_size + extra

  def step(carry, batch, number):
    nets, kept, joined = carry
    target = one_hot(batch.label, trial.num_classes)
    used = joined | (jnp.arange(total) < trial.batch_size)

    def easy(net):
      logits, *_ = trial.forward(net, batch.image, train=True)
      losses = jnp.where(used, cross_entropy(logits, target), jnp.inf)
      return smallest(losses, 1 - kept / total)

    def taught(net, weights):
      def loss(logits, features):
        return jnp.sum(weights * cross_entropy(logits, target)), None

      return trial.update(net, batch.image, loss)[0]

    first, second = map(easy, nets)
    return (taught(nets[0], second), taught(nets[1], first)), kept, joined

  rng = np.random.default_rng(trial.seed + 1)
  forgotten = rate_of_selected(rate, trial.num_classes)
  run, nets = trial.compiled(step), (trial.create(), trial.create(1))
  for epoch in range(trial.num_epochs):
    batches, share = (
      subset.batches(rng, chosen, *rows),
      epoch / trial.num_epochs,
    )
    if extra:
      others = subset.batches(rng, left, rows[0], extra)
      batches = np.concatenate([batches, others], 1)
    kept = round(trial.batch_size * (1 - forgotten * min(1, share / _RISE)))
    nets, *_ = run((nets, kept, share > _JOIN), epoch, batches)
  # Candidates are passed forwards, to find the smallest losses.
  candidates = extra / trial.batch_size * (1 - _JOIN) / 3
  return trial.result(nets[0], passes + 2 * (1 + candidates))


RIVALS = {"incv": Rival(train)}
