"""Splits and slices of TFDS sets: what is trained on, validated, tested."""

import io
import pathlib
import sys

from absl.testing import absltest, parameterized
import numpy as np
from PIL import Image
import tensorflow_datasets as tfds

from fsr_jax.config.validation import notices
from fsr_jax.errors import InputError
from tests import shrunk
from tests.data import tiny_tfds
from tests.data.tiny_tfds import load


class TfdsCase(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())

  def write(self, name="cifar10_n", classes=2, labels=(), **counts):
    """A set with the splits {name: examples}; ids are SPLIT_NUMBER."""
    names = [f"class {c}" for c in range(classes)]
    features = tiny_tfds.features_of(name, self.root, names)
    splits = {
      split: tiny_tfds.records(
        count, 2, (32, 32), id=lambda i, _, split=split: f"{split}_{i:02d}"
      )
      for split, count in counts.items()
    }
    for split in labels:
      splits[split] = [{**r, "label": -1} for r in splits[split]]
    tiny_tfds.write(name, self.root, splits, features)
    return name


class SplitsTest(TfdsCase):
  def ids(self, *splits):
    return sorted(id for split in splits for id in split.id.tolist())

  def test_one_split_is_divided(self):
    self.write(train=20)
    data = load("cifar10_n", self.root)
    self.assertEqual((len(data.train), len(data.test)), (18, 2))
    self.assertTrue(data.test_set_aside)
    self.assertEqual(
      self.ids(data.train, data.test), [f"train_{i:02d}" for i in range(20)]
    )
    for split in (data.train, data.test):
      number = [int(id[-2:]) % 2 for id in split.id]
      np.testing.assert_array_equal(split.label, number)
      np.testing.assert_allclose(
        split.image.mean((1, 2, 3)),
        [tiny_tfds.level(c, 2) for c in split.label],
        atol=3,
      )
    data = load("cifar10_n", self.root, test_share=0.5)
    self.assertEqual((len(data.train), len(data.test)), (10, 10))

  def test_pictures_set_aside_are_seen_as_tests_are(self):
    features = tiny_tfds.features_of("i_naturalist2018", self.root, "ab")
    rows = tiny_tfds.records(12, 2, id=lambda i, _: f"{i}")
    tiny_tfds.write("i_naturalist2018", self.root, {"train": rows}, features)
    data = load(
      "i_naturalist2018",
      self.root,
      image_size=14,
      min_crop_area=0.5,
      crop_padding=0,
    )
    self.assertEqual(data.train.image.shape, (10, 16, 16, 3))
    self.assertEqual(data.test.image.shape, (2, 14, 14, 3))
    np.testing.assert_allclose(
      data.test.decoded().image.mean((1, 2, 3)),
      [tiny_tfds.level(c, 2) for c in data.test.label],
      atol=3,
    )

  def test_another_test_part_needs_no_training_examples(self):
    self.write(train=20)
    self.write("cifar100_n", test=6)
    data = load("cifar10_n", self.root, test_from="tfds:cifar100_n")
    self.assertEqual((len(data.train), len(data.test)), (20, 6))

  def test_what_is_set_aside_has_the_true_labels(self):
    features = tiny_tfds.features_of("cifar10_n", self.root, "ab")
    wrong = {"worse_label": lambda i, label: 1 - label}
    rows = tiny_tfds.records(20, 2, (32, 32), id=lambda i, _: f"{i}", **wrong)
    tiny_tfds.write("cifar10_n", self.root, {"train": rows}, features)
    data = load("cifar10_n", self.root, label_key="worse_label")
    for split, given in ((data.train, 1), (data.test, 0)):
      true = np.array([int(id) % 2 for id in split.id])
      np.testing.assert_array_equal(split.label, (true + given) % 2)

  def test_a_test_split_without_labels_is_said(self):
    self.write(train=20, test=6, labels=["test"])
    data = load("cifar10_n", self.root)
    self.assertLen(data.test, 2)
    self.assertTrue(data.test_set_aside)
    self.assertIn(
      "the split test of cifar10_n has no labels and is not used",
      notices(shrunk.options(), data),
    )

  def test_other_splits_are_said(self):
    self.write(train=20, extra=6)
    data = load("cifar10_n", self.root)
    self.assertRegex(data.notes[0], "no split that is called .* extra besides")

  def test_train_validation_and_test(self):
    self.write(train=20, validation=8, test=6)
    data = load("cifar10_n", self.root)
    self.assertEqual(
      [len(x) for x in (data.train, data.val, data.test)], [20, 8, 6]
    )
    self.assertEmpty(data.notes)
    data = load("cifar10_n", self.root, test_split="validation")
    self.assertLen(data.test, 8)
    self.assertIsNone(data.val)
    data = load(
      "cifar10_n", self.root, val_split="train[:2]", train_split="train[2:]"
    )
    self.assertEqual(
      [len(x) for x in (data.train, data.val, data.test)], [18, 2, 6]
    )

  @parameterized.parameters(
    ({"train_split": "train[:80%]", "test_split": "train[80%:]"}, 16, 4),
    ({"train_split": "train[10:20]", "test_split": "train[:10]"}, 10, 10),
    ({"train_split": "train[:-5]", "test_split": "train[-5:]"}, 15, 5),
    ({"train_split": "train[25%:75%]", "test_split": "test"}, 10, 6),
    ({"train_split": "train[:75%]"}, 15, 6),
    ({"train_split": "train+test", "test_split": "extra"}, 26, 4),
    ({"train_split": "train[:2]+extra[1:]"}, 5, 6),
  )
  def test_slices(self, fields, trained, tested):
    self.write(train=20, test=6, extra=4)
    data = load("cifar10_n", self.root, **fields)
    self.assertEqual((len(data.train), len(data.test)), (trained, tested))
    self.assertFalse(data.test_set_aside)
    both = self.ids(data.train, data.test)
    self.assertLen(set(both), trained + tested)
    self.assertNotIn("tensorflow", sys.modules)

  def test_a_slice_has_the_examples_that_tfds_gives_it(self):
    self.write(train=20)
    (folder,) = self.root.glob("cifar10_n/*")
    builder = tfds.builder_from_directory(folder, file_format="array_record")
    expected = builder.as_data_source("train[30%:60%]")
    data = load(
      "cifar10_n",
      self.root,
      train_split="train[30%:60%]",
      test_split="train[:2]",
    )
    self.assertEqual(
      data.train.id.tolist(), [record["id"].decode() for record in expected]
    )

  def test_what_is_trained_on_is_no_default_test_part(self):
    self.write(train=20, test=6)
    data = load("cifar10_n", self.root, train_split="train+test")
    self.assertEqual((len(data.train), len(data.test)), (24, 2))
    self.assertTrue(data.test_set_aside)

  @parameterized.parameters(
    ({"test_split": "train"}, "share 20 examples"),
    ({"train_split": "train[:80%]", "test_split": "train[70%:]"}, "share 2 ex"),
    ({"train_split": "train[:12]", "test_split": "train[10:15]"}, "share 2 ex"),
    ({"train_split": "train+test", "test_split": "test"}, "share 6 examples"),
    ({"val_split": "test", "test_split": "test"}, "share 6 examples"),
    ({"train_split": "train+train[:3]"}, "has 3 examples twice"),
    ({"test_from": "tfds:cifar10_n", "train_split": "test"}, "share 6 exam"),
  )
  def test_parts_that_share_examples(self, fields, message):
    self.write(train=20, test=6)
    with self.assertRaisesRegex(InputError, message):
      load("cifar10_n", self.root, **fields)

  @parameterized.parameters(
    ({"train_split": "x"}, r"no split x; it has: .*train.*data.train_split n"),
    ({"train_split": "train[:a%]"}, r"no split train\[:a%\] \(.*train\[:80%"),
    ({"train_split": "x[:10]"}, r"no split x\[:10\] \(.*; it has"),
    ({"test_split": "train[90:]"}, "no split train.90:. .*|has no examples"),
    ({"train_split": "train[:0]"}, "train_split=train.:0. .* no examples"),
    ({"val_split": "dev"}, "no split dev; .* data.val_split names one"),
  )
  def test_no_such_split(self, fields, message):
    self.write(train=20, test=6)
    with self.assertRaisesRegex(InputError, message):
      load("cifar10_n", self.root, **fields)


