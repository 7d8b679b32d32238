"""Images for sets that do not fit on the devices, read while steps run."""

from collections.abc import Iterator
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax import processes
from fsr_jax.data.dataset import Data, Split, channel_statistics
from fsr_jax.data.images.reader import Encoded, Reader
from fsr_jax.maths.randomness import StepKeys
from fsr_jax.train.evaluate import parts
from fsr_jax.train.input import Feed, Pictures, reward_slots
from fsr_jax.train.options import TrainOptions
from fsr_jax.train.parallel import Devices
from fsr_jax.train.state import HeldOut, Resident, Statistics

_GIGABYTE = 10**9
# Pictures that a process reads for the others at a time.
_READ = 1024


def fits(options: TrainOptions, images) -> bool:
  """Whether decoded images may live on the devices.

  Args:
    options: `data.resident_gb` is the bound.
    images: Encoded, or an array, which always may.
  """
  if not isinstance(images, Encoded):
    return True
  return images.nbytes <= options.data.resident_gb * _GIGABYTE


def residents(
  data: Data, options: TrainOptions, seed: int
) -> tuple[Resident, dict[str, Resident]]:
  """The splits as the device holds them, numpy arrays.

  Returns:
    (training split, name -> split of `evaluate.parts`).

  Splits that do not fit (see `fits`) come without their images; held-out
  samples always fit.
  """
  common = (
    np.bincount(data.train.label, minlength=data.num_classes),
    np.uint32(seed),
  )

  def resident(split, **more):
    if not fits(options, split.image):
      return Resident(None, None, split.label, *common, **more)
    split = _decoded(split)
    return Resident(split.image, split.aspect, split.label, *common, **more)

  held_out = None
  reweighting = options.reweighting
  if reweighting.learned and reweighting.rewards == "held_out":
    assert data.held_out is not None
    clean = _decoded(data.held_out)
    held_out = HeldOut(clean.image, clean.aspect, clean.label)
  tested = {name: resident(split) for name, split in parts(data).items()}
  return resident(data.train, held_out=held_out), tested


def _decoded(split: Split) -> Split:
  """As `Split.decoded`; each process decodes its share."""
  if not isinstance(split.image, Encoded):
    return split.decoded()
  image, aspect = _read(split.image, np.arange(len(split)))
  return dataclasses.replace(split, image=image, aspect=aspect)


def _read(images: Encoded, index: np.ndarray) -> Pictures:
  """The pictures at `index`, int [n], of which each process reads its share."""
  hosts = processes.count()
  if hosts == 1 or not len(index):
    return Pictures(*images.read(index))
  found = []
  for at in range(0, len(index), _READ * hosts):
    rows = index[at : at + _READ * hosts]
    # As many for each: the last one again.
    rows = np.pad(rows, (0, -len(rows) % hosts), "edge")
    own = rows[processes.share(len(rows))]
    found.append([processes.rows_of_all(x) for x in images.read(own)])
  return Pictures(*(np.concatenate(x)[: len(index)] for x in zip(*found)))


def statistics(images) -> Statistics:
  """Of a training split's images; of 2,000 where they are read from disk."""
  if isinstance(images, Encoded):
    size = min(2000, len(images))
    chosen = np.linspace(0, len(images) - 1, size).astype(int)
    images, _ = _read(images, chosen)
  return Statistics(*channel_statistics(images))


class Feeder:
  """Feeds of a run whose training images are read from disk.

  The dictionary's images are decoded once an epoch and kept on the devices, or
  in host memory where they are larger than data.resident_gb.
  """

  def __init__(
    self,
    options: TrainOptions,
    split: Split,
    num_classes: int,
    seed: int,
    devices: Devices,
  ):
    self._options, self._devices, self._seed = options, devices, seed
    self._split, self._num_classes = split, num_classes
    assert isinstance(split.image, Encoded)
    self._images, self._reader = split.image, Reader(split.image)
    # Images of the dictionary, in place or (on the host) as numpy arrays, and
    # the examples they are of.
    self._trusted: Pictures | None = None
    self._trusted_index: np.ndarray | None = None
    self._on_device = fits(
      options,
      split.image.take(np.arange(options.reweighting.dictionary_size)),
    )
    self._slots = jax.jit(self._slots_of)

  def feeds(
    self, state, first_step: int, indices: np.ndarray, rewarded: bool
  ) -> Iterator[Feed]:
    """What each step of a stretch needs, in order.

    Args:
      state: TrainState in place; its dictionary stays as it is meanwhile.
      first_step: of the stretch, counted over the whole run.
      indices: int32 [S, B], one batch a row.
      rewarded: whether each step draws a reward batch.

    Yields:
      Feed in place.

    Raises:
      InputError: a file is gone or is no image; names it.
    """
    split = self._devices.split
    trusted = slots = None
    if rewarded and self._options.reweighting.keeps_dictionary:
      dictionary = self._devices.get(state.reweighting.dictionary)
      self._read_trusted(dictionary.index)
      trusted = self._trusted
      if not self._on_device:
        steps = np.arange(first_step, first_step + len(indices))
        slots = np.asarray(
          self._slots(np.uint32(self._seed), steps, dictionary.label)
        )
    own = indices[:, processes.share(indices.shape[1])]
    for number, pictures in enumerate(self._reader.ahead(own)):
      rewards = None
      if slots is not None:
        chosen = slots[number, processes.share(slots.shape[1])]
        assert trusted is not None
        rewards = split(Pictures(*(x[chosen] for x in trusted)))
      yield Feed(
        split(Pictures(*pictures)),
        trusted if slots is None else None,
        rewards,
      )

  def _read_trusted(self, index: np.ndarray) -> None:
    """Reads the dictionary's images, unless they are there."""
    if self._trusted_index is not None and np.array_equal(
      index, self._trusted_index
    ):
      return
    self._trusted = None  # Before the new ones need memory.
    pictures = _read(self._images, index)
    if self._on_device:
      pictures = self._devices.put(pictures)
    self._trusted, self._trusted_index = pictures, index

  def _slots_of(self, seed, steps, label):
    """int32 [S, Q]: what `draw_rewards` will draw in each step."""

    def one(step):
      key = StepKeys.of(seed, step).draw
      return reward_slots(self._options, key, label, self._num_classes)

    return jax.lax.map(one, jnp.asarray(steps))
