"""Train state: everything that changes during a run, hence what is saved."""

from typing import NamedTuple

import flax
import jax
import jax.numpy as jnp
import optax

from fsr_jax.data.dataset import Data
from fsr_jax.data.images import augment
from fsr_jax.maths import randomness, tables, transition
from fsr_jax.maths.collectives import Array, Tree
from fsr_jax.models import Network
from fsr_jax.reweighting import Reweighter, ReweightingState
from fsr_jax.train.options import ObjectiveOptions, TrainOptions


class Statistics(NamedTuple):
  """Channel statistics of the training images, for `augment.normalize`.

  Attributes:
    mean, std: float32 [channels].
  """

  mean: Array
  std: Array


class TrainState(flax.struct.PyTreeNode):
  """The same on every device.

  Attributes:
    step: int32, training steps done.
    params: {"backbone", "head"}, Theta. Theta^meta is params["head"].
    batch_stats: running batch-norm statistics; {} without batch norm.
    opt_state: optax state, momentum buffers among it.
    ema_params, ema_batch_stats: their moving averages.
    reweighting: ReweightingState.
    transition: float32 [C, C], P(given label | true label), for
      loss=forward_correction; else None.
    statistics: of the images that it was trained on. They never change, and
      are here because a network is of no use without them.
  """

  step: jax.Array
  params: Tree
  batch_stats: Tree
  opt_state: optax.OptState
  ema_params: Tree
  ema_batch_stats: Tree
  reweighting: ReweightingState
  transition: jax.Array | None
  statistics: Statistics


class HeldOut(NamedTuple):
  """Clean samples on the device, for rewards=held_out.

  Attributes:
    image: uint8 [K, H, W, channels].
    aspect: float32 [K], as in Resident.
    label: int32 [K].
  """

  image: Array
  aspect: Array
  label: Array


class Resident(flax.struct.PyTreeNode):
  """A split on the device, the same on every one.

  Attributes:
    image: uint8 [N, H, W, channels]; None where images are fed batch by batch.
    aspect: float32 [N], width / height before they were made H x W, or None.
    label: int32 [N], given labels.
    class_count: int32 [C], training examples by given label.
    seed: uint32 scalar, of the run; an argument of every compiled function, so
      that runs which differ in the seed alone share their programs.
    held_out: HeldOut where rewards are drawn from it, else None.
  """

  image: Array | None
  aspect: Array | None
  label: Array
  class_count: Array
  seed: Array
  held_out: HeldOut | None = None


def known_transition(objective: ObjectiveOptions, data: Data) -> Array | None:
  """float32 [C, C] of the clean labels, where transition=known needs it."""
  known = objective.transition == "known"
  if objective.loss != "forward_correction" or not known:
    return None
  label, clean_label = data.train.label, data.train.clean_label
  assert clean_label is not None
  return transition.known(clean_label, label, data.num_classes)


def create(
  options: TrainOptions,
  network: Network,
  reweighter: Reweighter,
  tx: optax.GradientTransformation,
  data: Resident,
  statistics: Statistics,
  known_transition: jax.Array | None = None,
) -> TrainState:
  """The state before the first step.

  Args:
    options: TrainOptions.
    network: Network.
    reweighter: Reweighter.
    tx: optimizer.
    data: Resident.
    statistics: Statistics.
    known_transition: float32 [C, C], for loss=forward_correction; None = not
      known yet, none assumed.

  Returns:
    TrainState with a random balanced dictionary (Algorithm 1, R_0).
  """
  image_shape = augment.output_shape(
    options.data, None if data.image is None else data.image.shape[1:]
  )
  key = randomness.stream(data.seed, randomness.INIT)
  params, batch_stats = network.init(key, image_shape)
  num_classes = data.class_count.shape[0]
  features, _ = jax.eval_shape(
    lambda image: network.features(params, batch_stats, image, True),
    jax.ShapeDtypeStruct((2, *image_shape), jnp.float32),
  )
  if options.objective.loss == "forward_correction" and (
    known_transition is None
  ):
    known_transition = jnp.eye(num_classes)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    batch_stats=batch_stats,
    opt_state=tx.init(params),
    # Copies: the compiled step donates its input, leaf by leaf.
    ema_params=jax.tree.map(jnp.copy, params),
    ema_batch_stats=jax.tree.map(jnp.copy, batch_stats),
    reweighting=reweighter.init(
      data.label,
      features.shape[1:],
      seed=data.seed,
      held_out_label=None if data.held_out is None else data.held_out.label,
      keep_predictions=options.keeps_predictions,
    ),
    transition=known_transition,
    statistics=Statistics(*statistics),
  )


def end_epoch(
  state: TrainState, data: Resident, *, ctx, estimate: bool
) -> TrainState:
  """What is learned from the tables before the next epoch begins.

  Args:
    state: TrainState.
    data: Resident.
    ctx: step.Context.
    estimate: whether the transition matrix is estimated now.

  Returns:
    TrainState.
  """
  reweighting = ctx.reweighter.refresh(state.reweighting, data.label)
  state = state.replace(reweighting=reweighting)
  if not estimate:
    return state
  probabilities = tables.debias(
    reweighting.tables.pseudo_label,
    reweighting.tables.visits,
    ctx.options.reweighting.pseudo_label_momentum,
  )
  return state.replace(
    transition=transition.estimate(probabilities, data.class_count)
  )
