"""From indices to network input: gather, augment, mix (METHOD step 1, 4)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.data import order
from fsr_jax.data.images import augment
from fsr_jax.maths import (
  class_balance,
  collectives,
  dictionary,
  losses,
  mixup,
)
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.step.state import Resident, keeps_dictionary


class Batch(NamedTuple):
  """A device's share of a batch, ready for the network: b rows each.

  Attributes:
    index: int32 [b].
    label: int32 [b], given labels.
    target: float32 [b, C], of that label: smoothed, class-balanced, not mixed.
    image: float32 [b, H, W, channels], augmented, mixed where MixUp is on.
    label_coefficient: float32 [b], share of `target` in the mixed one; 1
      without MixUp.
    unmixed_image: float32, `image` before mixing.
  """

  index: jax.Array
  label: jax.Array
  target: jax.Array
  image: jax.Array
  label_coefficient: jax.Array
  unmixed_image: jax.Array


class Pictures(NamedTuple):
  """Un-augmented images, squeezed.

  Attributes:
    image: uint8 [n, H, W, channels].
    aspect: float32 [n], width / height before they were made H x W.
  """

  image: jax.Array
  aspect: jax.Array


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


def _augmented(config, data: Resident, uniforms, stored: Pictures):
  cropped = augment.augment(config.data, uniforms, *stored)
  return augment.normalize(cropped, data.mean, data.std)


def gather(
  config,
  key: jax.Array,
  data: Resident,
  index: jax.Array,
  num_classes: int,
  axis_name: str | None,
  feed: Feed | None = None,
) -> Batch:
  """This device's share of the batch `index`, augmented and mixed.

  Args:
    config: resolved.
    key: typed PRNG key of the step.
    data: Resident.
    index: int32 [B], the global batch.
    feed: its images where `data` has none.
    num_classes: C.
    axis_name: the device axis, or None.

  Returns:
    Batch.
  """
  needed = 1 + augment.uniforms_needed(config.data)  # One more: MixUp.
  u = order.step_uniforms(key, index.shape[0], needed)
  u = collectives.local_slice(u, axis_name)
  index = collectives.local_slice(index, axis_name)
  label = data.label[index]
  stored = _at(data, index) if feed is None else feed.batch
  image = _augmented(config, data, u[:, 1:], stored)
  target = losses.one_hot(label, num_classes, config.label_smoothing)
  if config.class_balanced:
    class_weight = class_balance.effective_number_weights(
      data.class_count, config.class_balance_beta
    )
    target *= class_weight[label][:, None]
  if not config.mixup:
    one = jnp.ones(label.shape)
    return Batch(index, label, target, image, one, unmixed_image=image)
  coefficient = label_coefficient = mixup.coefficients(u[:, 0])
  if config.remix:
    label_coefficient = mixup.remix_coefficients(
      coefficient, label, data.class_count, config.remix_ratio
    )
  return Batch(
    index,
    label,
    target,
    mixup.mix(image, coefficient),
    label_coefficient,
    unmixed_image=image,
  )


def reward_slots(
  config, key: jax.Array, label: jax.Array, num_classes: int
) -> jax.Array:
  """int32 [Q], slots of the dictionary (labels int32 [K]) of a step's rewards.

  Args:
    config: resolved.
    key: the same as for `draw_rewards`.
    label: int32 [K].
    num_classes: C.
  """
  draw_key, _ = jax.random.split(key)
  return dictionary.draw(draw_key, label, config.reward_batch_size, num_classes)


def draw_rewards(
  config,
  key: jax.Array,
  data: Resident,
  trusted: Dictionary,
  num_classes: int,
  axis_name: str | None,
  feed: Feed | None = None,
) -> Rewards:
  """This device's share of a class-balanced reward batch, freshly augmented.

  Args:
    config: resolved.
    key: typed PRNG key, another than the batch's.
    data: Resident.
    trusted: the dictionary.
    num_classes: C.
    axis_name: the device axis, or None.
    feed: images of the dictionary where `data` has none.

  Returns:
    Rewards.

  Source: Algorithm 1, line 8.
  """
  size = config.reward_batch_size
  _, crop_key = jax.random.split(key)
  slot = reward_slots(config, key, trusted.label, num_classes)
  u = order.step_uniforms(crop_key, size, augment.uniforms_needed(config.data))
  u = collectives.local_slice(u, axis_name)
  slot = collectives.local_slice(slot, axis_name)
  if not keeps_dictionary(config):
    stored = _at(data.held_out, trusted.index[slot])
  elif feed is None:
    stored = _at(data, trusted.index[slot])
  elif feed.rewards is not None:
    stored = feed.rewards
  else:
    stored = _at(feed.trusted, slot)
  return Rewards(
    _augmented(config, data, u, stored),
    losses.one_hot(trusted.label[slot], num_classes),
  )
