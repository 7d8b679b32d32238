"""What a config for the user's own data needs to know before it is made."""

import dataclasses
import io
from typing import NamedTuple

import numpy as np

from fsr_jax.data.images.reader import Encoded
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.arrays import arrays
from fsr_jax.data.sources.folder import folder
from fsr_jax.data.sources.listing import existing
from fsr_jax.data.sources.manifest import manifest
from fsr_jax.errors import InputError, check

# Files that are opened for their size.
_SAMPLE = 100


class Survey(NamedTuple):
  """The user's own data at a glance.

  Attributes:
    dataset: key of sources.SOURCES.
    num_examples: N, without the test part.
    num_classes: C.
    side: median of the shorter sides, pixels.
    fixed: whether the images have one size and are taken as they are.
    vectors: whether they are feature vectors, which have no sides.
  """

  dataset: str
  num_examples: int
  num_classes: int
  side: int
  fixed: bool
  vectors: bool


def survey(path: str, options: DataOptions) -> Survey:
  """Looks at a folder, a manifest (.csv, .parquet) or arrays (.npz, .npy).

  Args:
    path: of it.
    options: their other fields say how it is read.

  Returns:
    Survey.

  Raises:
    InputError: nothing there, or not what it seems to be.
  """
  root = existing(path, "data")
  suffix = root.suffix.lower()
  if suffix == ".npz" or (root.is_dir() and any(root.glob("*.npy"))):
    dataset, source = "arrays", arrays
  elif root.is_dir():
    dataset, source = "folder", folder
  else:
    check(
      suffix in (".csv", ".parquet"),
      f"data.path={root}; expected a folder of images, a .csv or .parquet"
      " manifest, or a .npz file",
    )
    dataset, source = "manifest", manifest
  read = {
    entry.name: getattr(options, entry.name)
    for entry in dataclasses.fields(DataOptions)
  }
  # No image is decoded here.
  read |= {"path": str(root), "image_size": options.image_size or 1}
  data = source(DataOptions(**read))
  image = data.train.image
  fixed = not isinstance(image, Encoded)
  vectors = len(image.shape) == 2
  return Survey(
    dataset=dataset,
    num_examples=len(data.train),
    num_classes=data.num_classes,
    side=_side(image),
    fixed=fixed,
    vectors=vectors,
  )


def _side(images: np.ndarray | Encoded) -> int:
  """Median of the shorter sides, pixels; 0 of vectors."""
  if not isinstance(images, Encoded):
    return 0 if images.ndim == 2 else min(images.shape[1:3])
  # Imported here: only pictures need it.
  from PIL import Image

  sides = []
  for i in np.linspace(0, len(images) - 1, _SAMPLE).astype(int):
    try:
      blob, path = images.blobs[images.position[i]]
      with Image.open(io.BytesIO(blob)) as picture:  # Its header.
        sides.append(min(picture.size))
    except (InputError, OSError, Image.DecompressionBombError) as error:
      reason = error  # Named by the run that reads it.
  if not sides:
    raise InputError(f"none of {_SAMPLE} files tried is an image: {reason}")
  return int(np.median(sides))
