"""Small sets in the format of TFDS builders, written without TensorFlow."""

from collections.abc import Sequence
import contextlib
import io
import os
import pathlib

import numpy as np
from PIL import Image
import tensorflow_datasets as tfds

from fsr_jax.data import sources
from tests import shrunk


def load(name, root, **fields):
  """Data of the set `name` below `root`; `fields` are those of config.data."""
  c = shrunk.config(
    data__dataset=f"tfds:{name}",
    data__data_dir=str(root),
    data__noise="none",
    data__noise_ratio=0.0,
    data__max_examples=0,
    **{f"data__{field}": value for field, value in fields.items()},
  )
  return sources.load(c.data, 0)


def features_of(name: str, folder: pathlib.Path, names: Sequence[str]) -> dict:
  """The features of TFDS's builder `name`, of fewer classes, called `names`."""
  config = name.partition("/")[0]
  real = tfds.builder(config, data_dir=folder).info.features
  shrunk = dict(real.items())
  for key, feature in real.items():
    if isinstance(feature, tfds.features.ClassLabel):
      same = feature.num_classes == real["label"].num_classes
      shrunk[key] = tfds.features.ClassLabel(
        num_classes=len(names) if same else 2
      )
  shrunk["label"] = tfds.features.ClassLabel(names=names)
  return shrunk


def write(
  name: str,
  folder: pathlib.Path,
  splits: dict,
  features: dict,
  version: str = "1.0.0",
) -> None:
  """Writes a set as `tfds build` does, in array_record.

  Args:
    name: NAME or NAME/CONFIG.
    folder: TFDS directory.
    splits: {split: records}; features that a record lacks are 0.
    features: {key: TFDS feature}.
    version: of the set.
  """
  name, _, config = name.partition("/")

  def info(self):
    return tfds.core.DatasetInfo(
      builder=self, features=tfds.features.FeaturesDict(features)
    )

  def generators(self, manager):
    del self, manager
    rest = dict.fromkeys(features, 0)
    return {
      split: iter([(i, {**rest, **r}) for i, r in enumerate(records)])
      for split, records in splits.items()
    }

  members = {
    "name": name,
    "VERSION": tfds.core.Version(version),
    "_info": info,
    "_split_generators": generators,
    "_generate_examples": lambda self: None,
  }
  if config:
    members["BUILDER_CONFIGS"] = [tfds.core.BuilderConfig(name=config)]
  with tfds.core.registered.skip_registration():
    builder = type("Tiny", (tfds.core.GeneratorBasedBuilder,), members)
  with open(os.devnull, "w") as null, contextlib.redirect_stderr(null):
    builder(data_dir=folder, file_format="array_record").download_and_prepare()


def picture(level: int, size: tuple[int, int], kind: str) -> bytes:
  """An image file of one brightness; (width, height)."""
  file = io.BytesIO()
  Image.new("RGB", size, (level,) * 3).save(file, kind)
  return file.getvalue()


def records(
  count: int, classes: int, size: tuple[int, int] | None = None, **columns
) -> list[dict]:
  """`count` records with classes in turn; the class is the brightness.

  Args:
    count: how many.
    classes: C.
    size: (width, height); None for 20 to 60 pixels a side, each image another.
    **columns: key -> function(i, label) -> value, of more features.
  """
  rng = np.random.default_rng(0)
  rows = []
  for i in range(count):
    label = i % classes
    sides = size or tuple(int(x) for x in rng.integers(20, 60, 2))
    image = picture(level(label, classes), sides, "PNG" if size else "JPEG")
    more = {key: column(i, label) for key, column in columns.items()}
    rows.append({"image": image, "label": label, **more})
  return rows


def level(label: int, classes: int) -> int:
  """Brightness of a class."""
  return 200 * label // classes + 20
