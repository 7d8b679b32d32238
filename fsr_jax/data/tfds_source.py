"""Image-classification sets of TFDS, read without TensorFlow."""

import functools
import os
import pathlib

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images import encoded
from fsr_jax.errors import InputError, check

# Of data.dataset where TFDS's name of the set follows.
PREFIX = "tfds:"
# Examples decoded at a time.
_CHUNK = 1000
_PREPARED_HERE = ("cifar10", "cifar100")  # By fsr_jax.data.prepare.
# Where the label of every example is right, as far as anybody knows.
_CURATED = ("cifar10", "cifar100")
# In this order; many a `test` has no labels, so a config may name another.
_TEST_SPLITS = ("test", "validation", "val")


class Records:
  """The encoded images of a random-access source.

  Attributes:
    source: of examples whose image is left encoded.
    name: for messages.
  """

  def __init__(self, source, name: str):
    self._source, self._name = source, name

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, i: int) -> tuple[bytes, str]:
    return self._source[i]["image"], f"{self._name}, record {i}"


def load(config) -> Data:
  """The set that `config.dataset` names under `config.data_dir`.

  Args:
    config: `config.data`. `label_key` is the feature that is the given label;
      where it is not `label`, that one is the clean label.

  Returns:
    Data; small images of one size decoded, others Encoded.

  Raises:
    InputError: not prepared there in the random-access format (the message is
      the command that prepares it), damaged, or without such features.
  """
  root = config.data_dir or os.path.join("~", "tensorflow_datasets")
  root = pathlib.Path(root).expanduser()
  name = config.dataset.removeprefix(PREFIX)
  fix = f"prepare it with: {_preparation(name, root)}"
  check(root.is_dir(), f"data.data_dir={root} is not a directory; {fix}")
  check(
      any(root.glob(f"{name}/**/*.array_record*")),
      f"no {name} in array_record format under {root}; {fix}",
  )
  try:
    return _read(config, root)
  except InputError:
    raise
  # TFDS and ArrayRecord raise many types for a damaged or partial copy.
  except Exception as error:
    reason = " ".join(str(error).split())[:300]
    raise InputError(
        f"cannot read {name} under {root} ({type(error).__name__}:"
        f" {reason}); {fix}"
    ) from error


def _preparation(name: str, root) -> str:
  if name in _PREPARED_HERE:
    return (
        f"python -m fsr_jax.data.prepare --dataset={name} --data_dir={root}"
    )
  return (
      f"tfds build {name} --file_format=array_record --data_dir={root} (needs"
      " TensorFlow, once)"
  )


def _read(config, root) -> Data:
  # Imported here: only this source needs it.
  import tensorflow_datasets as tfds

  name = config.dataset.removeprefix(PREFIX)
  kinds = {"file_format": "array_record"}
  builder = tfds.builder(name, data_dir=root, **kinds)
  features, splits = builder.info.features, tuple(builder.info.splits)
  for key in ("image", config.label_key):
    check(
        key in features,
        f"{name} has no feature {key!r}; it has: {', '.join(features)}",
    )
  check("train" in splits, f"{name} has no split train, but {splits}")
  wanted = (config.test_split,) if config.test_split else _TEST_SPLITS
  test = next((split for split in wanted if split in splits), None)
  check(
      test is not None,
      f"{name} has no split {' or '.join(wanted)}; it has:"
      f" {', '.join(splits)}; data.test_split names it",
  )
  open_split = functools.partial(
      tfds.data_source, name, data_dir=root, download=False,
      builder_kwargs=kinds,
  )
  make = _decoded if None not in features["image"].shape else _encoded
  names = tuple(features[config.label_key].names)
  return Data(
      make(config, features, open_split, "train", True),
      make(config, features, open_split, test, False), names,
  )


def _columns(config, features, training: bool) -> dict[str, str]:
  """{field of Split: feature}."""
  # Other labels than the true ones are for training.
  key = config.label_key if training else "label"
  columns = {"label": key if key in features else config.label_key}
  if config.label_key != "label" or config.dataset in _CURATED:
    columns["clean_label"] = "label"
  if "id" in features:
    columns["id"] = "id"
  return {f: k for f, k in columns.items() if k in features}


def _decoded(config, features, open_split, split, training) -> Split:
  """Images of one size, in memory."""
  source = open_split(split=split)
  columns = _columns(config, features, training)
  images, values = [], {field: [] for field in columns}
  for start in range(0, len(source), _CHUNK):
    records = source.__getitems__(
        range(start, min(start + _CHUNK, len(source)))
    )
    images.append(np.stack([record["image"] for record in records]))
    for field, key in columns.items():
      values[field] += [record[key] for record in records]
  return Split(np.concatenate(images), **_arrays(values))


def _encoded(config, features, open_split, split, training) -> Split:
  """Images of any size, left encoded."""
  # Imported here: as above.
  import tensorflow_datasets as tfds

  skip = {"image": tfds.decode.SkipDecoding()}
  source = open_split(split=split, decoders=skip)
  columns = _columns(config, features, training)
  values = {field: [] for field in columns}
  partial = tfds.decode.PartialDecoding(
      {key: features[key] for key in columns.values()}
  )
  labels = open_split(split=split, decoders=partial)
  for start in range(0, len(labels), _CHUNK):
    stop = min(start + _CHUNK, len(labels))
    for record in labels.__getitems__(range(start, stop)):
      for field, key in columns.items():
        values[field].append(record[key])
  images = encoded(Records(source, f"{config.dataset}, {split}"), config,
                   training)
  return Split(images, **_arrays(values))


def _arrays(values: dict[str, list]) -> dict[str, np.ndarray]:
  return {
      field: np.array([
          x.decode() if isinstance(x, bytes) else x for x in column
      ]) if field == "id" else np.array(column, np.int32)
      for field, column in values.items()
  }
