"""Which folders are classes and which are parts, under all sorts of names."""

import shutil

from absl.testing import absltest, parameterized

from fsr_jax.errors import InputError
from tests.data.own import OwnDataTest, load, picture, tree


class PartsTest(OwnDataTest):
  @parameterized.parameters(
    ("training_set", "test_set"),
    ("Training Set", "Testing Set"),
    ("training", "testing"),
    ("TRAIN", "TEST"),
    ("train_set", "val"),
    ("train_data", "test-data"),
    ("trainset", "testset"),
    ("TrainImages", "TestImages"),
    ("train2017", "val2017"),
    ("train", "test1"),
    ("seg_train", "seg_test"),
    ("pets-train", "pets-validation"),
    ("train", "dev"),
    ("train", "evaluation"),
  )
  def test_names_of_two(self, train, test):
    tree(self.root / train)
    tree(self.root / test, count=2)
    data = load("folder", self.root)
    self.assertEqual(data.class_names, ("dog", "ä cat"))
    self.assertEqual((len(data.train), len(data.test)), (12, 4))
    self.assertIsNone(data.val)
    self.assertFalse(data.test_set_aside)
    self.assertEmpty(data.notes)

  @parameterized.parameters(
    ("train", "val", "test"),
    ("training_set", "validation_set", "test_set"),
    ("Train", "Valid", "Test"),
    ("seg_train", "seg_dev", "seg_test"),
  )
  def test_one_of_three_is_validated_and_one_tested(self, *names):
    for name, count in zip(names, (6, 2, 1)):
      tree(self.root / name, count=count)
    data = load("folder", self.root)
    self.assertLen(data.train, 12)
    self.assertLen(data.val, 4)
    self.assertLen(data.test, 2)
    self.assertTrue(data.val.id[0].startswith(names[1]))
    self.assertTrue(data.test.id[0].startswith(names[2]))
    # What is chosen to be tested is all that is evaluated.
    data = load("folder", self.root, data__test_split=names[1])
    self.assertLen(data.test, 4)
    self.assertIsNone(data.val)
    self.assertRegex(data.notes[0], f"^{names[2]} of .* is left out: ")
    both = {"data__test_split": names[1], "data__val_split": names[2]}
    data = load("folder", self.root, **both)
    self.assertEqual((len(data.test), len(data.val)), (4, 2))
    with self.assertRaisesRegex(
      InputError, "test_split=x: there is no such part in .*; it has: .*in"
    ):
      load("folder", self.root, data__test_split="x")

  def test_parts_under_any_name_are_named(self):
    tree(self.root / "lernen")
    tree(self.root / "pruefen", count=1)
    with self.assertRaisesRegex(
      InputError,
      "parts of a set or its .* lernen, pruefen hold folders of their own.* d",
    ):
      load("folder", self.root)
    fields = {"data__train_split": "lernen", "data__test_split": "pruefen"}
    data = load("folder", self.root, **fields)
    self.assertEqual((len(data.train), len(data.test)), (12, 2))
    del fields["data__train_split"]
    with self.assertRaisesRegex(InputError, "no folder .* as training parts"):
      load("folder", self.root, **fields)

  @parameterized.parameters(
    (("train", "training"), "several parts to train: train, training; choose"),
    (("train", "test", "testing"), "several parts to test: test, testing"),
    (("part_a_test", "learn"), "part_a_test, learn|learn, part_a_test"),
    (("train_val", "learn"), "hold folders of their own .a, "),
  )
  def test_what_looks_like_parts_and_is_not_understood(self, names, message):
    for name in names:
      tree(self.root / name, classes=("a", name))
    with self.assertRaisesRegex(InputError, message):
      load("folder", self.root)

  def test_a_folder_around_all_of_it(self):
    tree(self.root / "archive" / "data")
    data = load("folder", self.root)
    self.assertEqual(data.class_names, ("dog", "ä cat"))
    self.assertRegex(data.notes[0], "archive/data is read, all that there is")
    self.assertTrue(data.train.id[0].startswith("archive/data/"))
    with self.assertRaisesRegex(InputError, "one class only: dog"):
      load("folder", tree(self.root / "one", classes=("dog",)))

  def test_a_folder_around_the_parts_and_each_of_them(self):
    tree(self.root / "x" / "seg_train" / "seg_train")
    tree(self.root / "x" / "seg_test" / "seg_test", count=1)
    picture(self.root / "x" / "seg_pred" / "seg_pred" / "0.png", 0)
    data = load("folder", self.root)
    self.assertEqual(data.class_names, ("dog", "ä cat"))
    self.assertEqual((len(data.train), len(data.test)), (12, 2))
    self.assertRegex(data.notes[1], "^seg_pred of .* is left out")

  def test_other_folders_beside_the_parts_are_said(self):
    for name in ("train", "test", "extra"):
      tree(self.root / name)
    data = load("folder", self.root)
    self.assertLen(data.train, 12)
    self.assertRegex(data.notes[0], "^extra of .* is left out: neither")

  def test_a_part_without_labels_beside_the_others(self):
    tree(self.root / "train")
    tree(self.root / "val", count=1)
    picture(self.root / "test" / "0.png", 0)
    data = load("folder", self.root)
    self.assertLen(data.test, 2)
    self.assertRegex(data.notes[0], "^test of .* is left out")

  def test_a_test_part_in_a_folder_of_another_name(self):
    """As of a set whose test pictures lie in test/images/."""
    tree(self.root / "train")
    picture(self.root / "test" / "images" / "0.png", 0)
    with self.assertRaisesRegex(
      InputError, r"/test, to test on, has no class folder of .*/train, which"
    ):
      load("folder", self.root)


