"""Train state: everything that changes during a run, hence what is saved."""

from typing import Any

import flax
import jax
import jax.numpy as jnp
import optax

from fsr_jax.data import order
from fsr_jax.maths import dictionary, schedules, tables
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.models import Network


class TrainState(flax.struct.PyTreeNode):
  """The same on every device.

  Attributes:
    step: int32, training steps done.
    params: {"backbone", "head"}, Theta. Theta^meta is params["head"].
    batch_stats: running batch-norm statistics; {} without batch norm.
    opt_state: optax state, momentum buffers among it.
    ema_params, ema_batch_stats: their moving averages.
    tables: per-sample tables.
    dictionary: the trusted samples.
    zero_batches: int32, batches in which no sample helped (all weights 0).
  """

  step: jax.Array
  params: Any
  batch_stats: Any
  opt_state: Any
  ema_params: Any
  ema_batch_stats: Any
  tables: tables.Tables
  dictionary: Dictionary
  zero_batches: jax.Array


class Resident(flax.struct.PyTreeNode):
  """The training set on the device, the same on every one.

  Attributes:
    image: uint8 [N, H, W, channels].
    label: int32 [N], given labels.
    mean, std: float32 [channels], for normalisation.
  """

  image: jax.Array
  label: jax.Array
  mean: jax.Array
  std: jax.Array


def optimizer(config, steps_per_epoch: int) -> optax.GradientTransformation:
  """SGD with momentum and L2 weight decay under the config's schedule."""
  return optax.chain(
      optax.add_decayed_weights(config.weight_decay),
      optax.trace(decay=config.momentum),
      optax.scale_by_learning_rate(learning_rate(config, steps_per_epoch)),
  )


# name -> schedule(config, steps per epoch, steps after the warm-up).
SCHEDULES = {
    "cosine_restarts": lambda c, per_epoch, steps: schedules.cosine_restarts(
        c.learning_rate, steps, c.num_epochs - c.lr_warmup_epochs
    ),
    "cosine": lambda c, per_epoch, steps: schedules.cosine(
        c.learning_rate, steps
    ),
    "step": lambda c, per_epoch, steps: schedules.step_decay(
        c.learning_rate,
        per_epoch,
        [epoch - c.lr_warmup_epochs for epoch in c.lr_decay_epochs],
        c.lr_decay_factors,
    ),
}


def learning_rate(config, steps_per_epoch: int) -> schedules.Schedule:
  """step -> learning rate; the config's epochs count from the run's start."""
  warmup = config.lr_warmup_epochs * steps_per_epoch
  steps = config.num_epochs * steps_per_epoch - warmup
  after = SCHEDULES[config.schedule](config, steps_per_epoch, steps)
  return schedules.with_warmup(after, config.learning_rate, warmup)


def momentum_buffer(opt_state) -> Any:
  """The optimizer's momentum buffer, like params."""
  return optax.tree_utils.tree_get(opt_state, "trace")


def create(
    config, network: Network, tx: optax.GradientTransformation,
    data: Resident, num_classes: int,
) -> TrainState:
  """The state before the first step.

  Args:
    config: resolved.
    network: Network.
    tx: from `optimizer`.
    data: Resident.
    num_classes: C.

  Returns:
    TrainState with a random balanced dictionary (Algorithm 1, R_0).
  """
  params, batch_stats = network.init(
      order.stream(config.seed, order.INIT), data.image.shape[1:]
  )
  num_examples = data.label.shape[0]
  relabel = config.pseudo_loss_weight > 0
  random_score = jax.random.uniform(
      order.stream(config.seed, order.FIRST_DICTIONARY), (num_examples,)
  )
  return TrainState(
      step=jnp.zeros((), jnp.int32),
      params=params,
      batch_stats=batch_stats,
      opt_state=tx.init(params),
      # Copies: the compiled step donates its input, leaf by leaf.
      ema_params=jax.tree.map(jnp.copy, params),
      ema_batch_stats=jax.tree.map(jnp.copy, batch_stats),
      tables=tables.init(num_examples, num_classes, relabel),
      dictionary=fill(config, random_score, data, num_classes, 0),
      zero_batches=jnp.zeros((), jnp.int32),
  )


def fill(
    config, score: jax.Array, data: Resident, num_classes: int, epoch
) -> Dictionary:
  """The dictionary of the best scores (eq. 4), images copied un-augmented."""
  index = dictionary.select(
      score, data.label, config.dictionary_size, num_classes, epoch
  )
  return Dictionary(index, data.label[index], data.image[index])


def refill(
    state: TrainState, data: Resident, epoch: jax.Array, *, config,
    num_classes: int,
) -> TrainState:
  """End of an epoch: the dictionary from the scores so far, for `epoch`."""
  seen = state.tables.visits > 0
  score = tables.debias(
      state.tables.score, state.tables.visits, config.score_momentum
  )
  score = jnp.where(seen, score, -jnp.inf)
  return state.replace(
      dictionary=fill(config, score, data, num_classes, epoch)
  )
