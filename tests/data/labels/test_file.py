"""Training labels from a file of their own."""

import csv

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.errors import InputError
from tests.data.own import OwnDataTest, load, tree


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
    label = np.array(["dog", "ä cat"] * 6)
    data = self.replaced("labels.npz", label=label)
    np.testing.assert_array_equal(data.train.label, [0, 1] * 6)
    self.assertIsNone(data.train.clean_label)
    np.testing.assert_array_equal(data.test.label, [0, 1])
    self.assertEqual(
      data.notes,
      (
        "labels from labels.npz: 12 of 12 training examples have a row, 6 get"
        " another label",
      ),
    )

  @parameterized.parameters("labels.npz", "labels.csv")
  def test_positions_where_the_file_says_so(self, name):
    data = self.replaced(name, label_index=[0, 1] * 6, clean_label=["dog"] * 12)
    np.testing.assert_array_equal(data.train.label, [0, 1] * 6)
    np.testing.assert_array_equal(data.train.clean_label, 0)

  def test_one_hot_rows_are_positions(self):
    label = np.eye(2)[[0, 1] * 6]
    data = self.replaced("labels.npz", label=label)
    np.testing.assert_array_equal(data.train.label, [0, 1] * 6)

  @parameterized.parameters("labels.npz", "labels.csv")
  def test_by_id_whatever_the_order(self, name):
    order = np.random.default_rng(0).permutation(12)
    label = np.array(["dog", "ä cat"] * 6)
    data = self.replaced(
      name,
      id=np.array(self.ids() + ["test/dog/0.png"])[[*order, 12]],
      label=[*label[order], "dog"],
      clean_label_index=[*(order // 6), 0],
    )
    np.testing.assert_array_equal(data.train.label, [0, 1] * 6)
    np.testing.assert_array_equal(data.train.clean_label, [0] * 6 + [1] * 6)
    self.assertIn(
      "6 get another label; 1 rows are of examples that are not trained on",
      data.notes[0],
    )

  def test_corrected_rows_alone(self):
    """As the README advises: the others keep their labels."""
    data = self.replaced(
      "labels.csv",
      id=["train/dog/3.png", "train/ä cat/0.png", "train/dog/0.png"],
      label=["ä cat", "dog", "dog"],
    )
    np.testing.assert_array_equal(
      data.train.label, [0, 0, 0, 1, 0, 0] + [0, 1, 1, 1, 1, 1]
    )
    self.assertEqual(
      data.notes,
      (
        "labels from labels.csv: 3 of 12 training examples have a row, 2 get"
        " another label",
      ),
    )

  def test_labels_that_are_only_known_to_be_wrong(self):
    clean_label = np.array([-1, 0, 1] * 4)
    data = self.replaced(
      "labels.npz", label_index=[0, 1] * 6, clean_label_index=clean_label
    )
    np.testing.assert_array_equal(data.train.clean_label, clean_label)

  @parameterized.named_parameters(
    (
      "length",
      {"label": ["dog"] * 2},
      "has 2 labels for 12 training.*column id",
    ),
    (
      "range",
      {"label_index": [2] + [0] * 11},
      r"1 of 12 values of label_index are no class, e.g. 2 in entry 0; expected"
      r" 0\.\.1$",
    ),
    # Counted from 0 or from 1? The file does not say.
    (
      "position",
      {"label": [1] * 12},
      "12 of 12.*e.g. 1 in entry 0; expected dog",
    ),
    ("unknown", {"label": [-1] + [0] * 11}, "label are no class, e.g. -1 in"),
    ("name", {"label": ["Dog"] * 12}, "12 of 12 values of label.*e.g. Dog in"),
    (
      "other set",
      {"label": ["dog"] * 12, "id": [f"train_{i}" for i in range(12)]},
      "12 of 12 rows are of no example, e.g. train_0; .*like train/dog/0.png",
    ),
    (
      "twice",
      {"label": ["dog"] * 2, "id": ["a", "a"]},
      "1 ids .* once, e.g. a",
    ),
    ("missing", {"clean_label": [0] * 12}, "no column label, .*it has: clean"),
    (
      "both",
      {"label": ["dog"] * 12, "label_index": [0] * 12},
      "no column label, or label_index besides; it has: label, label_index",
    ),
    (
      "ragged",
      {"label": ["dog"] * 12, "id": ["a"]},
      "id is .*for each of the 12",
    ),
    (
      "clean labels of some",
      {"label": ["dog"], "clean_label": ["dog"], "id": ["train/dog/0.png"]},
      "has a clean_label for 1 of 12 training examples; expected one for each",
    ),
  )
  def test_wrong_files(self, columns, message):
    columns = {name: np.array(values) for name, values in columns.items()}
    with self.assertRaisesRegex(InputError, message):
      self.replaced("labels.npz", **columns)

  def test_no_file(self):
    tree(self.root / "data")
    for name in ("nothing.npz", "nothing.csv", "data"):
      with self.assertRaisesRegex(
        InputError, f"labels_file=.*{name} is no file"
      ):
        load(
          "folder",
          self.root / "data",
          data__labels_file=str(self.root / name),
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

  @parameterized.parameters("id", "path", "Path", "filename")
  def test_ids_may_be_called_path(self, column):
    rows = [f"{name},{name[6]}\n" for name in self.ids("b", "a")]
    file = self.write("new.csv", f"{column},label\n" + "".join(rows))
    data = self.load(("a", "b"), file)
    np.testing.assert_array_equal(data.train.label, [0] * 4 + [1] * 4)

  def test_ids_of_another_name_are_not_ignored(self):
    rows = [f"{name},{name[6]}\n" for name in self.ids("b", "a")]
    file = self.write("new.csv", "photo,label\n" + "".join(rows))
    with self.assertRaisesRegex(InputError, "photo looks like the ids .*it id"):
      self.load(("a", "b"), file)

  def test_numbers_of_a_workdir_are_positions_and_names_are_names(self):
    """The file has an order of its own: number 0 there is class 10."""
    np.savez(
      self.root / "labels.npz",
      class_names=["10", "9", "x"],
      label=[0] * 4 + [1] * 3 + [2] + [2] * 4,
      clean_label=[0] * 4 + [1] * 3 + [-1] + [2] * 4,
      id=self.ids("10", "9", "x"),
    )
    data = self.load(("9", "10", "x"), self.root / "labels.npz")
    self.assertEqual(data.class_names, ("9", "10", "x"))
    np.testing.assert_array_equal(
      data.train.label, [1] * 4 + [0] * 3 + [2] + [2] * 4
    )
    np.testing.assert_array_equal(
      data.train.clean_label, [1] * 4 + [0] * 3 + [-1] + [2] * 4
    )

  def test_a_number_is_the_class_of_that_name(self):
    names = [f"{i:02d}" for i in range(1, 11)]
    file = self.write("new.csv", "id,label\ntrain/01/0.png,3\n")
    data = self.load(names, file)
    self.assertEqual(data.class_names[data.train.label[0]], "03")
    np.testing.assert_array_equal(data.train.label[1:], np.arange(1, 40) // 4)

  def test_windows_wrote_the_ids(self):
    file = self.write("new.csv", "id,label\ntrain\\a\\0.png,b\n")
    data = self.load(("a", "b"), file)
    np.testing.assert_array_equal(data.train.label, [1] + [0] * 3 + [1] * 4)

  def test_rows_that_are_not_used_may_have_other_classes(self):
    rows = [f"{name},{name[6]}\n" for name in self.ids("a", "b", "c")]
    file = self.write("new.csv", "id,label\n" + "".join(rows))
    data = self.load(("a", "b", "c"), file, data__num_classes=2)
    np.testing.assert_array_equal(data.train.label, [0] * 4 + [1] * 4)

  @parameterized.parameters(([],), (3,))
  def test_labels_must_be_a_list(self, label):
    np.savez(self.root / "labels.npz", label=label)
    with self.assertRaisesRegex(
      InputError, "label is .*expected one value for"
    ):
      self.load(("a", "b"), self.root / "labels.npz")


if __name__ == "__main__":
  absltest.main()
