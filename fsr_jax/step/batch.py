"""From indices to network input: gather, augment, mix (METHOD step 1, 4)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.data import augment, order
from fsr_jax.maths import (
  class_balance,
  collectives,
  dictionary,
  losses,
  mixup,
)
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.step.state import Resident


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


class Rewards(NamedTuple):
  """A device's share of the reward batch.

  Attributes:
    image: float32 [q, H, W, channels], augmented.
    target: float32 [q, C], one-hot.
  """

  image: jax.Array
  target: jax.Array


def _augmented(config, data: Resident, uniforms, image, aspect):
  cropped = augment.augment(config.data, uniforms, image, aspect)
  return augment.normalize(cropped, data.mean, data.std)


def gather(
    config, key: jax.Array, data: Resident, index: jax.Array,
    num_classes: int, axis_name: str | None,
) -> Batch:
  """This device's share of the batch `index`, augmented and mixed.

  Args:
    config: resolved.
    key: typed PRNG key of the step.
    data: Resident.
    index: int32 [B], the global batch.
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
  image = _augmented(
      config, data, u[:, 1:], data.image[index], data.aspect[index]
  )
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
      index, label, target, mixup.mix(image, coefficient), label_coefficient,
      unmixed_image=image,
  )


def draw_rewards(
    config, key: jax.Array, data: Resident, trusted: Dictionary,
    num_classes: int, axis_name: str | None,
) -> Rewards:
  """This device's share of a class-balanced reward batch, freshly augmented.

  Args:
    config: resolved.
    key: typed PRNG key, another than the batch's.
    data: Resident, for the normalisation only.
    trusted: the dictionary.
    num_classes: C.
    axis_name: the device axis, or None.

  Returns:
    Rewards.

  Source: Algorithm 1, line 8.
  """
  draw_key, crop_key = jax.random.split(key)
  size = config.reward_batch_size
  slot = dictionary.draw(draw_key, trusted.label, size, num_classes)
  u = order.step_uniforms(
      crop_key, size, augment.uniforms_needed(config.data)
  )
  u = collectives.local_slice(u, axis_name)
  slot = collectives.local_slice(slot, axis_name)
  return Rewards(
      _augmented(config, data, u, trusted.image[slot], trusted.aspect[slot]),
      losses.one_hot(trusted.label[slot], num_classes),
  )
