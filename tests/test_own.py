"""The user's own images, in the formats and with the flaws they come in."""

import csv
import os
import pathlib

from absl.testing import absltest, parameterized
import numpy as np
from PIL import Image

from fsr_jax.data import sources
from fsr_jax.errors import InputError
from fsr_jax.run import commands
from tests import shrunk


def load(dataset, path, **fields):
  c = shrunk.config(
    data__dataset=dataset,
    data__path=str(path),
    data__noise="none",
    data__noise_ratio=0.0,
    data__max_examples=0,
    **{"data__image_size": 8, **fields},
  )
  return sources.load(c.data, 0)


def picture(path, level, mode="RGB", size=(12, 9)):
  """Writes an image of one brightness."""
  path.parent.mkdir(parents=True, exist_ok=True)
  image = Image.new("L", size, level)
  (image if mode == "L" else image.convert(mode)).save(path)


def tree(root, classes=("ä cat", "dog"), count=6, size=(12, 9)):
  """root/CLASS/i.png of brightness 100 * class + i."""
  for c, name in enumerate(classes):
    for i in range(count):
      picture(root / name / f"{i}.png", 100 * c + i, size=size)
  return root


def levels(split):
  """Brightness of the images, int [N]."""
  return split.decoded().image.mean((1, 2, 3)).round().astype(int)


class OwnDataTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())


