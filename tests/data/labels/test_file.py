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


if __name__ == "__main__":
  absltest.main()
