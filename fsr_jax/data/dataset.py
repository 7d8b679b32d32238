"""What a source hands to a run: splits over the same classes."""

from collections.abc import Callable
import dataclasses
import os
from typing import Any

import numpy as np

from fsr_jax.data.images.reader import Encoded, Files
from fsr_jax.errors import check


@dataclasses.dataclass(frozen=True)
class Split:
  """N labelled images; an example's `index` is its position here.

  Attributes:
    image: uint8 [N, H, W, channels], or Encoded, or feature vectors, float32
      [N, F].
    label: int32 [N], the given label, perhaps wrong.
    clean_label: int32 [N] true label, -1 where the given one is wrong and the
      true one is unknown; None where nothing is known. Monitoring only.
    id: str [N], what the source calls each example; None where it has no
      names for them.
    aspect: float32 [N], width / height of the pictures before they were
      squeezed into H x W; None where they were not.
    path: str [N], of the picture that each row of arrays was made of, as far
      as is known; None where it is not, or `image` itself is read from files.
  """

  image: np.ndarray | Encoded
  label: np.ndarray
  clean_label: np.ndarray | None = None
  id: np.ndarray | None = None
  aspect: np.ndarray | None = None
  path: np.ndarray | None = None

  def __len__(self) -> int:
    return len(self.label)

  @property
  def filepath(self) -> np.ndarray | None:
    """Absolute path of each example's picture, str [N]; None where there are
    no files. Made anew each time."""
    paths = self.path
    if isinstance(self.image, Encoded) and isinstance(self.image.blobs, Files):
      paths = self.image.blobs.paths[self.image.position]
    if paths is None:
      return None
    return np.array([os.path.abspath(path) for path in paths.tolist()], str)

  def take(self, index: np.ndarray) -> "Split":
    """The examples at `index` (int [M]), renumbered 0..M-1."""
    image = self.image
    optional = ("clean_label", "id", "aspect", "path")
    there = {name: getattr(self, name) for name in optional}
    return Split(
      image.take(index) if isinstance(image, Encoded) else image[index],
      self.label[index],
      **{name: None if x is None else x[index] for name, x in there.items()},
    )

  def decoded(self) -> "Split":
    """With the images in memory, as an array, and with their aspects."""
    if isinstance(self.image, Encoded):
      image, aspect = self.image.read(np.arange(len(self)))
      return dataclasses.replace(self, image=image, aspect=aspect)
    if self.aspect is None:
      ones = np.ones(len(self), np.float32)
      return dataclasses.replace(self, aspect=ones)
    return self


# Fields of Data that are a Split.
SPLITS = ("train", "test", "held_out", "val")


