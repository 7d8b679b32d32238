"""Labelled files before any is opened, and the part that is set aside."""

import pathlib
from typing import NamedTuple

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import Files, encoded
from fsr_jax.data.labels.classes import (
  by_name,
  check_ids,
  class_names_of,
  indices,
)
from fsr_jax.data.options import DataOptions
from fsr_jax.errors import check

# Names of the parts, most usual first.
TRAIN, TEST = ("train", "training"), ("test", "val", "valid", "validation")


class Listing(NamedTuple):
  """Labelled files before any is opened.

  Attributes:
    path: str [N].
    label: class names, str [N].
    id: str [N].
    clean_label: class names, str [N], or None.
    part: "train", "test" or "" (not said), str [N].
  """

  path: np.ndarray
  label: np.ndarray
  id: np.ndarray
  clean_label: np.ndarray | None
  part: np.ndarray

  def take(self, index: np.ndarray) -> "Listing":
    """The files at `index`, int [M]."""
    clean_label = self.clean_label
    return Listing(
      path=self.path[index],
      label=self.label[index],
      id=self.id[index],
      clean_label=None if clean_label is None else clean_label[index],
      part=self.part[index],
    )


def existing(path: str | None, dataset: str) -> pathlib.Path:
  """The file or folder that data.path names.

  Args:
    path: data.path.
    dataset: what is expected there, for messages.

  Raises:
    InputError: none is named, or none is there.
  """
  check(bool(path), f"data.path is missing: where is the {dataset}?")
  found = pathlib.Path(path or "").expanduser()
  check(found.exists(), f"data.path={found} does not exist")
  return found


def from_listing(
  options: DataOptions, listing: Listing, where: pathlib.Path
) -> Data:
  """Data of labelled files, of which none is opened.

  Args:
    options: their image_size, min_crop_area and test_share.
    listing: Listing; where it names no test part, one is set aside.
    where: it is from, for messages.

  Raises:
    InputError: an id is there twice, a label is missing, there is no training
      part.
  """
  check_ids(where, listing.id)
  names = class_names_of(listing.label, listing.clean_label)
  named = by_name(names)
  label = indices(where, "label", listing.label, named, unknown=False)
  clean_label = listing.clean_label
  if clean_label is not None:
    clean_label = indices(
      where, "clean_label", clean_label, named, unknown=True
    )
  files, is_test = Files(listing.path), listing.part == "test"
  check(not is_test.all(), f"{where} has a test part and no training part")
  aside = not is_test.any()
  if aside:
    is_test = set_aside(label, len(names), options.test_share)
  train, test = (
    Split(
      encoded(files, options, training), label, clean_label, listing.id
    ).take(np.flatnonzero(is_test != training))
    for training in (True, False)
  )
  return Data(train, test, names, test_set_aside=aside)


def set_aside(label: np.ndarray, num_classes: int, share: float) -> np.ndarray:
  """Chooses a test part, the same for every seed.

  Args:
    label: int32 [N].
    num_classes: C.
    share: fraction 0-1 of every class; of a class of two or more at least one.

  Returns:
    bool [N], True for the test part.

  Raises:
    InputError: nothing is left for one of the two parts.
  """
  rng = np.random.default_rng(0)
  is_test = np.zeros(label.size, bool)
  for c in range(num_classes):
    members = rng.permutation(np.flatnonzero(label == c))
    size = min(max(1, round(share * members.size)), members.size - 1)
    is_test[members[: max(0, size)]] = True
  check(
    share > 0 and bool(is_test.any()) and not is_test.all(),
    f"data.test_share={share} of {label.size} examples leaves no test or no"
    " training part",
  )
  return is_test
