"""Image-classification sets of TFDS, read without TensorFlow."""

import contextlib
import pathlib
import re
from typing import NamedTuple

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import Encoded, encoded
from fsr_jax.data.labels.classes import Vocabulary, by_number, indices
from fsr_jax.data.options import DataOptions
from fsr_jax.errors import InputError, check

# Of data.dataset where TFDS's name of the set follows.
PREFIX = "tfds:"
# Examples decoded at a time.
_CHUNK = 1000
_PREPARED_HERE = ("cifar10", "cifar100")  # By fsr_jax.data.prepare.
# Where the label of every example is right, as far as anybody knows.
_CURATED = ("cifar10", "cifar100")
# In this order; many a `test` has no labels (-1).
_TEST_SPLITS = ("test", "validation", "val")
# What sets call the names of their examples, most wanted first.
_IDS = ("id", "file_name")


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
    where = f"{self._name}, record {i}"
    try:
      return self._source[i]["image"], where
    # As in `_opened`.
    except Exception as error:
      reason = " ".join(str(error).split())[:300]
      raise InputError(
        f"cannot read {where} ({type(error).__name__}: {reason})"
      ) from error


def load(options: DataOptions) -> Data:
  """The set that `options.dataset` names under `options.data_dir`.

  NAME, NAME/CONFIG or NAME:VERSION, of any version, whether this TFDS knows
  the name or not.

  Args:
    options: their `label_key` is the feature that is the given label;
      where it has the classes of `label`, that one is the clean label. Where
      there is `is_clean`, labels without it are wrong (clean label -1).

  Returns:
    Data; small images of one size decoded, others Encoded.

  Raises:
    InputError: not prepared there in the random-access format (the message is
      the command that prepares it), damaged, or without such features.
  """
  name = options.dataset.removeprefix(PREFIX)
  with _opened(options, name) as builder:
    train = options.train_split or "train"
    check(
      train in builder.info.splits,
      f"{name} has no split {train}; it has:"
      f" {', '.join(builder.info.splits)}; data.train_split names it",
    )
    labels = _labels(builder, options.label_key)
    names = tuple(builder.info.features[labels.true].names)
    test = _test_split(options, builder, labels.true)
    return Data(
      _split(options, builder, train, labels, True),
      _split(options, builder, test, labels, False),
      names,
      class_numbers=tuple(range(len(names))),
    )


def test_part(options: DataOptions, name: str) -> tuple[Split, tuple[str, ...]]:
  """(test split, class names) of the set `name` under `options.data_dir`.

  Args and Raises: as `load`; the given labels are the true ones here.
  """
  with _opened(options, name) as builder:
    features = builder.info.features
    key = options.label_key if options.label_key in features else "label"
    labels = _labels(builder, key)
    test = _test_split(options, builder, labels.true)
    names = tuple(features[labels.true].names)
    return _split(options, builder, test, labels, False), names


@contextlib.contextmanager
def _opened(options: DataOptions, name: str):
  """The builder of a prepared set; what goes wrong with it is an InputError."""
  root = pathlib.Path(options.data_dir or "~/tensorflow_datasets").expanduser()
  fix = f"prepare it with: {_preparation(name, root)}"
  check(root.is_dir(), f"data.data_dir={root} is not a directory; {fix}")
  folder = _newest(root, name)
  check(
    folder is not None,
    f"no {name} in array_record format under {root}; {fix}",
  )
  try:
    # Imported here: only this source needs it.
    import tensorflow_datasets as tfds

    yield tfds.builder_from_directory(folder, file_format="array_record")
  except InputError:
    raise
  # TFDS and ArrayRecord raise many types for a damaged or partial copy.
  except Exception as error:
    reason = " ".join(str(error).split())[:300]
    raise InputError(
      f"cannot read {name} under {root} ({type(error).__name__}:"
      f" {reason}); {fix}"
    ) from error


def _newest(root: pathlib.Path, name: str) -> pathlib.Path | None:
  """The folder of its highest version; None where there is none."""
  name, _, version = name.partition(":")
  found = {
    file.parent
    for file in (root / name).rglob("*.array_record*")
    if re.fullmatch(r"\d+\.\d+\.\d+", file.parent.name)
    and version in ("", file.parent.name)
  }
  configs = sorted({folder.parent.relative_to(root) for folder in found})
  check(
    len(configs) <= 1,
    f"{root} has several of {name}: {', '.join(map(str, configs))};"
    " data.dataset names one",
  )
  return max(
    found,
    key=lambda folder: [int(x) for x in folder.name.split(".")],
    default=None,
  )