@dataclasses.dataclass(frozen=True)
class Data:
  """A training and a test split over the same classes.

  Attributes:
    train: Split. Its images are as the network sees them, unless random-resized
      crops will be taken of them.
    test: Split of images as the network sees them, or None.
    class_names: one name a class, C of them.
    held_out: clean samples in no other split, or None.
    val: what is evaluated at the ends of epochs instead of the test part, which
      then is at the end of the run alone; None where there is no such part.
    skipped: why each image was left out that could not be read.
    test_set_aside: whether the test part was taken out of the training images,
      so that another one would be taken out of others.
    class_numbers: by which the source itself calls the classes; None where it
      has none and they are called by their names only.
    notes: what was left out, guessed or changed, one line each.
  """

  train: Split
  test: Split | None
  class_names: tuple[str, ...]
  held_out: Split | None = None
  val: Split | None = None
  skipped: tuple[str, ...] = ()
  test_set_aside: bool = False
  class_numbers: tuple[int, ...] | None = None
  notes: tuple[str, ...] = ()

  @property
  def num_classes(self) -> int:
    return len(self.class_names)

  def decoded(self) -> "Data":
    """With all images in memory."""
    return self.each(lambda name, split: split.decoded())

  def splits(self) -> dict[str, Split]:
    """Those that there are, by name."""
    there = {name: getattr(self, name) for name in SPLITS}
    return {name: split for name, split in there.items() if split is not None}

  def each(self, change: Callable[[str, Split], Split]) -> "Data":
    """With every split that there is changed.

    Args:
      change: ("train", "test", "held_out" or "val", Split) -> Split.
    """
    changed: dict[str, Any] = {
      name: change(name, split) for name, split in self.splits().items()
    }
    return dataclasses.replace(self, **changed)

  def input_shape(self, side: int | None = None) -> tuple[int, ...]:
    """Of what the network sees: (H, W, channels), or (F,) of vectors.

    Args:
      side: of random-resized crops of the training images, in pixels; None
        where no such crops are taken.
    """
    shape = tuple(int(n) for n in self.train.image.shape[1:])
    return (side, side, shape[2]) if side and len(shape) == 3 else shape

  def validate(self, side: int | None = None) -> "Data":
    """Returns itself.

    Args:
      side: as for `input_shape`.

    Raises:
      InputError: labels outside 0..C-1, one class only, a class without a
        training example, no test example, or lengths and shapes that do not
        fit together.
    """
    check(
      self.num_classes > 1,
      f"there is one class only: {', '.join(self.class_names)}",
    )
    for part, words in ((self.test, "test"), (self.val, "validation")):
      check(part is None or len(part) > 0, f"no {words} examples are left")
    shape = self.train.image.shape[1:]
    for name, split in self.splits().items():
      _validate_split(name, split, self.num_classes)
      expected = shape
      if name in ("test", "val"):
        expected = self.input_shape(side)
      check(
        split.image.shape[1:] == expected,
        f"train images are {shape} but {name} images are"
        f" {split.image.shape[1:]}; expected {expected}",
      )
    count = np.bincount(self.train.label, minlength=self.num_classes)
    empty = [self.class_names[c] for c in np.flatnonzero(count == 0)]
    check(
      not empty,
      f"{len(empty)} of {self.num_classes} classes have no training example:"
      f" {', '.join(empty[:10])}",
    )
    return self


def _validate_split(name: str, split: Split, num_classes: int) -> None:
  image = split.image
  check(
    isinstance(image, Encoded)
    or (image.dtype, image.ndim) in ((np.uint8, 4), (np.float32, 2)),
    f"{name} images are {getattr(image, 'dtype', 'encoded')} {image.shape};"
    " expected uint8 [N, H, W, channels] or float32 [N, F]",
  )
  for what in ("label", "clean_label"):
    label = getattr(split, what)
    if label is None:
      continue
    check(
      label.shape == (len(split.image),),
      f"{name} {what} has shape {label.shape} for {len(split.image)} images",
    )
    least = 0 if what == "label" else -1
    wrong = np.flatnonzero((label < least) | (label >= num_classes))
    check(
      not wrong.size,
      f"{name} {what}s must be in {least}..{num_classes - 1}; {wrong.size}"
      f" are not, the first at example {wrong[0] if wrong.size else ''}:"
      f" {label[wrong[0]] if wrong.size else ''}",
    )


def channel_statistics(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Mean and standard deviation of each channel, for augment.normalize.

  Args:
    image: uint8 [N, H, W, channels], or float32 [N, F].

  Returns:
    (mean, std), float32 [channels], in units of 0..1 where 1 = 255, std at
    least 1/255; of vectors [F] in units of 255, std 1 where it is 0.
  """
  if image.ndim == 2:
    # `normalize` divides everything by 255; here that takes it back.
    mean, std = image.mean(0, dtype=np.float64), image.std(0, dtype=np.float64)
    std = np.where(std > 0, std, 1)
    return (mean / 255).astype(np.float32), (std / 255).astype(np.float32)
  # Exact integer histogram of 256 levels: no float copy of the data set.
  levels = np.arange(256) / 255.0
  share = (
    np.stack(
      [
        np.bincount(image[..., c].ravel(), minlength=256)
        for c in range(image.shape[-1])
      ]
    )
    / image[..., 0].size
  )
  mean = share @ levels
  std = np.sqrt(np.maximum(share @ levels**2 - mean**2, 0))
  return mean.astype(np.float32), np.maximum(std, 1 / 255).astype(np.float32)
