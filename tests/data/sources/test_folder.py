"""Folders of images, with the flaws they come in."""

import contextlib
import os
import pathlib

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.config.validation import notices
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.survey import survey
from fsr_jax.errors import InputError
from tests import shrunk
from tests.data.own import OwnDataTest, levels, load, picture, tree


class FolderTest(OwnDataTest):
  def test_one_value_is_one_class_and_said_so(self):
    tree(self.root, classes=("1", "01", "10", "2"), count=4)
    data = load("folder", self.root)
    self.assertEqual(data.class_names, ("1", "2", "10"))
    self.assertEqual(
      data.notes, ("1 classes are written in several ways, e.g. 1 as 01, 1",)
    )

  def test_paths_are_absolute(self):
    self.enter_context(contextlib.chdir(self.root))
    tree(self.root / "images")
    data = load("folder", "images")
    self.assertEqual(
      data.train.filepath.tolist(),
      [str(self.root / "images" / name) for name in data.train.id],
    )
    self.assertEqual(
      data.test.take(np.array([1])).filepath, data.test.filepath[1:2]
    )

  def test_classes_in_an_order_of_ones_own(self):
    tree(self.root, classes=("a", "nan", "-1"), count=4)
    data = load("folder", self.root, data__class_names="nan,-1,a")
    self.assertEqual(data.class_names, ("nan", "-1", "a"))
    self.assertEqual(sorted(data.train.label), [0] * 3 + [1] * 3 + [2] * 3)
    with self.assertRaisesRegex(InputError, "4 of 12 values of label are no"):
      load("folder", self.root, data__class_names="nan,a")

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

  def test_what_is_not_an_image_of_a_class_is_left_out_and_said(self):
    tree(self.root)
    for name in ("a.txt", "b.TXT", "c.svg", "no_suffix"):
      (self.root / "dog" / name).write_text("x")
    (self.root / "ä cat" / "d.heic").write_bytes(b"x")
    (self.root / "none").mkdir()
    picture(self.root / "0.png", 0)
    picture(self.root / "dog" / "deeper" / "7.JPEG", 107)
    data = load("folder", self.root)
    self.assertLen(data.train.label.tolist() + data.test.label.tolist(), 13)
    left_out, empty, beside = data.notes
    self.assertIn("5 files of", left_out)
    self.assertIn(": 2 .txt, 1 .", left_out)
    for words in (
      "1 .svg",
      "1 no suffix",
      "1 .heic",
      "pip install pillow-heif",
    ):
      self.assertIn(words, left_out)
    self.assertRegex(empty, "^1 folders of .* are empty and no classes: none$")
    self.assertRegex(beside, "^1 pictures of .* in no class folder .* 0.png$")
    options = shrunk.options(data__image_size=8)
    self.assertContainsSubset(data.notes, notices(options, data))

  def test_litter_is_not_worth_a_word(self):
    tree(self.root)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0.png", ".x.png"):
      (self.root / "dog" / name).write_bytes(b"x")
    picture(self.root / ".cache" / "0.png", 0)
    picture(self.root / "__MACOSX" / "dog" / "0.png", 0)
    data = load("folder", self.root)
    self.assertEqual(data.class_names, ("dog", "ä cat"))
    self.assertEqual(len(data.train) + len(data.test), 12)
    self.assertEmpty(data.notes)

  @parameterized.parameters("PPM", "JP2", "tga", "Webp")
  def test_a_class_of_any_kind_of_picture(self, suffix):
    tree(self.root)
    for i in range(6):
      picture(self.root / "newt" / f"{i}.{suffix}", 200 + i)
    data = load("folder", self.root)
    self.assertEqual(data.class_names, ("dog", "newt", "ä cat"))
    got = levels(data.train)[data.train.label == 1]
    np.testing.assert_allclose(np.sort(got) // 10, 20)
    self.assertLen(got, 5)
    self.assertEmpty(data.notes)

  def test_a_class_that_loses_all_its_files(self):
    tree(self.root)
    for i in range(3):
      (self.root / "drawings").mkdir(exist_ok=True)
      (self.root / "drawings" / f"{i}.svg").write_text("<svg/>")
    with self.assertRaisesRegex(
      InputError,
      r"1 folders of files without any picture, e.g. drawings/ \(3 .svg\);",
    ):
      load("folder", self.root)

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
    with self.assertRaisesRegex(
      InputError,
      "/test has pictures and no class folders.*--config=folder:.*/train$",
    ):
      load("folder", self.root)
    data = load("folder", self.root / "train")
    self.assertTrue(data.test_set_aside)

  def test_two_links_to_one_folder_are_two_classes(self):
    tree(self.root / "store", classes=("x", "y"))
    for part, stored in (("train", "x"), ("test", "y")):
      (self.root / "set" / part).mkdir(parents=True)
      for name in ("cat", "dog"):
        link = self.root / "set" / part / name
        link.symlink_to(self.root / "store" / stored)
    data = load("folder", self.root / "set")
    self.assertEqual(data.class_names, ("cat", "dog"))
    self.assertEqual((len(data.train), len(data.test)), (12, 12))

  def test_another_test_part_needs_no_training_images(self):
    tree(self.root / "a")
    tree(self.root / "b", count=2)
    data = load("folder", self.root / "a", data__test_from=str(self.root / "b"))
    self.assertEqual((len(data.train), len(data.test)), (12, 4))
    self.assertFalse(data.test_set_aside)

  def test_another_test_part_that_is_the_training_part(self):
    tree(self.root)
    with self.assertRaisesRegex(InputError, "12 files are in more than one"):
      load("folder", self.root, data__test_from=str(self.root))

  @parameterized.parameters("part", "class")
  def test_a_test_part_that_is_the_training_part(self, link):
    tree(self.root / "train")
    if link == "part":
      (self.root / "test").symlink_to(self.root / "train")
    else:
      (self.root / "test").mkdir()
      (self.root / "test" / "dog").symlink_to(self.root / "train" / "dog")
    with self.assertRaisesRegex(
      InputError, r"\d+ files are in more .*dog/0.png in the test and the tr"
    ):
      load("folder", self.root)

  def test_a_pipe_is_not_waited_for(self):
    tree(self.root, count=3)
    os.mkfifo(self.root / "dog" / "9.png")
    data = load("folder", self.root)
    with self.assertRaisesRegex(InputError, "dog/9.png is no regular file"):
      data.decoded()
    seen = survey(DataOptions(path=str(self.root)))
    self.assertEqual(seen.side, 9)
    data = load("folder", self.root, data__on_error="skip")
    self.assertLen(data.skipped, 1)

  def test_one_class_is_none(self):
    with self.assertRaisesRegex(InputError, "one class only: dog"):
      load("folder", tree(self.root, classes=("dog",)))

  def test_all_parts_are_cut_and_read_alike(self):
    for name in ("train", "val", "test"):
      tree(self.root / name, classes=("a", "b", "c"), count=2)
    (self.root / "val" / "a" / "0.png").write_bytes(b"")
    data = load("folder", self.root, data__num_classes=2, data__on_error="skip")
    self.assertEqual(
      [len(data.train), len(data.val), len(data.test)], [4, 3, 4]
    )
    self.assertLen(data.skipped, 1)
    self.assertRegex(data.skipped[0], "val/a/0.png")

  def test_nothing_left_to_test(self):
    tree(self.root / "train")
    (self.root / "test" / "dog").mkdir(parents=True)
    (self.root / "test" / "dog" / "0.png").write_bytes(b"")
    with self.assertRaisesRegex(InputError, "no test examples are left"):
      load("folder", self.root, data__on_error="skip")


if __name__ == "__main__":
  absltest.main()
