"""Labelled files before any is opened, and the part that is set aside."""

import pathlib
from typing import NamedTuple

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import Files, encoded
from fsr_jax.data.labels.classes import by_name, check_ids, indices
from fsr_jax.data.labels.values import (
  ARRAY,
  Rows,
  class_names_of,
  listed,
  sorted_names,
  spelled,
)
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.parts import OTHER, TEST, VAL
from fsr_jax.errors import check
from fsr_jax.files import place


class Listing(NamedTuple):
  """Labelled files before any is opened.

  Attributes:
    path: str [N].
    label: class names, str [N].
    id: str [N].
    clean_label: class names, str [N], or None.
    part: TRAIN, VAL, TEST, OTHER (left out) or "" (not said), str [N].
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
  found = place(path or "")
  check(found.exists(), f"data.path={found} does not exist")
  return found


def from_listing(
  options: DataOptions,
  listing: Listing,
  where: pathlib.Path,
  rows: Rows | None = None,
) -> Data:
  """Data of labelled files, of which none is opened.

  Args:
    options: their class_names, image_size, min_crop_area and test_share.
    listing: Listing; where it names no test part, one is set aside, unless
      options.test_from names another.
    where: it is from, for messages.
    rows: how those of its table are counted; None where it is no table, and
      every label the name of a folder.

  Raises:
    InputError: an id is there twice, a label is missing, there is no training
      part.
  """
  check_ids(where, listing.id)
  names, label, clean_label = _classes(options, listing, where, rows)
  notes = _spellings(listing.label, label, names)
  used = np.flatnonzero(listing.part != OTHER)
  if others := len(label) - used.size:
    notes += (
      f"{others} examples of {where} are in other parts than those trained on,"
      " validated and tested, and are left out",
    )
  listing, label = listing.take(used), label[used]
  clean_label = None if clean_label is None else clean_label[used]
  part = listing.part.astype("U5")
  held = np.isin(part, (VAL, TEST))
  check(not held.all(), f"{where} has a test part and no training part")
  # What is tested from elsewhere needs no training images.
  aside = TEST not in part and not options.test_from
  if aside:
    trained = np.flatnonzero(~held)
    chosen = set_aside(label[trained], len(names), options.test_share)
    part[trained[chosen]] = TEST
    aside = bool(chosen.any())
  files = Files(listing.path)

  def split(which: np.ndarray, training: bool = False) -> Split:
    images = encoded(files, options, training)
    everything = Split(images, label, clean_label, listing.id)
    return everything.take(np.flatnonzero(which))

  return Data(
    train=split(~np.isin(part, (VAL, TEST)), training=True),
    test=split(part == TEST) if TEST in part else None,
    class_names=names,
    val=split(part == VAL) if VAL in part else None,
    test_set_aside=aside,
    notes=notes,
  )


def _classes(
  options: DataOptions,
  listing: Listing,
  where: pathlib.Path,
  rows: Rows | None,
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray | None]:
  """(names of the classes, label and clean label, int32 [N])."""
  columns = {"label": listing.label, "clean_label": listing.clean_label}
  if options.class_names is not None:
    names = listed(options.class_names)
  elif rows is None:
    names = sorted_names(listing.label.tolist())
  else:
    names = class_names_of(where, columns, rows)
  label, clean_label = (
    None
    if values is None
    else indices(
      where,
      what,
      values,
      by_name(names),
      unknown=what == "clean_label",
      rows=rows or ARRAY,
    )
    for what, values in columns.items()
  )
  assert label is not None
  return names, label, clean_label


def _spellings(
  written: np.ndarray, label: np.ndarray, names: tuple[str, ...]
) -> tuple[str, ...]:
  """Which labels are written in several ways and taken for one class."""
  pairs = sorted(set(zip(label.tolist(), map(spelled, written.tolist()))))
  ways: dict[int, list[str]] = {}
  for c, text in pairs:
    ways.setdefault(c, []).append(text)
  several = [(names[c], texts) for c, texts in ways.items() if len(texts) > 1]
  if not several:
    return ()
  name, texts = several[0]
  return (
    f"{len(several)} classes are written in several ways, e.g. {name} as"
    f" {', '.join(texts)}",
  )


def set_aside(label: np.ndarray, num_classes: int, share: float) -> np.ndarray:
  """Chooses a test part, the same for every seed.

  Args:
    label: int32 [N].
    num_classes: C.
    share: fraction 0-1 of every class, of a class of two or more at least one;
      0 sets nothing aside.

  Returns:
    bool [N], True for the test part.

  Raises:
    InputError: nothing is left for one of the two parts.
  """
  rng = np.random.default_rng(0)
  is_test = np.zeros(label.size, bool)
  if share == 0:
    return is_test
  for c in range(num_classes):
    members = rng.permutation(np.flatnonzero(label == c))
    size = min(max(1, round(share * members.size)), members.size - 1)
    is_test[members[: max(0, size)]] = True
  check(
    bool(is_test.any()) and not is_test.all(),
    f"data.test_share={share} of {label.size} examples leaves no test or no"
    " training part",
  )
  return is_test
