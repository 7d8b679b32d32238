"""From indices to network input: gather, augment, mix (METHOD steps 1, 4)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.data.images import augment
from fsr_jax.maths import (
  class_balance,
  collectives,
  dictionary,
  losses,
  mixup,
  randomness,
)
from fsr_jax.maths.collectives import Array
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.maths.randomness import StepKeys
from fsr_jax.train.options import TrainOptions
from fsr_jax.train.state import Resident, Statistics


class Batch(NamedTuple):
  """A device's share of a batch, ready for the network: b rows each.

  Attributes:
    index: int32 [b].
    label: int32 [b], given labels.
    target: float32 [b, C], of that label: smoothed, class-balanced, not mixed.
    image: float32 [b, H, W, channels], augmented, mixed where MixUp is on.
    coefficient: float32 [b], share of a sample's own image in its mixed one; 1
      without MixUp.
    label_coefficient: float32 [b], share of its own `target` in the mixed one.
    unmixed_image: float32, `image` before mixing.
  """

  index: jax.Array  # type: ignore[assignment]  # Hides tuple.index.
  label: jax.Array
  target: jax.Array
  image: jax.Array
  coefficient: jax.Array
  label_coefficient: jax.Array
  unmixed_image: jax.Array


class Pictures(NamedTuple):
  """Un-augmented images, squeezed.

  Attributes:
    image: uint8 [n, H, W, channels].
    aspect: float32 [n], width / height before they were made H x W.
  """

  image: Array
  aspect: Array


class Feed(NamedTuple):
  """What a step is handed where the training images are not on the device.

  Attributes:
    batch: Pictures, this device's share of the batch.
    trusted: Pictures of the dictionary, all K; None where they are not needed
      or not on the device.
    rewards: Pictures, this device's share of the reward batch, where those of
      the dictionary are not on the device; else None.
  """

  batch: Pictures
  trusted: Pictures | None
  rewards: Pictures | None


class Rewards(NamedTuple):
  """A device's share of the reward batch.

  Attributes:
    image: float32 [q, H, W, channels], augmented.
    target: float32 [q, C], one-hot.
  """

  image: jax.Array
  target: jax.Array


def _at(source, index) -> Pictures:
  return Pictures(source.image[index], source.aspect[index])


def _augmented(options, statistics: Statistics, uniforms, stored: Pictures):
  cropped = augment.augment(options.data, uniforms, *stored)
  return augment.normalize(cropped, *statistics)


def gather(
  options: TrainOptions,
  key: jax.Array,
  statistics: Statistics,
  data: Resident,
  index: jax.Array,
  feed: Feed | None = None,
  epoch: jax.Array | int = 0,
) -> Batch:
  """This device's share of the batch `index`, augmented and mixed.

  Args:
    options: TrainOptions.
    key: typed PRNG key, StepKeys.batch.
    statistics: Statistics.
    data: Resident.
    index: int32 [B], the global batch.
    feed: its images where `data` has none.
    epoch: int32, for class_balanced_from.

  Returns:
    Batch.
  """
  objective = options.objective
  needed = 1 + augment.uniforms_needed(options.data)  # One more: MixUp.
  u = randomness.step_uniforms(key, index.shape[0], needed)
  u = collectives.local_slice(u)
  index = collectives.local_slice(index)
  label = data.label[index]
  stored = _at(data, index) if feed is None else feed.batch
  image = _augmented(options, statistics, u[:, 1:], stored)
  num_classes = data.class_count.shape[0]
  target = losses.one_hot(label, num_classes, objective.label_smoothing)
  if objective.class_balanced:
    factor = class_balance.effective_number_factors(
      data.class_count, objective.class_balance_beta
    )
    if objective.class_balanced_from:
      begin = objective.class_balanced_from * options.optimization.num_epochs
      factor = jnp.where(epoch >= begin, factor, 1.0)
    target *= factor[label][:, None]
  if not objective.mixup:
    one = jnp.ones(label.shape)
    return Batch(index, label, target, image, one, one, image)
  draw = mixup.solvable_coefficients if options.unmixes else mixup.coefficients
  coefficient = label_coefficient = draw(u[:, 0])
  if objective.remix:
    label_coefficient = mixup.remix_coefficients(
      coefficient, label, data.class_count, objective.remix_ratio
    )
  return Batch(
    index,
    label,
    target,
    mixup.mix(image, coefficient),
    coefficient,
    label_coefficient,
    image,
  )


def reward_slots(
  options: TrainOptions, key: jax.Array, label: jax.Array, num_classes: int
) -> jax.Array:
  """int32 [Q], slots of the dictionary that a step's rewards are.

  Args:
    options: TrainOptions.
    key: typed PRNG key, StepKeys.draw.
    label: int32 [K], of the dictionary.
    num_classes: C.
  """
  size = options.reweighting.reward_batch_size
  return dictionary.draw(key, label, size, num_classes)


def draw_rewards(
  options: TrainOptions,
  keys: StepKeys,
  statistics: Statistics,
  data: Resident,
  trusted: Dictionary,
  feed: Feed | None = None,
) -> Rewards:
  """This device's share of a class-balanced reward batch, freshly augmented.

  Args:
    options: TrainOptions.
    keys: StepKeys of the step.
    statistics: Statistics.
    data: Resident.
    trusted: the dictionary.
    feed: images of the dictionary where `data` has none.

  Returns:
    Rewards.

  Source: Algorithm 1, line 8.
  """
  num_classes = data.class_count.shape[0]
  slot = reward_slots(options, keys.draw, trusted.label, num_classes)
  needed = augment.uniforms_needed(options.data)
  u = randomness.step_uniforms(keys.crop, slot.shape[0], needed)
  u, slot = collectives.local_slice(u), collectives.local_slice(slot)
  if data.held_out is not None:
    stored = _at(data.held_out, trusted.index[slot])
  elif feed is None:
    stored = _at(data, trusted.index[slot])
  elif feed.rewards is not None:
    stored = feed.rewards
  else:
    stored = _at(feed.trusted, slot)
  return Rewards(
    _augmented(options, statistics, u, stored),
    losses.one_hot(trusted.label[slot], num_classes),
  )
