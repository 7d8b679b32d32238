"""Images for sets that do not fit on the devices, read while steps run."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.data.dataset import Data, Split, channel_statistics
from fsr_jax.data.images.reader import Encoded, Reader
from fsr_jax.step import train
from fsr_jax.step.batch import Feed, Pictures, reward_slots
from fsr_jax.step.parallel import Devices
from fsr_jax.step.state import HeldOut, Resident, keeps_dictionary

_GIGABYTE = 10**9


def fits(config, images) -> bool:
  """Whether decoded images may live on the devices.

  Args:
    config: resolved; `data.resident_gb` is the bound.
    images: Encoded, or an array, which always may.
  """
  if not isinstance(images, Encoded):
    return True
  return images.nbytes <= config.data.resident_gb * _GIGABYTE


def residents(data: Data, config) -> tuple[Resident, Resident]:
  """(training split, test split) as the device holds them, numpy arrays.

  Splits that do not fit (see `fits`) come without their images; held-out
  samples always fit.
  """
  common = (
    *channel_statistics(_sample(data.train.image)),
    np.bincount(data.train.label, minlength=data.num_classes),
    np.uint32(config.seed),
  )

  def resident(split, **more):
    if not fits(config, split.image):
      return Resident(None, None, split.label, *common, **more)
    split = split.decoded()
    return Resident(split.image, split.aspect, split.label, *common, **more)

  held_out = None
  if config.weighting != "uniform" and config.rewards == "held_out":
    clean = data.held_out.decoded()
    held_out = HeldOut(clean.image, clean.aspect, clean.label)
  return resident(data.train, held_out=held_out), resident(data.test)


def _sample(images, size: int = 2000) -> np.ndarray:
  """uint8 [M, H, W, channels]: all of an array; `size` of encoded images."""
  if not isinstance(images, Encoded):
    return images
  size = min(size, len(images))
  image, _ = images.read(np.linspace(0, len(images) - 1, size).astype(int))
  return image


class Feeder:
  """Feeds of a run whose training images are read from disk.

  The dictionary's images are decoded once an epoch and kept on the devices, or
  in host memory where they are larger than data.resident_gb.
  """

  def __init__(self, config, split: Split, num_classes: int, devices: Devices):
    self._config, self._devices = config, devices
    self._split, self._num_classes = split, num_classes
    self._reader = Reader(split.image)
    # Images of the dictionary, in place or (on the host) as numpy arrays, and
    # the examples they are of.
    self._trusted, self._trusted_index = None, None
    self._on_device = fits(
      config, split.image.take(np.arange(config.dictionary_size))
    )
    self._slots = jax.jit(self._slots_of)

  def feeds(
    self, state, first_step: int, indices: np.ndarray, active: bool
  ) -> Iterator[Feed]:
    """What each step of a stretch needs, in order.

    Args:
      state: TrainState in place; its dictionary stays as it is meanwhile.
      first_step: of the stretch, counted over the whole run.
      indices: int32 [S, B], one batch a row.
      active: whether rewards are drawn.

    Yields:
      Feed in place.

    Raises:
      InputError: a file is gone or is no image; names it.
    """
    split = self._devices.split
    active = active and keeps_dictionary(self._config)
    trusted = slots = None
    if active:
      dictionary = self._devices.get(state.dictionary)
      self._read_trusted(dictionary.index)
      trusted = self._trusted
      if not self._on_device:
        steps = np.arange(first_step, first_step + len(indices))
        slots = np.asarray(
          self._slots(np.uint32(self._config.seed), steps, dictionary.label)
        )
    for number, pictures in enumerate(self._reader.ahead(indices)):
      rewards = None
      if slots is not None:
        chosen = slots[number]
        rewards = split(Pictures(*(x[chosen] for x in trusted)))
      yield Feed(
        split(Pictures(*pictures)),
        trusted if slots is None else None,
        rewards,
      )

  def _read_trusted(self, index: np.ndarray) -> None:
    """Reads the dictionary's images, unless they are there."""
    if np.array_equal(index, self._trusted_index):
      return
    self._trusted = None  # Before the new ones need memory.
    pictures = Pictures(*self._reader.start(index)())
    if self._on_device:
      pictures = self._devices.put(pictures)
    self._trusted, self._trusted_index = pictures, index

  def _slots_of(self, seed, steps, label):
    """int32 [S, Q]: what `draw_rewards` will draw in each step."""

    def one(step):
      _, key = train.keys(seed, step)
      return reward_slots(self._config, key, label, self._num_classes)

    return jax.lax.map(one, jnp.asarray(steps))
