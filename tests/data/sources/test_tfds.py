"""TFDS sets of every kind the configs use, in their own on-disk format."""

import os
import pathlib
import pickle
import sys

from absl.testing import absltest, parameterized
import numpy as np
import tensorflow_datasets as tfds

from fsr_jax.errors import InputError
from fsr_jax.run.watch import opening
from tests import shrunk
from tests.data import tiny_tfds
from tests.data.tiny_tfds import load


def by_name(i, label):
  del label
  return f"n{i:03d}.JPEG"


def levels(split):
  return split.decoded().image.mean((1, 2, 3))


class TfdsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())

  def write(self, name, classes, splits, version="1.0.0"):
    names = [f"class {c}" for c in range(classes)]
    features = tiny_tfds.features_of(name, self.root, names)
    tiny_tfds.write(name, self.root, splits, features, version)

  def assert_pictures_fit(self, data, true_label):
    both = ((data.train, true_label), (data.test, data.test.label))
    for split, label in both:
      expected = [tiny_tfds.level(c, data.num_classes) for c in label]
      np.testing.assert_allclose(levels(split), expected, atol=3)

  @parameterized.parameters(
    ("cifar10_n", "worse_label"),
    ("cifar10_n", "random_label3"),
    ("cifar100_n", "noise_label"),
  )
  def test_human_labels(self, name, key):
    wrong = {key: lambda i, label: (label + (i % 3 == 0)) % 5}
    unknown = {key: lambda i, label: -1}
    named = {"id": lambda i, label: f"train_{i:05d}"}
    self.write(
      name,
      5,
      {
        "train": tiny_tfds.records(30, 5, (32, 32), **named, **wrong),
        "test": tiny_tfds.records(10, 5, (32, 32), **named, **unknown),
      },
    )
    data = load(name, self.root, label_key=key)
    self.assertEqual(data.class_names[2], "class 2")
    i = np.array([int(x.removeprefix("train_")) for x in data.train.id])
    self.assertCountEqual(i, range(30))
    np.testing.assert_array_equal(data.train.clean_label, i % 5)
    np.testing.assert_array_equal(data.train.label, (i % 5 + (i % 3 == 0)) % 5)
    self.assertEqual(data.train.image.dtype, np.uint8)
    self.assert_pictures_fit(data, data.train.clean_label)
    self.assertNotIn("tensorflow", sys.modules)
    # What is set aside as clean has the clean labels.
    held_out = load(name, self.root, label_key=key, held_out=10).held_out
    i = np.array([int(x.removeprefix("train_")) for x in held_out.id])
    np.testing.assert_array_equal(held_out.label, i % 5)

  def test_other_classes_are_no_wrong_labels(self):
    coarse = {"coarse_label": lambda i, label: label // 3, "id": by_name}
    self.write(
      "cifar100_n",
      5,
      {
        "train": tiny_tfds.records(10, 5, (32, 32), **coarse),
        "test": tiny_tfds.records(5, 5, (32, 32), **coarse),
      },
    )
    data = load("cifar100_n", self.root, label_key="coarse_label")
    self.assertEqual(data.class_names, ("0", "1"))
    self.assertEqual(np.bincount(data.test.label).tolist(), [3, 2])
    self.assertIsNone(data.train.clean_label)

  @parameterized.parameters(
    ("imagenet2012", "file_name"), ("i_naturalist2018", "id")
  )
  def test_pictures_of_any_size_and_a_test_split_without_labels(
    self, name, key
  ):
    self.write(
      name,
      4,
      {
        "train": tiny_tfds.records(12, 4, **{key: by_name}),
        "validation": tiny_tfds.records(8, 4, **{key: by_name}),
        "test": [
          {**r, "label": -1} for r in tiny_tfds.records(3, 4, **{key: by_name})
        ],
      },
    )
    data = load(name, self.root, image_size=16)
    self.assertLen(data.train, 12)
    self.assertEqual(data.test.image.shape, (8, 16, 16, 3))
    self.assertCountEqual(data.train.id, [by_name(i, 0) for i in range(12)])
    i = np.array([int(x[1:4]) for x in data.train.id])
    np.testing.assert_array_equal(data.train.label, i % 4)
    self.assert_pictures_fit(data, data.train.label)
    self.assertIsNone(data.train.clean_label)
    with self.assertRaisesRegex(
      InputError, "no split test with labels; it has: .*validation"
    ):
      load(name, self.root, image_size=16, test_split="test")
    with self.assertRaisesRegex(InputError, "data.image_size=0; expected"):
      load(name, self.root)

  def test_record_damaged_during_the_run(self):
    part = {"file_name": by_name}
    self.write(
      "imagenet_lt",
      3,
      {
        "train": tiny_tfds.records(7, 3, **part),
        "test": tiny_tfds.records(6, 3, **part),
      },
    )
    images = load("imagenet_lt", self.root, image_size=8).train.image
    (shard,) = self.root.glob("*/*/*train.array_record*")
    blob = bytearray(shard.read_bytes())
    blob[len(blob) // 2] ^= 1
    shard.write_bytes(blob)
    images = pickle.loads(pickle.dumps(images))  # Opens the files anew.
    with self.assertRaisesRegex(
      InputError, r"cannot read imagenet_lt, train, record \d+ \("
    ):
      images.read(np.arange(7))

  def test_imagenet_lt_is_tested_on_test(self):
    part = {"file_name": by_name}
    self.write(
      "imagenet_lt",
      3,
      {
        "train": tiny_tfds.records(7, 3, **part),
        "validation": tiny_tfds.records(3, 3, **part),
        "test": tiny_tfds.records(6, 3, **part),
      },
    )
    data = load("imagenet_lt", self.root, image_size=8)
    self.assertLen(data.test, 6)
    self.assertEqual(np.bincount(data.train.label).tolist(), [3, 2, 2])
    data = load("imagenet_lt", self.root, image_size=8, test_split="validation")
    self.assertLen(data.test, 3)

  def test_known_to_be_wrong_but_not_what_is_right(self):
    part = {"is_clean": lambda i, label: i // 2 % 2, "id": by_name}
    sets = {
      "validation": tiny_tfds.records(4, 2, **part),
      "train_00": tiny_tfds.records(4, 2, **part),
      "train_40": tiny_tfds.records(6, 2, **part),
    }
    name = "controlled_noisy_web_labels/mini_imagenet_red"
    self.write(name, 2, sets)
    data = load(name, self.root, image_size=8, train_split="train_40")
    i = np.array([int(x[1:4]) for x in data.train.id])
    np.testing.assert_array_equal(data.train.label, i % 2)
    np.testing.assert_array_equal(
      data.train.clean_label, np.where(i // 2 % 2, i % 2, -1)
    )
    self.assertIsNone(data.test.clean_label)
    self.assertIn(
      "66.7% of the labels wrong",
      opening.first(shrunk.options(), data, 0, ""),
    )
    # Clean samples are set aside, and no others.
    data = load(
      name, self.root, image_size=8, train_split="train_40", held_out=2
    )
    self.assertCountEqual(data.held_out.id, ["n002.JPEG", "n003.JPEG"])
    self.assertEqual(data.held_out.label.tolist(), [0, 1])
    self.assertLen(data.train, 4)
    with self.assertRaisesRegex(
      InputError, "no split train; it has: .*train_40.*data.train_split"
    ):
      load(name, self.root, image_size=8)
    # Without its configuration: the only one there, then one of two.
    short = "controlled_noisy_web_labels"
    fields = {"image_size": 8, "train_split": "train_00"}
    self.assertLen(load(short, self.root, **fields).train, 4)
    self.write(f"{short}/mini_imagenet_blue", 2, sets)
    with self.assertRaisesRegex(InputError, "several of .*_blue, .*_red"):
      load(short, self.root, **fields)

  def test_a_set_that_nobody_registered_and_its_newest_version(self):
    features = {
      "image": tfds.features.Image(shape=(4, 6, 3)),
      "label": tfds.features.ClassLabel(names=["a", "b"]),
      "rank": tfds.features.Scalar(np.int64),
    }
    for version, count in (("1.9.0", 4), ("1.10.0", 8)):
      rows = tiny_tfds.records(count, 2, (6, 4))
      splits = {"train": rows, "val": rows}
      tiny_tfds.write("of_my_own", self.root, splits, features, version)
    data = load("of_my_own", self.root)
    self.assertEqual(data.train.image.shape, (8, 4, 6, 3))
    self.assertIsNone(data.train.id)
    self.assert_pictures_fit(data, data.train.label)
    self.assertLen(load("of_my_own:1.9.0", self.root).train, 4)
    for key in ("noisy_label", "rank"):
      with self.assertRaisesRegex(
        InputError, f"no classes '{key}'; it has: label; data.label_key"
      ):
        load("of_my_own", self.root, label_key=key)
    with self.assertRaisesRegex(InputError, "no of_my_own:2.0.0 in array_rec"):
      load("of_my_own:2.0.0", self.root)

  def test_not_prepared_names_the_command(self):
    with self.assertRaisesRegex(
      InputError, "no imagenet_lt .*prepare it with: tfds build imagenet_lt"
    ):
      load("imagenet_lt", self.root)

  def test_damaged(self):
    part = {"file_name": by_name}
    self.write(
      "imagenet_lt",
      3,
      {
        "train": tiny_tfds.records(7, 3, **part),
        "test": tiny_tfds.records(6, 3, **part),
      },
    )
    (shard,) = self.root.glob("imagenet_lt/*/*train.array_record*")
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    with self.assertRaisesRegex(InputError, "cannot read imagenet_lt under"):
      load("imagenet_lt", self.root, image_size=8)

  def test_every_file_damaged_in_turn(self):
    part = {"file_name": by_name}
    both = {p: tiny_tfds.records(6, 3, **part) for p in ("train", "test")}
    self.write("imagenet_lt", 3, both)
    rng, refused = np.random.default_rng(0), 0
    files = [p for p in self.root.glob("imagenet_lt/*/*") if p.is_file()]
    for file in files:
      blob = file.read_bytes()
      noise = rng.bytes(len(blob))
      half = len(blob) // 2
      for damaged in (
        b"",
        b"[]",
        b"[" * 9999,
        noise,
        blob[:half] + noise[half:],
      ):
        file.write_bytes(damaged)
        try:
          load("imagenet_lt", self.root, image_size=8)
        except InputError as error:
          self.assertNotIn("\n", str(error))
          refused += 1
      file.unlink()
      os.mkfifo(file)
      with self.assertRaisesRegex(InputError, "is no regular file but a pipe"):
        load("imagenet_lt", self.root, image_size=8)
      file.unlink()
      file.write_bytes(blob)
    self.assertGreater(refused, len(files))

  def test_features_are_those_of_the_real_builders(self):
    """What the configs rely on, in the builders that TFDS has."""
    expected = {
      "cifar10_n": {"id", "worse_label", "aggre_label"},
      "cifar100_n": {"id", "noise_label"},
      "imagenet2012": {"file_name"},
      "imagenet_lt": {"file_name"},
      "i_naturalist2018": {"id"},
      "controlled_noisy_web_labels": {"id", "is_clean"},
    }
    for name, keys in expected.items():
      features = tiny_tfds.features_of(name, self.root, "ab")
      self.assertLessEqual(keys | {"image", "label"}, set(features))
    self.assertNotIn("tensorflow", sys.modules)


if __name__ == "__main__":
  absltest.main()
