"""Layouts and tables of the user's own data that could be misunderstood."""

import os

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.survey import survey
from fsr_jax.errors import InputError
from fsr_jax.run.validate import notices
from tests import shrunk
from tests.test_own import OwnDataTest, load, picture, tree


class FolderLayoutTest(OwnDataTest):
  def test_a_class_may_be_called_train(self):
    data = load("folder", tree(self.root, classes=("bus", "car", "train")))
    self.assertEqual(data.class_names, ("bus", "car", "train"))

  def test_classes_beside_a_training_part_are_not_dropped(self):
    tree(self.root, classes=("bus", "car"))
    tree(self.root / "train", classes=("a", "b"))
    with self.assertRaisesRegex(InputError, "has train/ .* beside bus, car;"):
      load("folder", self.root)

  def test_a_test_part_without_classes_is_not_ignored(self):
    tree(self.root / "train")
    picture(self.root / "test" / "0.png", 0)
    with self.assertRaisesRegex(InputError, "has train/ .* beside test;"):
      load("folder", self.root)

  def test_several_test_parts(self):
    for part, count in (("train", 6), ("valid", 2), ("test", 1)):
      tree(self.root / part, count=count)
    with self.assertRaisesRegex(
      InputError, "for the test part: test, valid; choose one by data.test_s"
    ):
      load("folder", self.root)
    data = load("folder", self.root, data__test_split="valid")
    self.assertLen(data.train, 12)
    self.assertLen(data.test, 4)
    with self.assertRaisesRegex(InputError, "test_split=dev: there is no such"):
      load("folder", self.root, data__test_split="dev")

  def test_two_links_to_one_folder_are_two_classes(self):
    tree(self.root / "store", classes=("x",))
    for name in ("cat", "dog"):
      (self.root / "set").mkdir(exist_ok=True)
      (self.root / "set" / name).symlink_to(self.root / "store" / "x")
    data = load("folder", self.root / "set")
    self.assertEqual(data.class_names, ("cat", "dog"))
    self.assertEqual(len(data.train) + len(data.test), 12)

  def test_a_pipe_is_not_waited_for(self):
    tree(self.root, count=3)
    os.mkfifo(self.root / "dog" / "9.png")
    data = load("folder", self.root)
    with self.assertRaisesRegex(InputError, "dog/9.png is no regular file"):
      data.decoded()
    seen = survey(str(self.root), shrunk.config(data__image_size=0).data)
    self.assertEqual(seen.side, 9)
    data = load("folder", self.root, data__on_error="skip")
    self.assertLen(data.skipped, 1)

  def test_one_class_is_none(self):
    with self.assertRaisesRegex(InputError, "one class only: dog"):
      load("folder", tree(self.root, classes=("dog",)))

  def test_nothing_left_to_test(self):
    tree(self.root / "train")
    (self.root / "test" / "dog").mkdir(parents=True)
    (self.root / "test" / "dog" / "0.png").write_bytes(b"")
    with self.assertRaisesRegex(InputError, "no test examples are left"):
      load("folder", self.root, data__on_error="skip")


class TableTest(OwnDataTest):
  def manifest(self, text, **fields):
    tree(self.root)
    (self.root / "list.csv").write_text(text, encoding="utf-8")
    return load("manifest", self.root / "list.csv", **fields)

  def test_spaces_and_capitals(self):
    data = self.manifest(
      'Path, Label ,SPLIT\n"dog/0.png", "cat",train\n'
      "dog/1.png,cat, train\ndog/2.png, dog,train\ndog/3.png,dog ,TEST\n"
    )
    self.assertEqual(data.class_names, ("cat", "dog"))
    np.testing.assert_array_equal(data.train.label, [0, 0, 1])
    self.assertEqual(data.test.id.tolist(), ["dog/3.png"])

  def test_clean_labels_that_are_not_known(self):
    data = self.manifest(
      "path,label,clean_label,split\ndog/0.png,a,b,train\n"
      "dog/1.png,a,,train\ndog/2.png,b,-1,train\ndog/3.png,b,b,test\n"
    )
    self.assertEqual(data.class_names, ("a", "b"))
    np.testing.assert_array_equal(data.train.clean_label, [1, -1, -1])

  def test_test_and_validation_are_two_parts(self):
    text = "path,label,split\n" + "".join(
      f"dog/{i}.png,{'ab'[i % 2]},{part}\n"
      for i, part in enumerate(["train", "train", "val", "val", "test"])
    )
    with self.assertRaisesRegex(
      InputError, "several splits for the test part: test, val; choose one"
    ):
      self.manifest(text)
    data = self.manifest(text, data__test_split="val")
    self.assertEqual(data.test.id.tolist(), ["dog/2.png", "dog/3.png"])
    self.assertLen(data.train, 2)

  @parameterized.named_parameters(
    (
      "label",
      "path,label\na,x\nb,\nc,\n",
      "2 of 3 values of label are missing, the first is number 2",
    ),
    ("twice", "path,label,Label\na,x,y\n", "column label more than once"),
    (
      "test only",
      "path,label,split\na,x,test\nb,y,test\n",
      "has a test part and no training part",
    ),
  )
  def test_wrong_tables(self, text, message):
    with self.assertRaisesRegex(InputError, message):
      self.manifest(text)

  def test_missing_in_parquet(self):
    try:
      import pyarrow
      from pyarrow import parquet
    except ImportError:
      self.skipTest("pyarrow is not installed")
    for missing in (None, float("nan")):
      label = [0.0, missing, 1.0] if missing else ["a", None, "b"]
      table = pyarrow.table({"path": ["a", "b", "c"], "label": label})
      parquet.write_table(table, self.root / "list.parquet")
      with self.assertRaisesRegex(InputError, "1 of 3 values of label are mis"):
        load("manifest", self.root / "list.parquet")


