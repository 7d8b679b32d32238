"""Features of a run's pictures by a frozen backbone, taken once and kept."""

from collections.abc import Generator, Iterator
import contextlib
import dataclasses
import pathlib
from typing import NamedTuple

import jax
import numpy as np

from fsr_jax import processes
from fsr_jax.config import Options
from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import Encoded, Reader
from fsr_jax.errors import check
from fsr_jax.maths import collectives
from fsr_jax.maths.collectives import Tree
from fsr_jax.run.pretrained import extractors, feature_files
from fsr_jax.run.stop import SIGNALS, Left, Stop
from fsr_jax.run.watch.progress import Countdown
from fsr_jax.run.watch.screen import Screen, say
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.extractor import Extractor
from fsr_jax.train.parallel import Anyone, Devices

# Pictures of one compiled call, which an interruption waits for.
_BATCH = 64


class Frozen(NamedTuple):
  """What is trained where a backbone is frozen.

  Attributes:
    extractor: arrays of the backbone; None where none is frozen.
    data: Data whose images are its features, float32 [N, F].
  """

  extractor: Tree | None
  data: Data


def keep_backbone(options: Options, data: Data, workdir: Workdir) -> list[str]:
  """Keeps the frozen backbone of a run in its workdir, if one is frozen.

  The workdir is this process's own from then on.

  Args:
    options: Options.
    data: Data of pictures.
    workdir: of the run.

  Returns:
    What to know of the backbone, one line each.

  Raises:
    InputError: weights that are not there or do not fit; nothing is written
      then.
  """
  if not options.train.network.frozen_backbone:
    return []
  return processes.from_first(lambda: _keep(options, data, workdir))


def _keep(options: Options, data: Data, workdir: Workdir) -> list[str]:
  """`keep_backbone` in the first process."""
  network = options.train.network
  # A run that was begun is trained on the features of the backbone it kept.
  if workdir.has_checkpoint:
    workdir.lock()
    return []
  extractor = extractors.described(network, data.train.image.shape[1:])
  arrays, notes = extractors.create(extractor, network)
  workdir.lock()
  extractors.save(workdir.path, extractor, arrays)
  return notes


def features_of_run(
  options: Options,
  data: Data,
  workdir: Workdir,
  devices: Devices,
  signals: tuple[int, ...] = SIGNALS,
  say: Screen = say,
) -> Frozen:
  """Features in place of the pictures of a run, if its backbone is frozen.

  They are kept in the folder `features` of its workdir or in feature_cache.

  Args:
    options: Options.
    data: Data of pictures.
    workdir: of the run; its backbone is in it.
    devices: Devices.
    signals: that end it, in the main thread.
    say: what lines of progress are shown on.

  Raises:
    InputError: no backbone there, a picture that cannot be read, features that
      are not finite.
    Left: one of the signals came.
  """
  network = options.train.network
  if not network.frozen_backbone:
    return Frozen(None, data)
  extractor, arrays = _loaded(workdir.path, network.network)
  cache, every = options.run.feature_cache, options.run.log_every_seconds
  folder = pathlib.Path(cache) if cache else workdir.path / "features"
  features = Features(extractor, arrays, folder, devices)
  return Frozen(arrays, features.of(data, every, signals, say))


def _loaded(path: pathlib.Path, network: str) -> tuple[Extractor, Tree]:
  """As `extractors.load`; the first process reads, all know."""
  found: list[Tree] = []

  def load() -> list:
    extractor, arrays = extractors.load(path, network)
    found.append(arrays)
    return [extractor.network, extractor.image_shape, extractor.compute_dtype]

  name, (height, width, channels), dtype = processes.from_first(load)
  extractor = Extractor(name, (height, width, channels), dtype)
  arrays = found[0] if found else _zeros(extractor.template())
  return extractor, processes.arrays_from_first(arrays)


def _zeros(like: Tree) -> Tree:
  return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)


