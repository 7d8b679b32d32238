"""The files that features are kept in.

They lie below a folder whose name is a digest of all that they follow from: an
interrupted extraction goes on where it was, a run with other options on the
same pictures finds them, and changed pictures or weights do not. Of several
processes the first one has the files.
"""

import contextlib
import hashlib
import os
import pathlib

import numpy as np

from fsr_jax import archives, processes
from fsr_jax.data.dataset import Data, Split
from fsr_jax.errors import InputError
from fsr_jax.files import replacing
from fsr_jax.maths.collectives import Tree
from fsr_jax.run.checkpoint import named
from fsr_jax.run.pretrained.fingerprints import fingerprints
from fsr_jax.train.extractor import Extractor

# Pictures of one file, which a kill costs.
SHARD = 512


class FeatureFiles:
  """Those of one backbone.

  Attributes:
    folder: below which they lie.
  """

  def __init__(self, folder: pathlib.Path, extractor: Extractor, arrays: Tree):
    """Reads and writes nothing.

    Args:
      folder: made when it is needed.
      extractor: Extractor.
      arrays: of it.
    """
    self.folder = folder
    self._source = hashlib.sha256(repr(extractor).encode())
    for name, array in named(arrays).items():
      self._source.update(name.encode())
      self._source.update(np.ascontiguousarray(array).tobytes())

  def known(self, data: Data) -> dict[str, dict[int, np.ndarray]]:
    """The features that there are.

    Args:
      data: Data of pictures.

    Returns:
      {name of a split: {first picture of a file: float32 [n, F]}}.
    """
    found: dict[str, dict[int, np.ndarray]] = {}

    def read() -> list:
      for name, split in data.splits().items():
        found[name] = self._read(split)
      return [
        [name, [[start, x.shape] for start, x in known.items()]]
        for name, known in found.items()
      ]

    shapes = processes.from_first(read)
    if not found:
      found = {
        name: {at: np.zeros(shape, np.float32) for at, shape in known}
        for name, known in shapes
      }
    return processes.arrays_from_first(found)

  def write(self, split: Split, start: int, features: np.ndarray) -> None:
    """Writes the file of the pictures from `start` on, float32 [n, F]."""
    if not processes.is_first():
      return
    path = self._place(split) / f"{start:08}.npz"
    # Several runs may share the folder.
    with (
      replacing(path, str(os.getpid())) as partial,
      open(partial, "wb") as file,
    ):
      np.savez(file, features=features)

  def _place(self, split: Split) -> pathlib.Path:
    """Folder of the features of a split."""
    digest = self._source.copy()
    for piece in fingerprints(split):
      digest.update(piece)
    return self.folder / digest.hexdigest()[:32]

  def _read(self, split: Split) -> dict[int, np.ndarray]:
    """{first picture: float32 [n, F]} of the files that are there and not
    damaged; one that was left before its end has fewer pictures."""
    folder, found = self._place(split), {}
    for start in range(0, len(split), SHARD):
      size = min(SHARD, len(split) - start)
      # Not there, or damaged, which the format's check sums tell.
      with contextlib.suppress(InputError, KeyError):
        features = archives.npz(folder / f"{start:08}.npz")["features"]
        if features.ndim == 2 and 0 < len(features) <= size:
          found[start] = features
    return found
