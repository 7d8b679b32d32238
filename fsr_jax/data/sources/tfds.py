"""Image-classification sets of TFDS, read without TensorFlow."""

import dataclasses
from typing import NamedTuple

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import Encoded, encoded
from fsr_jax.data.labels.classes import Vocabulary, by_number, indices
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources import tfds_splits
from fsr_jax.data.sources.listing import set_aside
from fsr_jax.data.sources.parts import TEST, TRAIN, VAL
from fsr_jax.data.sources.tfds_folder import opened
from fsr_jax.errors import InputError, check, typed_reason

# Of data.dataset where TFDS's name of the set follows.
PREFIX = "tfds:"
# Examples decoded at a time.
_CHUNK = 1000
# Where the label of every example is right, as far as anybody knows.
_CURATED = ("cifar10", "cifar100")
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
    # As in `tfds_folder.opened`.
    except Exception as error:
      said = typed_reason(error)
      raise InputError(f"cannot read {where} ({said})") from error


def load(options: DataOptions) -> Data:
  """The set that `options.dataset` names under `options.data_dir`.

  NAME, NAME/CONFIG or NAME:VERSION, of any version, whether this TFDS knows
  the name or not.

  Args:
    options: their `label_key` is the feature that is the given label;
      where it has the classes of `label`, that one is the clean label. Where
      there is `is_clean`, labels without it are wrong (clean label -1).

  Returns:
    Data; small images of one size decoded, others Encoded. Classes without
    any example are left out, and named in its notes. Where no split can be
    tested, a part of the training split is set aside.

  Raises:
    InputError: not prepared there in the random-access format (the message is
      the command that prepares it), damaged, without such features or splits,
      or parts share examples.
  """
  name = options.dataset.removeprefix(PREFIX)
  with opened(options, name) as builder:
    labels = _labels(builder, options.label_key)
    names = tuple(builder.info.features[labels.true].names)
    parts, notes = tfds_splits.splits_of(
      builder, options, lambda split: _labelled(builder, split, labels.true)
    )
    splits = {
      part: _split(options, builder, split, labels, part == TRAIN)
      for part, split in parts.items()
    }
  aside = TEST not in splits and not options.test_from
  if aside:
    splits |= _set_aside(options, splits[TRAIN], len(names))
  splits.setdefault(TEST, splits[TRAIN].take(np.arange(0)))
  data = Data(
    splits[TRAIN],
    splits[TEST],
    names,
    val=splits.get(VAL),
    test_set_aside=aside,
    class_numbers=tuple(range(len(names))),
    notes=tuple(notes),
  )
  return _without_empty_classes(data, name)


def test_part(options: DataOptions, name: str) -> tuple[Split, tuple[str, ...]]:
  """(test split, class names) of the set `name` under `options.data_dir`.

  Args and Raises: as `load`; the given labels are the true ones here.
  """
  with opened(options, name) as builder:
    features = builder.info.features
    key = options.label_key if options.label_key in features else "label"
    labels = _labels(builder, key)
    trained = {}
    if name == options.dataset.removeprefix(PREFIX):
      trained = {TRAIN: options.train_split or TRAIN}
    test = tfds_splits.test_split_of(
      builder, options, lambda split: _labelled(builder, split, labels.true)
    )
    tfds_splits.check_apart(builder, {**trained, TEST: test})
    names = tuple(features[labels.true].names)
    return _split(options, builder, test, labels, False), names


def _set_aside(
  options: DataOptions, train: Split, num_classes: int
) -> dict[str, Split]:
  """A test part out of the training split; its labels are the clean ones."""
  is_test = set_aside(train.label, num_classes, options.test_share)
  chosen = np.flatnonzero(is_test)
  test = train.take(chosen)
  if isinstance(train.image, Encoded):
    images = encoded(train.image.blobs, options, False)
    test = dataclasses.replace(test, image=images.take(chosen))
  if test.clean_label is not None and test.clean_label.min() >= 0:
    test = dataclasses.replace(test, label=test.clean_label)
  return {TRAIN: train.take(np.flatnonzero(~is_test)), TEST: test}


def _without_empty_classes(data: Data, name: str) -> Data:
  """Without the classes that no example has, in no part."""
  seen = np.zeros(data.num_classes, bool)
  for split in (data.train, data.test, data.val):
    for label in (split.label, split.clean_label) if split else ():
      if label is not None:
        seen[label[label >= 0]] = True
  if seen.all():
    return data
  # -1, where nothing is known, stays.
  number = np.append(np.cumsum(seen) - 1, -1).astype(np.int32)

  def renumbered(_, split):
    clean = split.clean_label
    return dataclasses.replace(
      split,
      label=number[split.label],
      clean_label=None if clean is None else number[clean],
    )

  empty = [n for n, there in zip(data.class_names, seen) if not there]
  note = (
    f"{len(empty)} of the {data.num_classes} classes that {name} names have no"
    f" example and are left out: {', '.join(empty[:20])}"
    f"{', ...' * (len(empty) > 20)}"
  )
  return dataclasses.replace(
    data.each(renumbered),
    class_names=tuple(n for n, there in zip(data.class_names, seen) if there),
    class_numbers=tuple(np.flatnonzero(seen).tolist()),
    notes=(*data.notes, note),
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


def _labelled(builder, split: str, key: str) -> bool:
  """Whether the first example has a label: all of a split or none have."""
  return _records(builder, split)[0][key] >= 0


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
