"""PENCIL: label distributions that are learned along with the network.

Source: Yi & Wu, CVPR 2019, section 3 and Algorithm 1. Every example has
y~ float [C], which starts at 10 times its one-hot label, and the label
distribution y^d = softmax(y~). Three stages:

    1. the network learns the given labels, by cross entropy;
    2. it and the y~ descend on L_c / C + alpha L_o + beta L_e / C,
         L_c = KL(f || y^d)            (eq. 4)
         L_o = -log y^d at the label   (eq. 8)
         L_e = entropy of f            (eq. 9)
       y~ with a step of its own, lambda;
    3. y~ stays, the network descends on L_c / C.

Passes: 1.

Hyper-parameters: the paper's for CIFAR-10: alpha = 0.1 and beta = 0.8, those of
symmetric noise, lambda = 300, that of 30 % of it (it has others for other kinds
and rates of noise; neither is told); stages of 70, 130 and 120 of 320 epochs,
as the same shares of the training. An example comes by once an epoch: lambda is
multiplied by 320 over the number of epochs. A sample's gradient keeps the share
of 1/128 that it has in their batches.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.rivals.protocol import Net, Result, Rival, Trial
from fsr_jax.maths import losses

_ALPHA, _BETA, _LAMBDA, _START = 0.1, 0.8, 300.0, 10.0
_EPOCHS, _BATCH = 320, 128
_STAGES = 70 / _EPOCHS, 200 / _EPOCHS  # Ends of the first two.


class Carry(NamedTuple):
  """The network and y~, float32 [N, C]."""

  net: Net
  table: jax.Array


def divergence(logits: jax.Array, table: jax.Array) -> jax.Array:
  """L_c = KL(f || softmax(y~)), float32 [B], nats."""
  log_p = jax.nn.log_softmax(logits)
  return jnp.sum(jnp.exp(log_p) * (log_p - jax.nn.log_softmax(table)), -1)


def correction_loss(
  logits: jax.Array, table: jax.Array, target: jax.Array
) -> jax.Array:
  """The loss of the second stage.

  Args:
    logits: float32 [B, C].
    table: y~, float32 [B, C].
    target: float32 [B, C], one-hot given labels.

  Returns:
    float32 [B], nats.
  """
  num_classes = logits.shape[-1]
  compatibility = losses.cross_entropy(table, target)
  entropy = losses.cross_entropy(logits, jax.nn.softmax(logits))
  return (
    divergence(logits, table) / num_classes
    + _ALPHA * compatibility
    + _BETA * entropy / num_classes
  )


def step_of(trial: Trial):
  """A step: (Carry, Batch, number) -> Carry."""
  total = trial.num_epochs * trial.steps_per_epoch
  rate = _LAMBDA * _EPOCHS / trial.num_epochs / _BATCH

  def step(carry, batch, number):
    target = losses.one_hot(batch.label, trial.num_classes)
    table, share = carry.table[batch.index], number / total
    first, second = share < _STAGES[0], share < _STAGES[1]

    def sample_loss(logits, table):
      fixed = divergence(logits, table) / trial.num_classes
      corrected = jnp.where(
        second, correction_loss(logits, table, target), fixed
      )
      return jnp.where(first, losses.cross_entropy(logits, target), corrected)

    def loss(logits, features):
      slope = jax.grad(lambda t: jnp.sum(sample_loss(logits, t)))(table)
      return jnp.mean(sample_loss(logits, table)), jax.lax.stop_gradient(slope)

    net, slope = trial.update(carry.net, batch.image, loss)
    moves = jnp.where(second, rate, 0.0)  # The first stage has no slope.
    return Carry(net, carry.table.at[batch.index].add(-moves * slope))

  return step


def train(trial: Trial) -> Result:
  """The three stages."""
  run = trial.compiled(step_of(trial))
  table = _START * jax.nn.one_hot(trial.train.label, trial.num_classes)
  carry = Carry(trial.create(), table)
  for epoch in range(trial.num_epochs):
    carry = run(carry, epoch)
  return trial.result(carry.net, 1.0)


RIVALS = {"pencil": Rival(train)}
