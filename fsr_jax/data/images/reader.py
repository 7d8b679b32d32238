"""Images that stay encoded, as files or records, until they are read."""

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
import concurrent.futures
import dataclasses
import functools
import os
from typing import Protocol

import numpy as np

from fsr_jax import processes
from fsr_jax.data.images import decode
from fsr_jax.data.options import DataOptions
from fsr_jax.errors import InputError, check
from fsr_jax.files import read_file

# (bytes, where they are from) -> (uint8 [H, W, channels], width / height of
# the picture before it was squeezed into that shape).
Decode = Callable[[bytes, str], tuple[np.ndarray, float]]

# A picture's shorter side over the side of its crop: 256 to 224, as usual for
# ImageNet (METHOD of the paper: WebVision, section 5.2).
_MARGIN = 256 / 224
# Images at a time that a trained network looks at: the first layers of a ResNet
# at 224 pixels take 0.4 GB of them.
BATCH = 128


class Blobs(Protocol):
  """N encoded images: position -> (bytes, where they are from)."""

  def __len__(self) -> int: ...

  def __getitem__(self, i: int, /) -> tuple[bytes, str]: ...


class Files:
  """Bytes of files, read when asked for.

  Attributes:
    paths: str [N].
  """

  def __init__(self, paths: Sequence[str] | np.ndarray):
    self.paths = np.asarray(paths)

  def __len__(self) -> int:
    return len(self.paths)

  def __getitem__(self, i: int) -> tuple[bytes, str]:
    path = str(self.paths[i])
    return read_file(path, decode.MAX_BYTES), path


@dataclasses.dataclass(frozen=True)
class Encoded:
  """N images as bytes, decoded each time they are read.

  Attributes:
    blobs: Blobs, which any thread may read.
    position: int64 [N], of each image in `blobs`.
    decode: of one image.
    image_shape: (H, W, channels) of what `decode` returns.
  """

  blobs: Blobs
  position: np.ndarray
  decode: Decode
  image_shape: tuple[int, int, int]

  def __len__(self) -> int:
    return len(self.position)

  @property
  def shape(self) -> tuple[int, ...]:
    """(N, H, W, channels)."""
    return (len(self), *self.image_shape)

  @property
  def nbytes(self) -> int:
    """Of all images once they are decoded."""
    return int(np.prod(self.shape))

  def take(self, index: np.ndarray) -> "Encoded":
    """The images at `index` (int [M])."""
    return dataclasses.replace(self, position=self.position[index])

  def one(self, i: int) -> tuple[np.ndarray, float]:
    """Image i: (uint8 [H, W, channels], aspect)."""
    return self.decode(*self.blobs[int(self.position[i])])

  def read(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Several images; as `Reader.start`, at once."""
    with Reader(self) as reader:
      return reader.start(index)()


def unreadable(images: Encoded) -> dict[int, str]:
  """Index of each image that cannot be read -> why; reads all of them.

  Of several processes each reads its share, and all know the result.
  """
  bad = []

  def try_one(i):
    try:
      images.one(i)
    except InputError as error:
      bad.append((i, str(error)))

  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    own = range(processes.index(), len(images), processes.count())
    for done in pool.map(try_one, own):
      del done  # Waits.
  found = [pair for part in processes.from_each(bad) for pair in part]
  return {i: why for i, why in sorted(found)}


class Reader:
  """Reads images on all cores, ahead of their use.

  Threads, no processes: reading and decoding leave Python's lock, nothing is
  copied between processes, and errors arrive as they are. Measured in
  docs/measured/cost.md ("Reading images").
  """

  def __init__(self, images: Encoded):
    self._images = images
    self._pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())

  def __enter__(self) -> "Reader":
    return self

  def __exit__(self, *unused):
    self._pool.shutdown(cancel_futures=True)

  def start(
    self, index: np.ndarray
  ) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """Begins to read.

    Args:
      index: int [M].

    Returns:
      Function that waits until all are there: (uint8 [M, H, W, channels],
      float32 [M] width / height). It raises InputError where a file is gone or
      is no image; the message names it.
    """
    image = np.empty((len(index), *self._images.image_shape), np.uint8)
    aspect = np.empty(len(index), np.float32)

    def fill(slot):
      image[slot], aspect[slot] = self._images.one(index[slot])

    futures = [self._pool.submit(fill, slot) for slot in range(len(index))]

    def wait():
      for future in futures:
        future.result()
      return image, aspect

    return wait

  def ahead(
    self, indices: Iterable[np.ndarray], depth: int = 2
  ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches in order, `depth` of them begun before they are asked for."""
    begun: collections.deque = collections.deque()
    for index in indices:
      begun.append(self.start(index))
      if len(begun) > depth:
        yield begun.popleft()()
    while begun:
      yield begun.popleft()()


def batches(
  x: np.ndarray | Encoded, batch_size: int = BATCH
) -> Iterator[tuple[np.ndarray, int]]:
  """Images, some of them at a time.

  Args:
    x: arrays or Encoded pictures.
    batch_size: at most so many at a time.

  Yields:
    (consecutive images, to how many they are padded: all the same, and a power
    of two where they are few, so that few programs are compiled).

  Raises:
    InputError: a file is gone or is no image; names it.
  """
  check(batch_size > 0, f"batch_size={batch_size}; expected 1 or more")
  total = len(x)
  size = min(batch_size, 1 << max(0, total - 1).bit_length())
  starts = range(0, total, size)
  if not isinstance(x, Encoded):
    yield from ((x[start : start + size], size) for start in starts)
    return
  rows = [np.arange(start, min(start + size, total)) for start in starts]
  with Reader(x) as reader:
    yield from ((image, size) for image, _ in reader.ahead(rows))


def _centre(blob, where, size, resize):
  return decode.decode_centre(blob, where, size, resize), 1.0


def resize_of(size: int, min_crop_area: float) -> int:
  """Shorter side that pictures get before their middle is cut out, pixels.

  Args:
    size: side of the square that is cut out, pixels.
    min_crop_area: of the random-resized crops in training, 1 = none.
  """
  return size if min_crop_area == 1 else round(size * _MARGIN)


def centred(blobs: Blobs, size: int, resize: int) -> Encoded:
  """Pictures of any size as a trained network sees them.

  Args:
    blobs: Blobs, of every picture.
    size: side of the square in the middle, pixels.
    resize: shorter side before it is cut out, pixels.

  Returns:
    Encoded, RGB.
  """
  function = functools.partial(_centre, size=size, resize=resize)
  return Encoded(blobs, np.arange(len(blobs)), function, (size, size, 3))


def encoded(blobs: Blobs, options: DataOptions, training: bool) -> Encoded:
  """Pictures of any size as a run sees them.

  Training pictures are squeezed whole into a square that random-resized crops
  are taken from, where there are such crops; all others are cut to the square
  in their middle.

  Args:
    blobs: Blobs, of every picture.
    options: their image_size and min_crop_area.
    training: whether crops will be taken.

  Returns:
    Encoded, RGB.

  Raises:
    InputError: no data.image_size.
  """
  size = options.image_size
  resize = resize_of(size, options.min_crop_area)
  check(
    size > 0,
    f"data.image_size={size}; expected the pixels a side that the network"
    f" shall see, as the images of {options.dataset} can have any size",
  )
  if options.min_crop_area == 1 or not training:
    return centred(blobs, size, resize)
  function = functools.partial(decode.decode, size=resize)
  return Encoded(blobs, np.arange(len(blobs)), function, (resize, resize, 3))
