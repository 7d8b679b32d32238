"""The state of a reweighter: before the first step, and from epoch to epoch."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths import dictionary, queue, randomness, tables
from fsr_jax.maths.checks import expect
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.maths.queue import Queue
from fsr_jax.reweighting import net
from fsr_jax.reweighting import noise as noises
from fsr_jax.reweighting.noise import Anchors, Noise
from fsr_jax.reweighting.options import ReweightingOptions


class LastStep(NamedTuple):
  """What the last step measured; float32 scalars.

  Attributes:
    reward_loss: mean loss of the rewards under Theta*, nats; NaN where there
      were none.
    lookahead_loss: mean loss of the batch's given labels under Theta*, nats;
      NaN with uniform weights.
  """

  reward_loss: jax.Array
  lookahead_loss: jax.Array


class ReweightingState(NamedTuple):
  """Everything a reweighter remembers; the same on every device.

  Attributes:
    epoch: int32, calls of `refresh` so far.
    seed: uint32, of everything random in it.
    tables: one row a training sample.
    trusted: bool [N], which samples may enter the queue; None without one.
    queue: trusted features by class; None where rewards are not a queue.
    dictionary: the samples that reward batches are drawn from; None where
      there are none. With rewards=held_out it never changes.
    weight_net: of weighting=weight_net, else None.
    zero_batches: int32, batches in which no sample helped: every weight is 0.
    last: of the last step.
    noise: what is known of how labels go wrong.
    anchors: what that is known from; None where predictions are not averaged,
      and nothing is found out.
  """

  epoch: jax.Array
  seed: jax.Array
  tables: tables.Tables
  trusted: jax.Array | None
  queue: Queue | None
  dictionary: Dictionary | None
  weight_net: net.WeightNet | None
  zero_batches: jax.Array
  last: LastStep
  noise: Noise
  anchors: Anchors | None


def init(
  options: ReweightingOptions,
  num_classes: int,
  label: jax.Array,
  feature_shape: tuple[int, ...],
  *,
  seed: jax.Array | int = 0,
  held_out_label: jax.Array | None = None,
  keep_predictions: bool = True,
) -> ReweightingState:
  """The state before the first step.

  Args:
    options: ReweightingOptions.
    num_classes: C.
    label: int32 [N], given labels of the training set.
    feature_shape: of one sample's features as `weigh` will be handed them.
    seed: uint32 scalar; decides the first dictionary, which is random
      (Algorithm 1, R_0), and all draws.
    held_out_label: int32 [K], of the samples set aside, for rewards=held_out.
    keep_predictions: whether the moving averages of predictions are kept,
      [N, C]; re-labelling needs them.

  Returns:
    ReweightingState.

  Raises:
    InputError: labels of another dtype or shape.
  """
  expect(label=(label, "int N"))
  average = options.averages_predictions(label.shape[0], num_classes)
  trusted = entries = drawn_from = net_state = None
  first = randomness.stream(seed, randomness.FIRST_DICTIONARY)
  random_score = jax.random.uniform(first, label.shape)
  if options.weighting == "weight_net":
    key = randomness.stream(seed, randomness.WEIGHT_NET)
    net_state = net.create(key, options.weight_net_lr)
  if options.learned and options.rewards == "held_out":
    expect(held_out_label=(held_out_label, "int K"))
    assert held_out_label is not None
    index = jnp.arange(held_out_label.shape[0], dtype=jnp.int32)
    drawn_from = Dictionary(index, held_out_label)
  elif options.draws_rewards:
    drawn_from = _fill(options, num_classes, random_score, label, seed, 0)
  elif options.learned:
    trusted = _trusted(options, num_classes, random_score, label)
    available = jnp.bincount(
      label, trusted.astype(jnp.int32), length=num_classes
    )
    entries = queue.init(available, options.queue_size, feature_shape)
  nothing = jnp.full((), jnp.nan, jnp.float32)
  return ReweightingState(
    epoch=jnp.zeros((), jnp.int32),
    seed=jnp.asarray(seed, jnp.uint32),
    tables=tables.init(label.shape[0], num_classes, keep_predictions, average),
    trusted=trusted,
    queue=entries,
    dictionary=drawn_from,
    weight_net=net_state,
    zero_batches=jnp.zeros((), jnp.int32),
    last=LastStep(nothing, nothing),
    noise=noises.all_right(label, num_classes),
    anchors=noises.no_anchors(label.shape[0]) if average else None,
  )


def refresh(
  options: ReweightingOptions,
  num_classes: int,
  state: ReweightingState,
  label: jax.Array,
) -> ReweightingState:
  """The end of an epoch: a new dictionary from the scores so far (eq. 4).

  Args:
    options, num_classes: as for `init`.
    state: ReweightingState.
    label: int32 [N], the same as for `init`.

  Returns:
    ReweightingState of the next epoch.

  Raises:
    InputError: labels of another number of samples.
  """
  expect(visits=(state.tables.visits, "int N"), label=(label, "int N"))
  epoch = state.epoch + 1
  state = state._replace(epoch=epoch)
  if state.anchors is not None:
    anchors, noise = noises.update(
      state.anchors, state.noise, state.tables, label, epoch
    )
    state = state._replace(anchors=anchors, noise=noise)
  if not options.keeps_dictionary:
    return state
  seen = state.tables.visits > 0
  score = tables.debias(
    state.tables.score, state.tables.visits, options.score_momentum
  )
  score = jnp.where(seen, score, -jnp.inf)
  was_in_use = epoch > options.warmup_epochs
  counted = tables.trust(state.tables, members(options, state), was_in_use)
  state = state._replace(tables=counted)
  if options.rewards == "queue":
    return state._replace(trusted=_trusted(options, num_classes, score, label))
  return state._replace(
    dictionary=_fill(options, num_classes, score, label, state.seed, epoch)
  )


def members(options: ReweightingOptions, state: ReweightingState) -> jax.Array:
  """Which training samples are in the run's own dictionary now.

  Args:
    options: as for `init`.
    state: ReweightingState.

  Returns:
    bool [N]; nobody where the run picks none (uniform weights, rewards from
    samples set aside).
  """
  if state.trusted is not None:
    return state.trusted
  nobody = jnp.zeros(state.tables.visits.shape, bool)
  if state.dictionary is None or not options.keeps_dictionary:
    return nobody
  return nobody.at[state.dictionary.index].set(True)


def _trusted(options, num_classes, score, label):
  share = options.dictionary_share
  return dictionary.pool(score, label, num_classes, share)


def _fill(options, num_classes, score, label, seed, epoch) -> Dictionary:
  """The dictionary of `epoch`."""
  size = options.dictionary_size
  if options.dictionary_share:
    key = randomness.stream(seed, randomness.DICTIONARY)
    u = jax.random.uniform(jax.random.fold_in(key, epoch), score.shape)
    index = dictionary.select_from_pool(
      score, label, size, num_classes, epoch, options.dictionary_share, u
    )
  else:
    index = dictionary.select(score, label, size, num_classes, epoch)
  return Dictionary(index, label[index])