def _preparation(name: str, root) -> str:
  if name in _PREPARED_HERE:
    return f"python -m fsr_jax.data.prepare --dataset={name} --data_dir={root}"
  return (
    f"tfds build {name} --file_format=array_record --data_dir={root} (needs"
    " TensorFlow, once)"
  )


class _Labels(NamedTuple):
  """Names of features.

  Attributes:
    given: of the training label.
    true: of the test label.
    clean: of the clean training label; None where there is none.
  """

  given: str
  true: str
  clean: str | None


def _labels(builder, given: str) -> _Labels:
  features = builder.info.features
  check("image" in features, f"{builder.name} has no feature 'image'")
  classes = {
    key: feature.num_classes
    for key, feature in features.items()
    if hasattr(feature, "num_classes")
  }
  check(
    given in classes,
    f"{builder.name} has no classes {given!r}; it has:"
    f" {', '.join(classes) or 'none'}; data.label_key names them",
  )
  # Other labels for the same classes, or other classes (coarse_label)?
  others = given != "label" and classes[given] == classes.get("label")
  true = "label" if others else given
  curated = others or builder.name in _CURATED
  return _Labels(given, true, true if curated else None)


def _test_split(options: DataOptions, builder, key: str) -> str:
  """The first of those wanted that is there and has labels."""
  there = builder.info.splits
  wanted = (options.test_split,) if options.test_split else _TEST_SPLITS
  for split in wanted:
    if split in there and _records(builder, split)[0][key] >= 0:
      return split
  raise InputError(
    f"{builder.name} has no split {' or '.join(wanted)} with labels; it has:"
    f" {', '.join(there)}; data.test_split names it"
  )


def _one_size(builder) -> bool:
  return None not in builder.info.features["image"].shape


def _records(builder, split: str):
  """A split's examples; images of any size are left encoded."""
  # Imported here: only this source needs it.
  import tensorflow_datasets as tfds

  skip = None if _one_size(builder) else {"image": tfds.decode.SkipDecoding()}
  return builder.as_data_source(split, decoders=skip)


def _split(
  options: DataOptions,
  builder,
  split: str,
  labels: _Labels,
  training: bool,
) -> Split:
  features = builder.info.features
  columns = {"label": labels.given if training else labels.true}
  if training and labels.clean:
    columns["clean_label"] = labels.clean
  if training and "is_clean" in features:
    columns["is_clean"] = "is_clean"
  named = [key for key in _IDS if key in features]
  if named:
    columns["id"] = named[0]
  where, records = f"{builder.name}, {split}", _records(builder, split)
  if _one_size(builder):
    columns["image"] = "image"
  values = _read(records, columns)
  image: np.ndarray | Encoded
  if "image" in values:
    image = np.stack(values.pop("image"))
  else:
    image = encoded(Records(records, where), options, training)
  vocabulary = by_number(tuple(features[labels.true].names))
  return Split(image, **_arrays(where, vocabulary, values))


def _read(records, columns: dict[str, str]) -> dict[str, list]:
  """{name: values} of the features {name: feature}."""
  values: dict[str, list] = {name: [] for name in columns}
  for start in range(0, len(records), _CHUNK):
    stop = min(start + _CHUNK, len(records))
    for record in records.__getitems__(range(start, stop)):
      for name, key in columns.items():
        values[name].append(record[key])
  return values


def _arrays(
  where: str, vocabulary: Vocabulary, values: dict[str, list]
) -> dict[str, np.ndarray]:
  """Fields of a Split from the values of `_read`."""
  found: dict[str, np.ndarray] = {}
  for name in ("label", "clean_label"):
    if name in values:
      numbers = np.array(values[name], np.int32)
      # A split without labels has -1: a labels file may have them.
      found[name] = indices(where, name, numbers, vocabulary, unknown=True)
  if "is_clean" in values:
    found["clean_label"] = np.where(
      values["is_clean"], found["label"], np.int32(-1)
    )
  if "id" in values:
    found["id"] = np.array([name.decode() for name in values["id"]])
  return found
