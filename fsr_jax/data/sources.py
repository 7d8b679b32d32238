"""Where images come from, and what is done to their labels on purpose."""

import dataclasses

import numpy as np

from fsr_jax.data import (
  corrupt,
  imbalance,
  labels_file,
  own,
  test_part,
  tfds_source,
)
from fsr_jax.data.arrays import arrays
from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images import Encoded, unreadable
from fsr_jax.data.webvision import webvision
from fsr_jax.errors import check, choose


def digits(config) -> Data:
  """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels.

  1,400 to train and 397 to test, the same split for every seed. Ships inside
  scikit-learn; no download.
  """
  del config
  # Imported here: scikit-learn takes a second and only this source needs it.
  from sklearn.datasets import load_digits

  bunch = load_digits()
  image = (bunch.images[..., None] * (255 / 16)).astype(np.uint8)
  label = bunch.target.astype(np.int32)
  order = np.random.default_rng(0).permutation(len(label))
  everything = Split(image, label, clean_label=label)
  return Data(
    train=everything.take(order[:1400]),
    test=everything.take(order[1400:]),
    class_names=tuple(str(name) for name in bunch.target_names),
  )


# name -> source(`config.data`) -> Data.
SOURCES = {
  "digits": digits,
  "cifar10": tfds_source.load,
  "cifar100": tfds_source.load,
  "folder": own.folder,
  "manifest": own.manifest,
  "arrays": arrays,
  "webvision": webvision,
}


def load(config, seed: int) -> Data:
  """The data of a run: source, labels, held-out, subset, long tail, noise.

  Args:
    config: `config.data` (see fsr_jax/config.py).
    seed: of the run; decides which examples stay and which labels are wrong.

  Returns:
    Data with validated labels; where there is label noise `train.clean_label`
    holds the labels before it, unless the source knows better.

  Raises:
    InputError: an unknown name, missing or damaged files, bad labels.
  """
  choose("noise", config.noise, corrupt.NOISES)
  choose("imbalance", config.imbalance, imbalance.IMBALANCES)
  choose("on_error", config.on_error, ("raise", "skip"))
  data = source_of(config.dataset)(config)
  if config.num_classes:
    data = _first_classes(data, config)
  if config.test_from:
    test = test_part.load(config, data.class_names)
    data = dataclasses.replace(data, test=test, test_set_aside=False)
  if config.on_error == "skip":
    data = _without_unreadable(data)
  # Separate streams, so that e.g. the noise does not move with the subset.
  rngs = [np.random.default_rng([seed, stream]) for stream in range(4)]
  subset_rng, imbalance_rng, noise_rng, held_out_rng = rngs
  train, held_out = data.train, None
  if config.labels_file:
    train = labels_file.replace(train, config.labels_file, data.class_names)
  if config.held_out:
    _check_size(config, "held_out", len(train) - 1)
    held_out, train = _hold_out(train, config, data.num_classes, held_out_rng)
  if config.max_examples:
    _check_size(config, "max_examples", len(train))
    train = train.take(
      imbalance.subset(
        train.label, config.max_examples, data.num_classes, subset_rng
      )
    )
  if config.imbalance_ratio != 1:
    train = train.take(
      imbalance.IMBALANCES[config.imbalance](
        train.label, config.imbalance_ratio, data.num_classes, imbalance_rng
      )
    )
  if config.noise != "none":
    train = _with_noise(train, config, data.num_classes, noise_rng)
  data = dataclasses.replace(data, train=train, held_out=held_out)
  return data.validate(config.image_size if config.min_crop_area < 1 else None)


def _first_classes(data: Data, config) -> Data:
  """The examples whose given label is one of the first `num_classes`."""
  count = config.num_classes
  _check_size(config, "num_classes", data.num_classes)
  splits = {}
  for name in ("train", "test"):
    split = getattr(data, name)
    split = split.take(np.flatnonzero(split.label < count))
    if split.clean_label is not None:
      # Truly of a class left out: wrong, and no class here is right.
      clean = np.where(split.clean_label < count, split.clean_label, -1)
      split = dataclasses.replace(split, clean_label=clean)
    splits[name] = split
  return dataclasses.replace(
    data, **splits, class_names=data.class_names[:count]
  )


def _hold_out(train: Split, config, num_classes: int, rng):
  """(samples with clean labels, the rest)."""
  known = train.label if train.clean_label is None else train.clean_label
  chosen = imbalance.subset(known, config.held_out, num_classes, rng)
  held_out = dataclasses.replace(train.take(chosen), label=known[chosen])
  return held_out, train.take(np.setdiff1d(np.arange(len(train)), chosen))


def _without_unreadable(data: Data) -> Data:
  splits, skipped = {}, []
  for name in ("train", "test"):
    split = splits[name] = getattr(data, name)
    if isinstance(split.image, Encoded):
      bad = unreadable(split.image)
      skipped += bad.values()
      left = np.setdiff1d(np.arange(len(split)), list(bad))
      splits[name] = split.take(left)
  return dataclasses.replace(data, **splits, skipped=tuple(skipped))


def _with_noise(train: Split, config, num_classes: int, rng) -> Split:
  image = None if isinstance(train.image, Encoded) else train.image
  noisy = corrupt.NOISES[config.noise](
    corrupt.Labelled(train.label, num_classes, image),
    config.noise_ratio,
    rng,
  )
  before = train.label if train.clean_label is None else train.clean_label
  return dataclasses.replace(train, label=noisy, clean_label=before)


def source_of(name: str):
  """The source called `name`: a key of SOURCES, or tfds:NAME.

  Raises:
    InputError: unknown; lists the choices.
  """
  if name.startswith(tfds_source.PREFIX):
    return tfds_source.load
  choose("dataset", name, {**SOURCES, f"{tfds_source.PREFIX}NAME": None})
  return SOURCES[name]


def _check_size(config, field: str, most: int) -> None:
  check(
    config[field] <= most,
    f"data.{field}={config[field]} of {config.dataset}; expected {most} at"
    " most",
  )
