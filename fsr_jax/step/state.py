"""Train state: everything that changes during a run, hence what is saved."""

from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp
import optax

from fsr_jax.data import order
from fsr_jax.data.images import augment
from fsr_jax.maths import dictionary, schedules, tables, transition
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.models import Network
from fsr_jax.step import weigher
from fsr_jax.step.weigher import Weigher


class TrainState(flax.struct.PyTreeNode):
  """The same on every device.

  Attributes:
    step: int32, training steps done.
    params: {"backbone", "head"}, Theta. Theta^meta is params["head"].
    batch_stats: running batch-norm statistics; {} without batch norm.
    opt_state: optax state, momentum buffers among it.
    ema_params, ema_batch_stats: their moving averages.
    tables: per-sample tables.
    dictionary: the trusted samples that rewards are drawn from; None where
      weights are uniform. With rewards=held_out they never change.
    weigher: the weight net, for weighting=weight_net; else None.
    transition: float32 [C, C], P(given label | true label), for
      loss=forward_correction; else None.
    zero_batches: int32, batches in which no sample helped (all weights 0).
  """

  step: jax.Array
  params: Any
  batch_stats: Any
  opt_state: Any
  ema_params: Any
  ema_batch_stats: Any
  tables: tables.Tables
  dictionary: Dictionary | None
  weigher: Weigher | None
  transition: jax.Array | None
  zero_batches: jax.Array


class HeldOut(NamedTuple):
  """Clean samples on the device, for rewards=held_out.

  Attributes:
    image: uint8 [K, H, W, channels].
    aspect: float32 [K], as in Resident.
    label: int32 [K].
  """

  image: jax.Array
  aspect: jax.Array
  label: jax.Array


class Resident(flax.struct.PyTreeNode):
  """The training set on the device, the same on every one.

  Attributes:
    image: uint8 [N, H, W, channels]; None where images are fed batch by batch.
    aspect: float32 [N], width / height before they were made H x W, or None.
    label: int32 [N], given labels.
    mean, std: float32 [channels], for normalisation.
    class_count: int32 [C], examples by given label.
    seed: uint32 scalar, of the run; an argument of every compiled function, so
      that runs which differ in the seed alone share their programs.
    held_out: HeldOut where rewards are drawn from it, else None.
  """

  image: jax.Array | None
  aspect: jax.Array | None
  label: jax.Array
  mean: jax.Array
  std: jax.Array
  class_count: jax.Array
  seed: jax.Array
  held_out: HeldOut | None = None


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


def estimates_transition(config) -> bool:
  """Whether the transition matrix is estimated at the end of the warm-up."""
  return (
    config.loss == "forward_correction" and config.transition == "estimated"
  )


def keeps_dictionary(config) -> bool:
  """Whether the run picks its own rewards."""
  return config.weighting != "uniform" and config.rewards == "dictionary"


def keeps_pseudo_labels(config) -> bool:
  """Whether the tables hold the moving average of f(x)."""
  return config.pseudo_loss_weight > 0 or estimates_transition(config)


def create(
  config,
  network: Network,
  tx: optax.GradientTransformation,
  data: Resident,
  transition: jax.Array | None = None,
) -> TrainState:
  """The state before the first step.

  Args:
    config: resolved.
    network: Network.
    tx: from `optimizer`.
    data: Resident.
    transition: float32 [C, C], for loss=forward_correction; None = not known
      yet, none assumed.

  Returns:
    TrainState with a random balanced dictionary (Algorithm 1, R_0).
  """
  params, batch_stats = network.init(
    order.stream(data.seed, order.INIT),
    augment.output_shape(
      config.data, None if data.image is None else data.image.shape[1:]
    ),
  )
  num_examples, num_classes = data.label.shape[0], data.class_count.shape[0]
  empty = tables.init(num_examples, num_classes, keeps_pseudo_labels(config))
  if config.weighting == "uniform":
    trusted = None
  elif config.rewards == "held_out":
    label = data.held_out.label
    trusted = Dictionary(jnp.arange(label.shape[0], dtype=jnp.int32), label)
  else:
    random_score = jax.random.uniform(
      order.stream(data.seed, order.FIRST_DICTIONARY), (num_examples,)
    )
    trusted = fill(config, random_score, data, 0)
    in_use = jnp.array(config.warmup_epochs == 0)
    empty = tables.trust(empty, trusted.index, in_use)
  if config.loss == "forward_correction" and transition is None:
    transition = jnp.eye(num_classes)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    batch_stats=batch_stats,
    opt_state=tx.init(params),
    # Copies: the compiled step donates its input, leaf by leaf.
    ema_params=jax.tree.map(jnp.copy, params),
    ema_batch_stats=jax.tree.map(jnp.copy, batch_stats),
    tables=empty,
    dictionary=trusted,
    weigher=weigher.create(config, order.stream(data.seed, order.WEIGHT_NET)),
    transition=transition,
    zero_batches=jnp.zeros((), jnp.int32),
  )


def fill(config, score: jax.Array, data: Resident, epoch) -> Dictionary:
  """The dictionary of `epoch` (eq. 4)."""
  arguments = (
    score,
    data.label,
    config.dictionary_size,
    data.class_count.shape[0],
    epoch,
  )
  if config.dictionary_share:
    key = order.stream(data.seed, order.DICTIONARY)
    u = jax.random.uniform(jax.random.fold_in(key, epoch), score.shape)
    index = dictionary.select_from_pool(*arguments, config.dictionary_share, u)
  else:
    index = dictionary.select(*arguments)
  return Dictionary(index, data.label[index])


def refill(
  state: TrainState, data: Resident, epoch: jax.Array, *, config
) -> TrainState:
  """End of an epoch: the dictionary from the scores so far, for `epoch`."""
  seen = state.tables.visits > 0
  score = tables.debias(
    state.tables.score, state.tables.visits, config.score_momentum
  )
  score = jnp.where(seen, score, -jnp.inf)
  new = fill(config, score, data, epoch)
  in_use = (epoch >= config.warmup_epochs) & (epoch < config.num_epochs)
  return state.replace(
    dictionary=new, tables=tables.trust(state.tables, new.index, in_use)
  )


def estimate_transition(
  state: TrainState, data: Resident, *, config
) -> TrainState:
  """The transition matrix from the moving averages of f(x) so far."""
  probabilities = tables.debias(
    state.tables.pseudo_label,
    state.tables.visits,
    config.pseudo_label_momentum,
  )
  return state.replace(
    transition=transition.estimate(probabilities, data.class_count)
  )
