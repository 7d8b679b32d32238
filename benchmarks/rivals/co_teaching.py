"""Co-teaching: two networks, each taught by what the other finds easy.

Source: Han et al., NeurIPS 2018, Algorithm 1. In every batch each network
keeps the share R(T) of the samples whose losses are smallest and hands them to
the other, which steps on their mean loss. From 1 - R = 0 the share that is
forgotten rises linearly to the noise rate tau over the first T_k epochs. (The
released code divides the mean by the number of samples once more; here it does
not.) The first network is the result, after its last step.

Passes: 2, a forward and a backward pass of both networks. The estimate of
tau adds 0.4.

Hyper-parameters: T_k = 10 epochs, the paper's for CIFAR-10 (of 200). It is not
scaled to the length of the training: after a twentieth of a short one the
networks have learned too little to choose (80 % noise on digits: 0.75 in place
of 0.85). tau is the noise rate. The authors give the true one, and so it is for
`co_teaching_oracle`, from the clean labels, which is no fair rival.
`co_teaching` is told nothing and estimates it: two networks are trained
plainly for 0.4 of the epochs, each on half of the examples, and label the other
half; tau is the mean of 1 - label_score of `fsr_jax.find_label_issues`.
"""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import plain
from benchmarks.rivals.protocol import Net, Result, Rival, Trial
from fsr_jax.label_issues import find_label_issues
from fsr_jax.maths import losses

_GRADUAL = 10  # T_k, epochs.
_ESTIMATE = 0.4  # Of the training, for the estimate of tau.


def forget_rate(epochs, tau: float):
  """1 - R(T) after T epochs."""
  return tau * jnp.minimum(epochs / _GRADUAL, 1.0)


def smallest(loss: jax.Array, rate) -> jax.Array:
  """Weights of the samples that are kept, 1 over their number.

  Args:
    loss: float32 [B].
    rate: share that is forgotten, 0-1; one sample is kept at least.

  Returns:
    float32 [B], sum 1.
  """
  size = loss.shape[0]
  # A rate of 0.1 must forget 10 of 100, whatever float32 makes of 0.9 * 100.
  kept = jnp.maximum(jnp.floor((1 - rate) * size + 1e-3), 1)
  rank = jnp.argsort(jnp.argsort(loss))
  return jnp.where(rank < kept, 1 / kept, 0.0)


def step_of(trial: Trial, tau: float):
  """A step of both networks: (pair of Net, Batch, number) -> pair of Net."""

  def step(nets, batch, number):
    target = losses.one_hot(batch.label, trial.num_classes)
    rate = forget_rate(number / trial.steps_per_epoch, tau)
    kept = []
    for net in nets:
      logits, _, _ = trial.forward(net, batch.image, train=True)
      kept.append(smallest(losses.cross_entropy(logits, target), rate))

    def taught(net, weights):
      def loss(logits, features):
        return jnp.sum(weights * losses.cross_entropy(logits, target)), None

      return trial.update(net, batch.image, loss)[0]

    return taught(nets[0], kept[1]), taught(nets[1], kept[0])

  return step


def train_with(trial: Trial, tau: float) -> Net:
  """The first network, after its last step."""
  run = trial.compiled(step_of(trial, tau))
  nets = (trial.create(0), trial.create(1))
  for epoch in range(trial.num_epochs):
    nets = run(nets, epoch)
  return nets[0]


def estimated_noise_rate(trial: Trial) -> float:
  """Share of the labels that are wrong, as far as a rival can tell."""
  rng = np.random.default_rng(trial.seed)
  order = rng.permutation(trial.num_examples)
  halves = order[::2], order[1::2]
  probs = np.zeros((trial.num_examples, trial.num_classes), np.float32)
  short = plain.short_trainer(trial, rng, _ESTIMATE)
  for own, other in (halves, halves[::-1]):
    logits, _ = short(own)
    probs[other] = jax.nn.softmax(logits[other])
  issues = find_label_issues(trial.data.train.label, probs)
  return float(np.mean(1 - issues["label_score"]))


def train(trial: Trial) -> Result:
  """With an estimate of the noise rate."""
  net = train_with(trial, estimated_noise_rate(trial))
  return trial.result(net, 2.0 + _ESTIMATE)


def train_oracle(trial: Trial) -> Result:
  """Told the true noise rate; 0 where no label was changed."""
  split = trial.data.train
  right = split.label if split.clean_label is None else split.clean_label
  net = train_with(trial, float(np.mean(split.label != right)))
  return trial.result(net, 2.0)


RIVALS = {
  "co_teaching": Rival(train),
  "co_teaching_oracle": Rival(train_oracle),
}
