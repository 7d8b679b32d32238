"""Images a second from a folder: ours beside grain on the same files.

    python benchmarks/pipeline.py --path=IMAGES --rounds=3

IMAGES/CLASS/*.jpg, squeezed to --size. Ours is `Reader` (threads); grain (pip
install grain) does the same decoding in threads and in worker processes. Rows
take turns, so that a busy machine slows all of them; the median of the rounds
counts. The first three batches of a round are not counted: what a pipeline
reads ahead is free in the beginning. Memory is this process's after each round.
"""

import os
import pathlib
import resource
import statistics
import sys
import time

from absl import app, flags
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # Works without installing anything.

from benchmarks import tables  # noqa: E402
from fsr_jax.data.images import decode  # noqa: E402
from fsr_jax.data.images.reader import Encoded, Reader  # noqa: E402
from fsr_jax.data.options import DataOptions  # noqa: E402
from fsr_jax.data.sources import folder  # noqa: E402
from fsr_jax.errors import InputError, check  # noqa: E402

_PATH = flags.DEFINE_string("path", None, "Folder of images.")
_SIZE = flags.DEFINE_integer("size", 256, "Pixels a side.")
_BATCH = flags.DEFINE_integer("batch", 64, "Images a batch.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "How often each row is measured.")

_WARM = 3  # Batches.


def images() -> Encoded:
  """The training images of the folder."""
  options = DataOptions(path=_PATH.value, image_size=224, min_crop_area=0.08)
  encoded = folder.folder(options).train.image
  side = _SIZE.value
  return Encoded(
    encoded.blobs, encoded.position, Squeezed(side), (side, side, 3)
  )


class Squeezed:
  """`decode` to one size; for worker processes, which need a class."""

  def __init__(self, side: int):
    self._side = side

  def __call__(self, blob, where):
    return decode.decode(blob, where, self._side)


def ours(encoded: Encoded):
  """Batches by `Reader`."""
  count = len(encoded) // _BATCH.value * _BATCH.value
  with Reader(encoded) as reader:
    yield from reader.ahead(np.arange(count).reshape(-1, _BATCH.value))


class Source:
  """The images one by one, as grain asks for them."""

  def __init__(self, encoded: Encoded):
    self._encoded = encoded

  def __len__(self):
    return len(self._encoded)

  def __getitem__(self, i):
    return self._encoded.one(i)


def grain_threads(encoded: Encoded):
  """Batches by grain's threads, as many as cores."""
  import grain

  options = grain.ReadOptions(
    num_threads=os.cpu_count(), prefetch_buffer_size=2 * _BATCH.value
  )
  return (
    grain.MapDataset.source(Source(encoded))
    .to_iter_dataset(options)
    .batch(_BATCH.value, drop_remainder=True)
  )


def grain_processes(encoded: Encoded):
  """Batches by grain's worker processes, as many as cores."""
  import grain

  options = grain.MultiprocessingOptions(os.cpu_count(), 2)
  return (
    grain.MapDataset.source(Source(encoded))
    .batch(_BATCH.value, drop_remainder=True)
    .to_iter_dataset(grain.ReadOptions(num_threads=1))
    .mp_prefetch(options)
  )


def rate(batches) -> float:
  """Images a second, after the first batches."""
  started, count = None, 0
  for number, (image, _) in enumerate(batches, start=1):
    if number > _WARM:
      count += len(image)
    elif number == _WARM:
      started = time.perf_counter()
  check(count > 0, f"fewer than {_WARM + 1} batches of {_BATCH.value} images")
  return count / (time.perf_counter() - started)


def main(argv):
  del argv
  check(bool(_PATH.value), "--path is missing: a folder of images")
  rows = {"ours": ours}
  try:
    import grain  # noqa: F401
  except ImportError:
    print("grain is not installed (pip install grain): not compared")
  else:
    rows |= {
      "grain, threads": grain_threads,
      "grain, processes": grain_processes,
    }
  encoded = images()
  found, memory = {name: [] for name in rows}, []
  for _ in range(_ROUNDS.value):
    for name, batches in rows.items():
      found[name].append(rate(batches(encoded)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory.append(f"{peak / 1024:.0f}")
  print(f"{len(encoded)} images, {os.cpu_count()} cores, {_SIZE.value} pixels")
  medians = {name: statistics.median(rates) for name, rates in found.items()}
  base = medians["ours"]
  body = [
    [name, f"{x:.0f}", f"{x / os.cpu_count():.0f}", f"{base / x:.2f} x"]
    for name, x in medians.items()
  ]
  print(tables.markdown(["row", "images/s", "per core", "ours is"], body))
  print(f"peak memory after each round, MB: {', '.join(memory)}")


if __name__ == "__main__":
  try:
    app.run(main)
  except InputError as error:
    sys.exit(f"error: {error}")
