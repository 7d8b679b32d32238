"""Where images come from: scikit-learn's digits and TFDS data sets."""

import os
import pathlib

import numpy as np

from fsr_jax.data import corrupt, imbalance
from fsr_jax.data.dataset import Data, Split
from fsr_jax.errors import InputError, check, choose

# Examples decoded at a time.
_CHUNK = 1000


def digits(data_dir: str | None) -> Data:
  """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels.

  1,400 to train and 397 to test, the same split for every seed. Ships inside
  scikit-learn; no download.
  """
  del data_dir
  # Imported here: scikit-learn takes a second and only this source needs it.
  from sklearn.datasets import load_digits

  bunch = load_digits()
  image = (bunch.images[..., None] * (255 / 16)).astype(np.uint8)
  label = bunch.target.astype(np.int32)
  order = np.random.default_rng(0).permutation(len(label))
  everything = Split(image, label)
  return Data(
      train=everything.take(order[:1400]),
      test=everything.take(order[1400:]),
      class_names=tuple(str(name) for name in bunch.target_names),
  )


def tfds_source(name: str):
  """Source reading the TFDS data set `name` without TensorFlow.

  Returns:
    data_dir -> Data. Raises InputError where `name` is not prepared there in
    the random-access format; the message is the command that prepares it.
  """

  def load(data_dir: str | None) -> Data:
    # Imported here: only this source needs it.
    import tensorflow_datasets as tfds

    root = data_dir or os.path.join("~", "tensorflow_datasets")
    root = pathlib.Path(root).expanduser()
    fix = (
        "prepare it with: python -m fsr_jax.data.prepare"
        f" --dataset={name} --data_dir={root}"
    )
    check(root.is_dir(), f"data.data_dir={root} is not a directory; {fix}")
    prepared = list(root.glob(f"{name}/*/*.array_record*"))
    check(
        bool(prepared),
        f"no {name} in array_record format under {root}; {fix}",
    )
    try:
      source = tfds.data_source(
          name,
          data_dir=root,
          builder_kwargs={"file_format": "array_record"},
      )
      names = source["train"].dataset_info.features["label"].names
      return Data(
          train=_decode(source["train"]),
          test=_decode(source["test"]),
          class_names=tuple(names),
      )
    # TFDS and ArrayRecord raise many types for a damaged or partial copy.
    except Exception as error:
      reason = " ".join(str(error).split())[:300]
      raise InputError(
          f"cannot read {name} under {root} ({type(error).__name__}:"
          f" {reason}); {fix}"
      ) from error

  return load


def _decode(source) -> Split:
  """Decodes a random-access source of {"image", "label"} into memory."""
  images, labels = [], []
  for start in range(0, len(source), _CHUNK):
    records = source.__getitems__(
        range(start, min(start + _CHUNK, len(source)))
    )
    images.append(np.stack([record["image"] for record in records]))
    labels.append(np.array([record["label"] for record in records], np.int32))
  return Split(np.concatenate(images), np.concatenate(labels))


# name -> source(data_dir) -> Data.
SOURCES = {
    "digits": digits,
    "cifar10": tfds_source("cifar10"),
    "cifar100": tfds_source("cifar100"),
}


def load(data_config, seed: int) -> Data:
  """The data of a run: source, then subset, imbalance and label noise.

  Args:
    data_config: `config.data` (see fsr_jax/config.py).
    seed: of the run; decides which examples stay and which labels are wrong.

  Returns:
    Data with validated labels; `train.clean_label` holds the labels before the
    noise.

  Raises:
    InputError: an unknown name, missing or damaged files, bad labels.
  """
  choose("dataset", data_config.dataset, SOURCES)
  choose("imbalance", data_config.imbalance, imbalance.IMBALANCES)
  choose("noise", data_config.noise, corrupt.NOISES)
  data = SOURCES[data_config.dataset](data_config.data_dir)
  num_classes, train = data.num_classes, data.train
  # Separate streams, so that e.g. the noise does not move with the subset.
  subset_rng, tail_rng, noise_rng, held_out_rng = (
      np.random.default_rng([seed, stream]) for stream in range(4)
  )
  held_out = None
  if data_config.held_out:
    check(
        data_config.held_out < len(train),
        f"data.held_out={data_config.held_out} leaves nothing of the"
        f" {len(train)} training examples of {data_config.dataset}",
    )
    chosen = imbalance.subset(
        train.label, data_config.held_out, num_classes, held_out_rng
    )
    held_out = train.take(chosen)
    train = train.take(np.setdiff1d(np.arange(len(train)), chosen))
  if data_config.max_examples:
    check(
        data_config.max_examples <= len(train),
        f"data.max_examples={data_config.max_examples} is more than the"
        f" {len(train)} training examples of {data_config.dataset}",
    )
    train = train.take(
        imbalance.subset(
            train.label, data_config.max_examples, num_classes, subset_rng
        )
    )
  if data_config.imbalance_ratio != 1:
    train = train.take(
        imbalance.IMBALANCES[data_config.imbalance](
            train.label, data_config.imbalance_ratio, num_classes, tail_rng
        )
    )
  noisy = corrupt.NOISES[data_config.noise](
      corrupt.Labelled(train.label, num_classes, train.image),
      data_config.noise_ratio,
      noise_rng,
  )
  train = Split(train.image, noisy, clean_label=train.label)
  return Data(train, data.test, data.class_names, held_out).validate()