class ClassesTest(OwnDataTest):
  def test_classes_called_train_and_test(self):
    tree(self.root, classes=("train", "test"))
    with self.assertRaisesRegex(
      InputError,
      "folders test, train, of which test, train are called as.* says that a",
    ):
      load("folder", self.root)
    data = load("folder", self.root, data__train_split=".")
    self.assertEqual(data.class_names, ("test", "train"))
    self.assertEqual(len(data.train) + len(data.test), 12)
    self.assertTrue(data.test_set_aside)

  @parameterized.parameters("training_set", "Test Images", "train2017")
  def test_pictures_in_what_is_surely_a_part(self, name):
    tree(self.root, classes=(name, "bus"))
    with self.assertRaisesRegex(InputError, f"of which {name} are called as"):
      load("folder", self.root)
    data = load("folder", self.root, data__train_split=".")
    self.assertLen(data.class_names, 2)

  def test_a_train_among_vehicles(self):
    tree(self.root, classes=("bus", "train", "test"))
    self.assertLen(load("folder", self.root).class_names, 3)

  def test_vehicles_sorted_by_make(self):
    for name in ("bus", "train"):
      tree(self.root / name, classes=("x", "y"))
    with self.assertRaisesRegex(InputError, "beside bus; .*data.train_split=."):
      load("folder", self.root)
    data = load("folder", self.root, data__train_split=".")
    self.assertEqual(data.class_names, ("bus", "train"))

  def test_kinds_of_trains(self):
    for name in ("freight_train", "passenger_train"):
      tree(self.root / name, classes=("1999", "2000"))
    with self.assertRaisesRegex(InputError, "freight_train, passenger_train h"):
      load("folder", self.root)
    data = load("folder", self.root, data__train_split=".")
    self.assertLen(data.class_names, 2)

  def test_a_test_part_beside_classes(self):
    tree(self.root, classes=("bus", "train"))
    tree(self.root / "held back", classes=("bus", "train"), count=1)
    fields = {"data__train_split": ".", "data__test_split": "held back"}
    data = load("folder", self.root, **fields)
    self.assertEqual(data.class_names, ("bus", "train"))
    self.assertEqual((len(data.train), len(data.test)), (12, 2))

  def test_folders_within_classes(self):
    tree(self.root / "cat", classes=("2019", "2020"))
    tree(self.root / "dog", classes=("2020",))
    self.assertEqual(load("folder", self.root).class_names, ("cat", "dog"))


class FlatTest(OwnDataTest):
  def setUp(self):
    super().setUp()
    for i in range(4):
      picture(self.root / "all" / f"{i}.png", i)

  def test_nothing_says_what_they_show(self):
    with self.assertRaisesRegex(
      InputError, "has 4 pictures and no class folders.*metadata.csv with"
    ):
      load("folder", self.root / "all")

  @parameterized.parameters(
    (
      "list.csv",
      "all/0.png",
      r"use it by --config=folder:.*list.csv",
    ),
    ("list.TSV", "0.png", "use it by cp .*/list.TSV .*/all/metadata.tsv$"),
    ("all/list.csv", "0.png", "--config=folder:.*/all/list.csv$"),
    ("list.csv", "nothing.png", "expected .*/all/CLASS/IMAGE, or .*metadata"),
  )
  def test_the_command_for_a_list_is_named(self, file, place, message):
    separator = "\t" if file.endswith("TSV") else ","
    lines = [["image", "class"], [place, "a"]]
    (self.root / file).write_text("\n".join(map(separator.join, lines)))
    with self.assertRaisesRegex(InputError, message):
      load("folder", self.root / "all")

  def test_the_command_does(self):
    rows = "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(4))
    (self.root / "list.csv").write_text("image,class\n" + rows)
    with self.assertRaises(InputError) as caught:
      load("folder", self.root / "all")
    _, source, target = str(caught.exception).split(" use it by ")[1].split(" ")
    shutil.copy(source, target)
    self.assertEqual(load("folder", self.root / "all").class_names, ("a", "b"))

  def test_a_labels_file_is_named(self):
    (self.root / "mine").mkdir()
    file = self.root / "mine" / "x.csv"
    file.write_text("path,label\n../all/0.png,a\n")
    with self.assertRaisesRegex(InputError, ":.*/mine/x.csv$"):
      load("folder", self.root / "all", data__labels_file=str(file))


if __name__ == "__main__":
  absltest.main()
