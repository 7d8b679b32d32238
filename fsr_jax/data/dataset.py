"""What a source hands to a run: two splits held in memory."""

import dataclasses

import numpy as np

from fsr_jax.errors import check


@dataclasses.dataclass(frozen=True)
class Split:
  """N labelled images; an example's `index` is its position here.

  Attributes:
    image: uint8 [N, H, W, channels].
    label: int32 [N], the given label, perhaps wrong.
    clean_label: int32 [N] true label, or None where unknown. Monitoring only.
  """

  image: np.ndarray
  label: np.ndarray
  clean_label: np.ndarray | None = None

  def __len__(self) -> int:
    return len(self.label)

  def take(self, index: np.ndarray) -> "Split":
    """The examples at `index` (int [M]), renumbered 0..M-1."""
    clean = None if self.clean_label is None else self.clean_label[index]
    return Split(self.image[index], self.label[index], clean)


@dataclasses.dataclass(frozen=True)
class Data:
  """A training and a test split over the same classes.

  Attributes:
    train, test: Split.
    class_names: one name a class, C of them.
    held_out: clean samples in no other split, or None.
  """

  train: Split
  test: Split
  class_names: tuple[str, ...]
  held_out: Split | None = None

  @property
  def num_classes(self) -> int:
    return len(self.class_names)

  def validate(self) -> "Data":
    """Returns itself.

    Raises:
      InputError: labels outside 0..C-1, a class without a training example,
        or lengths and shapes that do not fit together.
    """
    shape = self.train.image.shape[1:]
    for name in ("train", "test", "held_out"):
      split = getattr(self, name)
      if split is None:
        continue
      _validate_split(name, split, self.num_classes)
      check(
          split.image.shape[1:] == shape,
          f"train images are {shape} but {name} images are"
          f" {split.image.shape[1:]}; expected the same shape",
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
  check(
      split.image.dtype == np.uint8 and split.image.ndim == 4,
      f"{name} images are {split.image.dtype} {split.image.shape}; expected"
      " uint8 [N, H, W, channels]",
  )
  for what in ("label", "clean_label"):
    label = getattr(split, what)
    if label is None:
      continue
    check(
        label.shape == (len(split.image),),
        f"{name} {what} has shape {label.shape} for {len(split.image)} images",
    )
    wrong = np.flatnonzero((label < 0) | (label >= num_classes))
    check(
        not wrong.size,
        f"{name} {what}s must be in 0..{num_classes - 1}; {wrong.size} are"
        f" not, the first at example {wrong[0] if wrong.size else ''}:"
        f" {label[wrong[0]] if wrong.size else ''}",
    )


def channel_statistics(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Mean and standard deviation of each channel, for normalisation.

  Args:
    image: uint8 [N, H, W, channels].

  Returns:
    (mean, std), float32 [channels], in units of 0..1; std at least 1/255.
  """
  # Exact integer histogram of 256 levels: no float copy of the data set.
  levels = np.arange(256) / 255.0
  share = np.stack([
      np.bincount(image[..., c].ravel(), minlength=256)
      for c in range(image.shape[-1])
  ]) / image[..., 0].size
  mean = share @ levels
  std = np.sqrt(np.maximum(share @ levels**2 - mean**2, 0))
  return mean.astype(np.float32), np.maximum(std, 1 / 255).astype(np.float32)
