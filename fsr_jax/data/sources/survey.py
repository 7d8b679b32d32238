"""The user's own data at a glance, before anything is chosen for them."""

from collections.abc import Callable
import dataclasses
import pathlib
from typing import NamedTuple

import numpy as np

from fsr_jax.data.dataset import Data
from fsr_jax.data.images import decode
from fsr_jax.data.images.reader import Encoded
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.arrays import arrays
from fsr_jax.data.sources.folder import folder
from fsr_jax.data.sources.listing import existing
from fsr_jax.data.sources.manifest import manifest
from fsr_jax.data.table import SUFFIXES
from fsr_jax.errors import InputError, check, choose

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
    num_features: F of feature vectors, which have no sides; 0 of images.
  """

  dataset: str
  num_examples: int
  num_classes: int
  side: int
  fixed: bool
  num_features: int

  @property
  def vectors(self) -> bool:
    """Whether they are feature vectors."""
    return self.num_features > 0


# dataset -> source, of those that read what data.path names.
_SOURCES = {"folder": folder, "manifest": manifest, "arrays": arrays}


def survey(
  options: DataOptions,
  dataset: str | None = None,
  source: Callable[[DataOptions], Data] | None = None,
) -> Survey:
  """Looks at the data that options.path names.

  Args:
    options: their other fields say how they are read; image_size may be 0.
    dataset: folder, manifest or arrays; None for what they look like.
    source: of arrays in memory, which no path names.

  Returns:
    Survey.

  Raises:
    InputError: nothing there, or not what it seems to be.
  """
  if source is not None:
    return _survey("arrays", source(options))
  check(
    bool(options.path),
    "where are the images? --config=folder:IMAGES or --config.data.path=IMAGES",
  )
  root = existing(options.path, "data")
  dataset = dataset or looks_like(root, "data.path")
  choose("data.dataset of your own data", dataset, _SOURCES)
  # No image is decoded here.
  size = options.image_size or 1
  return _survey(
    dataset, _SOURCES[dataset](dataclasses.replace(options, image_size=size))
  )


def _survey(dataset: str, data: Data) -> Survey:
  image = data.train.image
  fixed = not isinstance(image, Encoded)
  return Survey(
    dataset=dataset,
    num_examples=len(data.train),
    num_classes=data.num_classes,
    side=_side(image),
    fixed=fixed,
    num_features=image.shape[1] if len(image.shape) == 2 else 0,
  )


def looks_like(root: pathlib.Path, name: str) -> str:
  """Which source reads a file or folder: folder, manifest or arrays.

  Args:
    root: it exists.
    name: of what names it, for messages.

  Raises:
    InputError: none does.
  """
  suffix = root.suffix.lower()
  if suffix == ".npz" or (root.is_dir() and any(root.glob("*.npy"))):
    return "arrays"
  if root.is_dir():
    return "folder"
  check(
    suffix in SUFFIXES,
    f"{name}={root}; expected a folder of images, a table"
    f" ({', '.join(SUFFIXES)}) that lists them, or a .npz file",
  )
  return "manifest"


def _side(images: np.ndarray | Encoded) -> int:
  """Median of the shorter sides, pixels; 0 of vectors."""
  if not isinstance(images, Encoded):
    return 0 if images.ndim == 2 else min(images.shape[1:3])
  sides = []
  for i in np.linspace(0, len(images) - 1, _SAMPLE).astype(int):
    try:
      blob, path = images.blobs[images.position[i]]
      sides.append(min(decode.size_of(blob, path)))
    except InputError as error:
      reason = error  # Named by the run that reads it.
  if not sides:
    raise InputError(f"none of {_SAMPLE} files tried is an image: {reason}")
  return int(np.median(sides))
