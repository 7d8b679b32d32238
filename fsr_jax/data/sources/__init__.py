"""Where images come from, and what is done to their labels on purpose."""

from collections.abc import Callable
import dataclasses
import functools
import os

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import Encoded, Files, unreadable
from fsr_jax.data.labels import file, imbalance, noise
from fsr_jax.data.options import ON_ERROR, DataOptions, crop_side
from fsr_jax.data.sources import (
  arrays,
  digits,
  folder,
  manifest,
  test_part,
  tfds,
  webvision,
)
from fsr_jax.errors import check, choose

# Reads what options name.
Source = Callable[[DataOptions], Data]

SOURCES: dict[str, Source] = {
  "digits": digits.digits,
  "cifar10": tfds.load,
  "cifar100": tfds.load,
  "folder": folder.folder,
  "manifest": manifest.manifest,
  "arrays": arrays.arrays,
  "webvision": webvision.webvision,
}


def load(options: DataOptions, seed: int, source: Source | None = None) -> Data:
  """The data of a run: source, labels, held-out, subset, long tail, noise.

  Args:
    options: DataOptions.
    seed: of the run; decides which examples stay and which labels are wrong.
    source: of data in memory; None for the one that `data.dataset` names.

  Returns:
    Data with validated labels; where there is label noise `train.clean_label`
    holds the labels before it, unless the source knows better.

  Raises:
    InputError: an unknown name, missing or damaged files, bad labels,
      a file that is in two parts.
  """
  choose("noise", options.noise, noise.NOISES)
  choose("imbalance", options.imbalance, imbalance.IMBALANCES)
  choose("on_error", options.on_error, ON_ERROR)
  data = (source or source_of(options.dataset))(options)
  known = [split.id for split in (data.train, data.test, data.val) if split]
  if options.num_classes:
    data = _first_classes(data, options)
  if options.test_from:
    test, notes = test_part.load(options, data.class_names)
    data = dataclasses.replace(
      data, test=test, test_set_aside=False, notes=data.notes + notes
    )
  _check_apart(data)
  if options.on_error == "skip":
    data = _without_unreadable(data)
  # Separate streams, so that e.g. the noise does not move with the subset.
  rngs = [np.random.default_rng([seed, stream]) for stream in range(4)]
  subset_rng, imbalance_rng, noise_rng, held_out_rng = rngs
  train, held_out = data.train, None
  if options.labels_file:
    data = file.replace(data, options.labels_file, known)
    train = data.train
  if options.held_out:
    _check_size(options, "held_out", len(train) - 1)
    held_out, train = _hold_out(train, options, data.num_classes, held_out_rng)
  if options.max_examples:
    _check_size(options, "max_examples", len(train))
    train = train.take(
      imbalance.subset(
        train.label, options.max_examples, data.num_classes, subset_rng
      )
    )
  if options.imbalance_ratio != 1:
    train = train.take(
      imbalance.IMBALANCES[options.imbalance](
        train.label, options.imbalance_ratio, data.num_classes, imbalance_rng
      )
    )
  if options.noise != "none":
    train = _with_noise(train, options, data.num_classes, noise_rng)
  data = dataclasses.replace(data, train=train, held_out=held_out)
  return data.validate(crop_side(options))


def _check_apart(data: Data) -> None:
  """Refuses a file that is in two parts, also by way of linked folders."""
  # The smaller parts first: they are remembered, the training part looked up.
  parts = {"test": data.test, "val": data.val, "training": data.train}
  known: dict[tuple[str, str], str] = {}
  shared, real = [], functools.cache(os.path.realpath)
  for part, split in parts.items():
    if split is None or not isinstance(split.image, Encoded):
      continue
    if not isinstance(split.image.blobs, Files):
      continue
    for path in split.image.blobs.paths[split.image.position].tolist():
      folder, name = os.path.split(path)
      if known.get((real(folder), name), part) != part:
        shared.append((path, known[real(folder), name], part))
      elif part != "training":
        known[real(folder), name] = part
  path, *both = shared[0] if shared else ("",)
  check(
    not shared,
    f"{len(shared)} files are in more than one part, by links or by rows that"
    f" name one file twice, e.g. {path} in the {' and the '.join(both)} part;"
    " what is trained on cannot be tested on",
  )


def _first_classes(data: Data, options: DataOptions) -> Data:
  """The examples whose given label is one of the first `num_classes`."""
  count = options.num_classes
  _check_size(options, "num_classes", data.num_classes)

  def first(name, split):
    del name
    split = split.take(np.flatnonzero(split.label < count))
    if split.clean_label is not None:
      # Truly of a class left out: wrong, and no class here is right.
      clean = np.where(split.clean_label < count, split.clean_label, -1)
      split = dataclasses.replace(split, clean_label=clean)
    return split

  return dataclasses.replace(
    data.each(first),
    class_names=data.class_names[:count],
    class_numbers=data.class_numbers and data.class_numbers[:count],
  )


def _hold_out(
  train: Split,
  options: DataOptions,
  num_classes: int,
  rng: np.random.Generator,
) -> tuple[Split, Split]:
  """(samples with clean labels, the rest)."""
  known = train.label if train.clean_label is None else train.clean_label
  chosen = imbalance.subset(known, options.held_out, num_classes, rng)
  held_out = dataclasses.replace(train.take(chosen), label=known[chosen])
  return held_out, train.take(np.setdiff1d(np.arange(len(train)), chosen))


def _without_unreadable(data: Data) -> Data:
  why: list[str] = []

  def readable(name, split):
    del name
    if not isinstance(split.image, Encoded):
      return split
    bad = unreadable(split.image)
    why.extend(bad.values())
    return split.take(np.setdiff1d(np.arange(len(split)), list(bad)))

  return dataclasses.replace(data.each(readable), skipped=tuple(why))


def _with_noise(
  train: Split,
  options: DataOptions,
  num_classes: int,
  rng: np.random.Generator,
) -> Split:
  image = None if isinstance(train.image, Encoded) else train.image
  noisy = noise.NOISES[options.noise](
    noise.Labelled(train.label, num_classes, image),
    options.noise_ratio,
    rng,
  )
  before = train.label if train.clean_label is None else train.clean_label
  return dataclasses.replace(train, label=noisy, clean_label=before)


def source_of(name: str) -> Source:
  """The source called `name`: a key of SOURCES, or tfds:NAME.

  Raises:
    InputError: unknown; lists the choices.
  """
  if name.startswith(tfds.PREFIX):
    return tfds.load
  choose("dataset", name, {**SOURCES, f"{tfds.PREFIX}NAME": None})
  return SOURCES[name]


def _check_size(options: DataOptions, field: str, most: int) -> None:
  size = getattr(options, field)
  check(
    size <= most,
    f"data.{field}={size} of {options.dataset}; expected {most} at most",
  )