class Features:
  """Takes the features of pictures, or finds those taken before."""

  def __init__(
    self,
    extractor: Extractor,
    arrays: Tree,
    folder: pathlib.Path,
    devices: Devices,
  ):
    """Compiles nothing yet.

    Args:
      extractor: Extractor.
      arrays: like its template.
      folder: where features are kept.
      devices: Devices.
    """
    self._files = feature_files.FeatureFiles(folder, extractor, arrays)
    self._devices = devices
    self._batch = -(-_BATCH // len(devices)) * len(devices)
    self._program = devices.compile(_features, extractor=extractor)
    self._arrays = devices.put(arrays)

  def of(
    self, data: Data, every: float, signals: tuple[int, ...], say: Screen
  ) -> Data:
    """Data with features in place of pictures.

    Args:
      data: Data of pictures.
      every: seconds between two lines of progress.
      signals: that end it, in the main thread.
      say: what lines of progress are shown on.

    Raises:
      InputError: a picture that cannot be read, features that are not finite.
      Left: one of the signals came; what was taken is kept.
    """
    known = self._files.known(data)
    missing = sum(
      len(split) - sum(map(len, known[name].values()))
      for name, split in data.splits().items()
    )
    if missing:
      total = sum(len(split) for split in data.splits().values())
      say(
        f"features of {missing:,} of {total:,} pictures are to be taken; they"
        f" are kept in {self._files.folder}"
      )
    clock = Countdown("features", missing, "images", every, say)
    stop = Stop(Anyone(self._devices) if processes.count() > 1 else None)

    def with_features(name: str, split: Split) -> Split:
      found = known[name]
      self._make(split, found, clock, stop)
      image = np.concatenate([found[start] for start in sorted(found)])
      return dataclasses.replace(
        split, image=image, aspect=None, path=split.filepath
      )

    with clock, stop.on(signals if missing else ()):
      return data.each(with_features)

  def _make(
    self,
    split: Split,
    found: dict[int, np.ndarray],
    clock: Countdown,
    stop: Stop,
  ) -> None:
    """Takes what `found` of `FeatureFiles.known` lacks, and keeps it."""
    spans = {}
    for start in range(0, len(split), feature_files.SHARD):
      first = start + len(found.get(start, ()))
      end = min(start + feature_files.SHARD, len(split))
      if first < end:
        spans[start] = first, end
    if not spans:
      return
    with contextlib.closing(
      self._take(split, list(spans.values()), clock)
    ) as taken:
      for start, (first, end) in spans.items():
        rows = [found[start]] if start in found else []
        for at in range(first, end, self._batch):
          rows.append(next(taken)[: end - at])
          stop.done_something()
          stop.update()
          if stop.asked:
            break
        found[start] = np.concatenate(rows)
        _check_finite(found[start], start)
        self._files.write(split, start, found[start])
        if stop.asked:
          raise Left(
            f"left while features were taken; those of"
            f" {sum(map(len, found.values())):,} pictures of this part are"
            " kept, and the same command continues"
          )

  def _take(
    self, split: Split, spans: list[tuple[int, int]], clock: Countdown
  ) -> Generator[np.ndarray]:
    """Yields float32 [batch, F] of each span of pictures (first, end); its last
    batch repeats a picture."""
    batches = [
      np.minimum(np.arange(at, at + self._batch), end - 1)
      for first, end in spans
      for at in range(first, end, self._batch)
    ]
    own = [index[processes.share(len(index))] for index in batches]
    for index, image in zip(batches, _images(split.image, own)):
      placed = self._devices.split(image)
      features = self._devices.get(self._program(self._arrays, placed))
      clock.add(len(set(index.tolist())))
      yield features


def _features(arrays: Tree, image, *, extractor: Extractor):
  """float32 [B, F] of all devices' pictures, this device's being `image`."""
  return collectives.all_gather(extractor.apply(arrays, image))


def _images(
  images: np.ndarray | Encoded, batches: list[np.ndarray]
) -> Iterator[np.ndarray]:
  """Yields uint8 images of each of `batches`, int [B]."""
  if not isinstance(images, Encoded):
    yield from (images[index] for index in batches)
    return
  with Reader(images) as reader:
    yield from (image for image, _ in reader.ahead(batches))


def _check_finite(features: np.ndarray, start: int) -> None:
  """Refuses features, float32 [n, F], of the pictures from `start` on."""
  odd = np.flatnonzero(~np.isfinite(features).all(1))
  check(
    not odd.size,
    f"the features of picture {start + odd[0] if odd.size else ''} are"
    " infinite or no numbers; are the weights whole, and for pictures?",
  )