class ArraysFlawsTest(OwnDataTest):
  def arrays(self, **changes):
    found = {
      "image": np.zeros((20, 5, 5, 3), np.uint8),
      "label": np.arange(20) % 2,
      **changes,
    }
    np.savez(self.root / "data.npz", **found)
    return load("arrays", self.root / "data.npz", data__image_size=0)

  @parameterized.named_parameters(
    (
      "channels",
      {"image": np.zeros((20, 3, 32, 32), np.uint8)},
      r"channels first; .* image.transpose\(0, 2, 3, 1\)",
    ),
    ("id", {"id": np.array(["x"] * 20)}, "x is there 20 times"),
    (
      "nan",
      {"label": np.array([np.nan] + [1.0, 0.0] * 9 + [1.0])},
      "1 of 20 values of label are missing, the first is number 1",
    ),
    ("unknown", {"label": np.arange(20) % 3 - 1}, "7 of 20 values of label"),
    (
      "no tests",
      {
        "test_image": np.zeros((0, 5, 5, 3), np.uint8),
        "test_label": np.zeros(0, int),
      },
      "no test examples",
    ),
  )
  def test_wrong_arrays(self, changes, message):
    with self.assertRaisesRegex(InputError, message):
      self.arrays(**changes)

  def test_many_channels_are_not_channels_first(self):
    data = self.arrays(image=np.zeros((20, 8, 8, 13), np.uint8))
    self.assertEqual(data.train.image.shape[1:], (8, 8, 13))

  def test_clean_labels_that_are_not_known(self):
    data = self.arrays(clean_label=np.full(20, -1))
    self.assertEqual(data.class_names, ("0", "1"))
    np.testing.assert_array_equal(data.train.clean_label, -1)

  def test_a_size_that_is_not_used(self):
    data = self.arrays()
    for size, count in ((0, 0), (64, 1)):
      config = shrunk.frozen(data__image_size=size, data__dataset="arrays")
      self.assertEqual(
        "\n".join(notices(config, data)).count("image_size=64 is not used"),
        count,
      )


class LabelsFileLayoutTest(OwnDataTest):
  def load(self, classes, file, **fields):
    tree(self.root / "data" / "train", classes=classes, count=4)
    tree(self.root / "data" / "test", classes=classes, count=1)
    return load(
      "folder", self.root / "data", data__labels_file=str(file), **fields
    )

  def write(self, name, text):
    (self.root / name).write_text(text)
    return self.root / name

  def ids(self, *classes):
    return [f"train/{c}/{i}.png" for c in classes for i in range(4)]

  @parameterized.parameters("id", "path", "Path")
  def test_ids_may_be_called_path(self, column):
    rows = [f"{name},{name[6]}\n" for name in self.ids("b", "a")]
    file = self.write("new.csv", f"{column},label\n" + "".join(rows))
    data = self.load(("a", "b"), file)
    np.testing.assert_array_equal(data.train.label, [0] * 4 + [1] * 4)

  def test_ids_of_another_name_are_not_ignored(self):
    rows = [f"{name},{name[6]}\n" for name in self.ids("b", "a")]
    file = self.write("new.csv", "image,label\n" + "".join(rows))
    with self.assertRaisesRegex(InputError, "image looks like the ids .*it id"):
      self.load(("a", "b"), file)

  def test_numbers_of_a_workdir_are_positions_and_names_are_names(self):
    """Class 10 comes before class 9 as a text: its number there is 0."""
    np.savez(
      self.root / "labels.npz",
      class_names=["10", "9", "x"],
      label=[0] * 4 + [1] * 3 + [2] + [2] * 4,
      clean_label=[0] * 4 + [1] * 3 + [-1] + [2] * 4,
      id=self.ids("10", "9", "x"),
    )
    data = self.load(("9", "10", "x"), self.root / "labels.npz")
    self.assertEqual(data.class_names, ("10", "9", "x"))
    np.testing.assert_array_equal(
      data.train.label, [0] * 4 + [1] * 3 + [2] + [2] * 4
    )
    np.testing.assert_array_equal(
      data.train.clean_label, [0] * 4 + [1] * 3 + [-1] + [2] * 4
    )

  def test_rows_that_are_not_used_may_have_other_classes(self):
    rows = [f"{name},{name[6]}\n" for name in self.ids("a", "b", "c")]
    file = self.write("new.csv", "id,label\n" + "".join(rows))
    data = self.load(("a", "b", "c"), file, data__num_classes=2)
    np.testing.assert_array_equal(data.train.label, [0] * 4 + [1] * 4)

  @parameterized.parameters(([],), (3,))
  def test_labels_must_be_a_list(self, label):
    np.savez(self.root / "labels.npz", label=label)
    with self.assertRaisesRegex(InputError, "label has not one value for each"):
      self.load(("a", "b"), self.root / "labels.npz")


class FolderConfigTest(OwnDataTest):
  def test_feature_vectors(self):
    from configs import folder

    np.savez(
      self.root / "DATA.NPZ",
      image=np.zeros((40, 5), np.float32),
      label=np.arange(40) % 2,
    )
    (self.root / "DATA.NPZ.npz").rename(self.root / "DATA.NPZ")
    config = folder.get_config(str(self.root / "DATA.NPZ"))
    self.assertEqual(config.network, "mlp")
    self.assertFalse(config.data.flip)
    self.assertEqual(config.data.crop_padding, 0)


if __name__ == "__main__":
  absltest.main()