class FolderTest(OwnDataTest):
  def test_a_part_of_every_class_is_set_aside(self):
    data = load("folder", tree(self.root), data__test_share=1 / 3)
    self.assertEqual(data.class_names, ("dog", "ä cat"))
    np.testing.assert_array_equal(np.bincount(data.train.label), [4, 4])
    np.testing.assert_array_equal(np.bincount(data.test.label), [2, 2])
    both = np.concatenate([data.train.id, data.test.id])
    self.assertLen(set(both.tolist()), 12)
    # Image, label and name stayed together.
    for split in (data.train, data.test):
      for level, label, name in zip(levels(split), split.label, split.id):
        self.assertEqual(level // 100, 1 - label)
        self.assertEqual(pathlib.Path(name).stem, str(level % 100))
    self.assertIsNone(data.train.clean_label)

  def test_train_and_test_folders(self):
    tree(self.root / "Train")
    tree(self.root / "val", count=1)
    data = load("folder", self.root)
    self.assertLen(data.train, 12)
    self.assertEqual(
      data.test.id.tolist(), ["val/dog/0.png", "val/ä cat/0.png"]
    )
    self.assertEqual(data.class_names, ("dog", "ä cat"))

  def test_a_class_that_only_training_has(self):
    tree(self.root / "train", classes=("a", "b", "c"))
    tree(self.root / "test", classes=("a", "c"))
    data = load("folder", self.root)
    np.testing.assert_array_equal(
      np.bincount(data.test.label, minlength=3), [6, 0, 6]
    )

  def test_a_class_that_only_the_test_part_has(self):
    tree(self.root / "train", classes=("a", "b"))
    tree(self.root / "test", classes=("a", "c"))
    with self.assertRaisesRegex(InputError, "no training example: c"):
      load("folder", self.root)

  def test_what_is_not_an_image_of_a_class_is_left_out(self):
    tree(self.root)
    (self.root / "dog" / "notes.txt").write_text("x")
    (self.root / "dog" / ".hidden.png").write_bytes(b"x")
    (self.root / ".cache").mkdir()
    picture(self.root / ".cache" / "0.png", 0)
    picture(self.root / "0.png", 0)
    picture(self.root / "dog" / "deeper" / "7.JPEG", 107)
    data = load("folder", self.root)
    self.assertLen(data.train.label.tolist() + data.test.label.tolist(), 13)

  def test_loop_of_links_ends(self):
    tree(self.root)
    (self.root / "dog" / "again").symlink_to(self.root / "dog")
    (self.root / "dog" / "up").symlink_to(self.root)
    data = load("folder", self.root)
    self.assertLen(data.train.label.tolist() + data.test.label.tolist(), 12)

  def test_unreadable_folder(self):
    tree(self.root)
    locked = self.root / "locked"
    locked.mkdir()
    locked.chmod(0)
    self.addCleanup(locked.chmod, 0o700)
    if os.access(locked, os.R_OK):
      self.skipTest("this user can read everything")
    with self.assertRaisesRegex(InputError, "cannot read folder .*locked"):
      load("folder", self.root)

  @parameterized.parameters(
    ("missing", "does not exist"),
    ("empty", "no images under .*expected .*/CLASS/IMAGE"),
    ("file.png", "is not a folder"),
  )
  def test_no_such_folder(self, name, message):
    (self.root / "empty").mkdir()
    (self.root / "file.png").write_bytes(b"")
    with self.assertRaisesRegex(InputError, message):
      load("folder", self.root / name)

  def test_damaged_file_is_named(self):
    tree(self.root)
    (self.root / "dog" / "3.png").write_bytes(b"")
    data = load("folder", self.root)
    with self.assertRaisesRegex(InputError, r"dog/3\.png \(0 bytes\)"):
      for split in (data.train, data.test):
        split.decoded()

  def test_file_that_vanished_is_named(self):
    data = load("folder", tree(self.root))
    for i in range(6):
      (self.root / "dog" / f"{i}.png").unlink()
    with self.assertRaisesRegex(InputError, r"cannot read .*dog/.\.png \(No s"):
      data.train.decoded()

  def test_size_must_be_said(self):
    with self.assertRaisesRegex(InputError, "data.image_size=0; expected"):
      load("folder", tree(self.root), data__image_size=0)

  def test_random_resized_crops_have_a_margin_and_an_aspect(self):
    data = load(
      "folder",
      tree(self.root),
      data__image_size=7,
      data__min_crop_area=0.08,
      data__crop_padding=0,
    )
    self.assertEqual(data.train.image.shape[1:], (8, 8, 3))
    self.assertEqual(data.test.image.shape[1:], (7, 7, 3))
    np.testing.assert_allclose(data.train.decoded().aspect, 12 / 9)


class ManifestTest(OwnDataTest):
  def write(self, rows, name="list.csv"):
    tree(self.root)
    with open(self.root / name, "w", newline="", encoding="utf-8") as file:
      csv.writer(file).writerows(rows)
    return self.root / name

  def rows(self, *header):
    """A row for each image of the tree, the last dog's label wrong."""
    values = {
      "path": lambda c, i: f"{('ä cat', 'dog')[c]}/{i}.png",
      "label": lambda c, i: "10" if (c, i) == (1, 5) else str(10 - c),
      "clean_label": lambda c, i: str(10 - c),
      "split": lambda c, i: "Test" if i < 2 else "train",
      "id": lambda c, i: f"{c}-{i}",
    }
    return [header] + [
      [values[name](c, i) for name in header]
      for c in range(2)
      for i in range(6)
    ]

  @parameterized.parameters("list.csv", "list.parquet")
  def test_all_columns(self, name):
    rows = self.rows("path", "label", "clean_label", "split", "id")
    path = self.write(rows)
    if name.endswith("parquet"):
      try:
        import pyarrow
        from pyarrow import parquet
      except ImportError:
        self.skipTest("pyarrow is not installed")
      path = self.root / name
      columns = dict(zip(rows[0], map(list, zip(*rows[1:]))))
      parquet.write_table(pyarrow.table(columns), path)
    data = load("manifest", path)
    self.assertEqual(data.class_names, ("9", "10"))  # As numbers.
    self.assertEqual(
      data.train.id.tolist(),
      [f"{c}-{i}" for c in range(2) for i in range(2, 6)],
    )
    np.testing.assert_array_equal(data.train.clean_label, [1] * 4 + [0] * 4)
    np.testing.assert_array_equal(data.train.label, [1] * 4 + [0] * 3 + [1])
    self.assertEqual(levels(data.test).tolist(), [0, 1, 100, 101])

  def test_path_and_label_are_enough(self):
    data = load("manifest", self.write(self.rows("path", "label")))
    self.assertLen(data.test, 2)
    self.assertIsNone(data.train.clean_label)
    self.assertIn(data.train.id[0], [row[0] for row in self.rows("path")])

  @parameterized.named_parameters(
    ("column", [["path", "class"], ["a", "b"]], "no column label.*path, cl"),
    ("empty", [["path", "label"]], "no column path, label or no rows"),
    ("ragged", [["path", "label"], ["a"]], "row 2: 1 values.* 2 columns"),
    (
      "twice",
      [["path", "label"], ["a", "b"], ["a", "c"]],
      ": a is there 2 times",
    ),
    (
      "split",
      [["path", "label", "split"], ["a", "b", "dev"]],
      "split 'dev'; expected train or test",
    ),
  )
  def test_wrong_tables(self, rows, message):
    with self.assertRaisesRegex(InputError, message):
      load("manifest", self.write(rows))

  def test_not_text(self):
    path = self.root / "list.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with self.assertRaisesRegex(InputError, "cannot read .*list.csv"):
      load("manifest", path)


class ArraysTest(OwnDataTest):
  def arrays(self, **changes):
    rng = np.random.default_rng(0)
    found = {
      "image": rng.integers(0, 256, (20, 5, 5), np.uint8),
      "label": np.array(["b", "a"] * 10),
      "clean_label": np.array(["b", "a"] * 9 + ["a", "a"]),
      "id": np.arange(20),
      **changes,
    }
    found = {k: v for k, v in found.items() if v is not None}
    np.savez(self.root / "data.npz", **found)
    return self.root / "data.npz", found

  def test_one_file(self):
    path, found = self.arrays()
    data = load("arrays", path, data__test_share=0.2, data__image_size=0)
    self.assertEqual(data.class_names, ("a", "b"))
    self.assertLen(data.test, 4)
    index = data.train.id.astype(int)
    np.testing.assert_array_equal(
      data.train.image[..., 0], found["image"][index]
    )
    np.testing.assert_array_equal(data.train.label, 1 - index % 2)
    self.assertEqual(
      np.sum(data.train.label != data.train.clean_label), int(18 in index)
    )

  def test_first_classes_of_noisy_labels(self):
    label = np.array(["a", "b", "c"] * 10)
    clean = label.copy()
    clean[0], clean[3] = "b", "c"
    image = np.zeros((30, 5, 5), np.uint8)
    path, _ = self.arrays(
      image=image,
      label=label,
      clean_label=clean,
      id=np.arange(30),
      test_image=image,
      test_label=label,
    )
    data = load("arrays", path, data__image_size=0, data__num_classes=2)
    self.assertEqual(data.class_names, ("a", "b"))
    self.assertLen(data.train, 20)
    self.assertEqual(data.train.id[:3].tolist(), ["0", "1", "3"])
    self.assertEqual(data.train.label[:3].tolist(), [0, 1, 0])
    # The third is truly of the class that was left out.
    self.assertEqual(data.train.clean_label[:3].tolist(), [1, 1, -1])

  def test_a_test_part_and_a_folder_of_files(self):
    _, found = self.arrays(
      test_image=np.zeros((3, 5, 5), np.uint8),
      test_label=np.array(["a", "b", "a"]),
    )
    for name, values in found.items():
      np.save(self.root / f"{name}.npy", values)
    data = load("arrays", self.root, data__image_size=0)
    self.assertLen(data.train, 20)
    np.testing.assert_array_equal(data.test.label, [0, 1, 0])

  def test_feature_vectors_are_trained_on(self):
    rng = np.random.default_rng(0)
    label = np.arange(120) % 3
    # Far from 0 and of other scales: normalisation must see to it.
    features = label[:, None] + 0.1 * rng.normal(size=(120, 5))
    features = features * [1, 10, 100, 1000, 0.01] + 5000
    path, _ = self.arrays(
      image=features, label=label, clean_label=None, id=None
    )
    c = shrunk.config(
      data__dataset="arrays",
      data__path=str(path),
      data__max_examples=0,
      data__crop_padding=0,
      data__flip=False,
      num_epochs=8,
      data__noise_ratio=0.2,
      dictionary_size=12,
      reward_batch_size=8,
    )
    summary = commands.train(c, self.create_tempdir().full_path)
    self.assertGreater(summary["test_top1"], 0.9)
    c.data.flip = True
    with self.assertRaisesRegex(InputError, "set data.crop_padding=0"):
      commands.train(c, self.create_tempdir().full_path)

  def test_vectors_must_be_numbers(self):
    image = np.zeros((20, 3))
    image[7, 1] = np.nan
    path, _ = self.arrays(image=image)
    with self.assertRaisesRegex(InputError, "1 rows .* the first is 7"):
      load("arrays", path, data__image_size=0)

  @parameterized.named_parameters(
    ("missing", {"label": None}, "no array label; it has: image"),
    ("dtype", {"image": np.zeros((20, 5, 5))}, "image is float64.*uint8"),
    ("length", {"label": np.zeros(3, int)}, "label has not one value"),
    ("half", {"test_label": np.zeros(3, int)}, "one of test_image and test"),
    ("pickled", {"id": np.array([{}] * 20)}, "cannot read .*pickled"),
  )
  def test_wrong_arrays(self, changes, message):
    path, _ = self.arrays(**changes)
    with self.assertRaisesRegex(InputError, message):
      load("arrays", path, data__image_size=0)


class LabelsFileTest(OwnDataTest):
  def replaced(self, name, **columns):
    tree(self.root / "data" / "train")
    tree(self.root / "data" / "test", count=1)
    file = self.root / name
    if name.endswith(".npz"):
      np.savez(file, **columns)
    else:
      with open(file, "w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values()))
    return load("folder", self.root / "data", data__labels_file=str(file))

  def ids(self):
    """As the source has them: dogs first."""
    return [
      f"train/{name}/{i}.png" for name in ("dog", "ä cat") for i in range(6)
    ]

  def test_by_position(self):
    label = np.array([0, 1] * 6)
    data = self.replaced("labels.npz", label=label)
    np.testing.assert_array_equal(data.train.label, label)
    self.assertIsNone(data.train.clean_label)
    np.testing.assert_array_equal(data.test.label, [0, 1])

  @parameterized.parameters("labels.npz", "labels.csv")
  def test_by_id_whatever_the_order(self, name):
    order = np.random.default_rng(0).permutation(12)
    label = np.array(["dog", "ä cat"] * 6)
    data = self.replaced(
      name,
      id=np.array(self.ids() + ["another"])[[*order, 12]],
      label=[*label[order], "dog"],
      clean_label=[*(order // 6), 0],
    )
    np.testing.assert_array_equal(data.train.label, [0, 1] * 6)
    np.testing.assert_array_equal(data.train.clean_label, [0] * 6 + [1] * 6)

  def test_labels_that_are_only_known_to_be_wrong(self):
    clean_label = np.array([-1, 0, 1] * 4)
    data = self.replaced(
      "labels.npz", label=[0, 1] * 6, clean_label=clean_label
    )
    np.testing.assert_array_equal(data.train.clean_label, clean_label)

  @parameterized.named_parameters(
    ("length", {"label": [0, 1]}, "has 2 labels for 12 training"),
    (
      "range",
      {"label": [2] + [0] * 11},
      r"1 values of label are no class, e.g. 2; expected 0\.\.1 or dog",
    ),
    ("unknown", {"label": [-1] + [0] * 11}, "label are no class, e.g. -1"),
    ("name", {"label": ["Dog"] * 12}, "12 values of label.*e.g. Dog"),
    (
      "other set",
      {"label": [0] * 12, "id": [f"train_{i}" for i in range(12)]},
      "no label for 12 of 12.*e.g. train/dog/0.png; its ids.* train_0",
    ),
    ("twice", {"label": [0, 0], "id": ["a", "a"]}, "1 ids .* once, e.g. a"),
    ("missing", {"clean_label": [0] * 12}, "no array label; it has: clean"),
    ("ragged", {"label": [0] * 12, "id": ["a"]}, "id has not one value"),
  )
  def test_wrong_files(self, columns, message):
    columns = {name: np.array(values) for name, values in columns.items()}
    with self.assertRaisesRegex(InputError, message):
      self.replaced("labels.npz", **columns)


if __name__ == "__main__":
  absltest.main()