class EmptyClassesTest(TfdsCase):
  def test_classes_without_any_example_are_named_and_left_out(self):
    """As emnist/letters: 37 names, labels 1 to 26."""
    names = [str(c) for c in range(37)]
    features = tiny_tfds.features_of("emnist/letters", self.root, names)
    rows = [
      {**r, "label": 1 + i % 26}
      for i, r in enumerate(tiny_tfds.records(78, 26, (28, 28)))
    ]
    for r in rows:
      picture = io.BytesIO()
      Image.new("L", (28, 28), r["label"]).save(picture, "PNG")
      r["image"] = picture.getvalue()
    tiny_tfds.write(
      "emnist/letters",
      self.root,
      {"train": rows[:52], "test": rows[52:]},
      features,
    )
    data = load("emnist/letters", self.root)
    self.assertEqual(data.class_names, tuple(names[1:27]))
    for split in (data.train, data.test):
      np.testing.assert_array_equal(split.image[:, 0, 0, 0], split.label + 1)
    self.assertEqual(
      data.notes,
      (
        "11 of the 37 classes that emnist/letters names have no example and are"
        " left out: 0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36",
      ),
    )

  def test_wrong_labels_move_with_their_classes(self):
    names = ["none", "a", "b"]
    features = tiny_tfds.features_of("cifar10_n", self.root, names)
    wrong = {"worse_label": lambda i, label: 1 + (i // 2) % 2}
    rows = [
      {**r, "label": r["label"] + 1}
      for r in tiny_tfds.records(
        20, 2, (32, 32), id=lambda i, _: f"{i}", **wrong
      )
    ]
    splits = {"train": rows, "test": rows[:6]}
    tiny_tfds.write("cifar10_n", self.root, splits, features)
    data = load("cifar10_n", self.root, label_key="worse_label")
    i = np.array([int(id) for id in data.train.id])
    np.testing.assert_array_equal(data.train.clean_label, i % 2)
    np.testing.assert_array_equal(data.train.label, i // 2 % 2)
    self.assertEqual(data.class_names, ("a", "b"))

  def test_a_class_that_is_only_tested_is_an_error(self):
    self.write(classes=3, train=20, test=6)
    self.assertLen(load("cifar10_n", self.root).class_names, 2)
    names = ["a", "b", "c"]
    features = tiny_tfds.features_of("cifar100_n", self.root, names)
    rows = tiny_tfds.records(20, 3, (32, 32), id=lambda i, _: f"{i}")
    few = [r for r in rows if r["label"] < 2]
    splits = {"train": few, "test": rows}
    tiny_tfds.write("cifar100_n", self.root, splits, features)
    with self.assertRaisesRegex(InputError, "no training example: c"):
      load("cifar100_n", self.root)


if __name__ == "__main__":
  absltest.main()
