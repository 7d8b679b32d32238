"""Lists of files, as .csv and .parquet, with the flaws they come in."""

import csv

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.errors import InputError
from tests.data.own import OwnDataTest, levels, load, tree


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
    ("column", [["path", "klass"], ["a", "b"]], "no column label.*path, kl"),
    (
      "columns",
      [["image", "filename", "label"], ["a", "b", "c"]],
      "no column path, and several that could be it: image, filename; call one",
    ),
    (
      "drive",
      [["path", "label"], ["C:\\x\\a.png", "b"]],
      "row 2: C:.* x/a.png$",
    ),
    ("nul", [["path", "label"], ["a\0.png", "b"]], "row 2: path .* is none"),
    (
      "no path",
      [["path", "label"], ["a", "b"], ["", "b"]],
      "row 3: path '' is",
    ),
    ("empty", [["path", "label"]], "no column path, label or no rows"),
    ("ragged", [["path", "label"], ["a"]], "row 2: 1 values.* 2 columns"),
    (
      "twice",
      [["path", "label"], ["a", "b"], ["a", "c"]],
      ": a is there 2 times",
    ),
    (
      "split",
      [["path", "label", "split"], ["a", "b", "extra"]],
      "split 'extra'; expected train, val or test; data.train_split and",
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


class ColumnsTest(OwnDataTest):
  """Tables as programs write them."""

  def load(self, text, name="list.csv", encoding="utf-8", **fields):
    tree(self.root)
    (self.root / name).write_text(text, encoding=encoding)
    return load("manifest", self.root / name, **fields)

  @parameterized.parameters(
    ("list.csv", ",", "utf-8-sig"),
    ("list.csv", ";", "utf-8-sig"),
    ("list.csv", "\t", "utf-16"),
    ("list.tsv", "\t", "utf-8"),
    ("LIST.TSV", "\t", "utf-8"),
    ("list.csv", "|", "utf-8"),
  )
  def test_separators_and_byte_order_marks(self, name, separator, encoding):
    rows = [("path", "label", "note")] + [
      (f"dog/{i}.png", "äb"[i % 2], '"x,y;z"') for i in range(6)
    ]
    text = "".join(separator.join(row) + "\r\n" for row in rows)
    data = self.load(text, name, encoding)
    self.assertEqual(data.class_names, ("b", "ä"))
    self.assertLen(data.train, 4)

  @parameterized.parameters(
    "image", "filename", "file_name", "FilePath", "img_path"
  )
  def test_other_names(self, path):
    data = self.load(
      f"{path},Target\n" + "".join(f"dog/{i}.png,{i % 2}\n" for i in range(6))
    )
    self.assertEqual(data.class_names, ("0", "1"))
    self.assertIn("dog/5.png", [*data.train.id, *data.test.id])
    self.assertEqual(
      data.notes,
      (
        "columns of list.csv that are read as others:"
        f" path: {path}, label: Target",
      ),
    )

  def test_own_names_come_first(self):
    data = self.load(
      "path,image,label,class\n"
      + "".join(f"dog/{i}.png,x,{i % 2},y\n" for i in range(6))
    )
    self.assertEqual((data.class_names, data.notes), (("0", "1"), ()))

  def test_windows_paths(self):
    rows = "".join(f"dog\\{i}.png,{i % 2}\n" for i in range(6))
    data = self.load("path,label\n" + rows)
    self.assertEqual(sorted(levels(data.train))[0] // 100, 1)

  def test_lines_of_json(self):
    rows = [
      f'{{"file_name": "dog/{i}.png", "label": {i % 2}, "text": "a, b"}}\n'
      for i in range(6)
    ]
    data = self.load("".join(rows), "metadata.jsonl")
    self.assertEqual(data.class_names, ("0", "1"))
    with self.assertRaisesRegex(InputError, "line 2: 7 is no object"):
      self.load(rows[0] + "7\n", "metadata.jsonl")
    with self.assertRaisesRegex(InputError, "cannot read .*, line 1 "):
      self.load("[" * 100_000, "metadata.jsonl")

  def test_labels_and_clean_labels_of_two_programs(self):
    rows = "".join(
      f"{name}/{i}.png,{i},{i}.0\n"
      for name in ("dog", "ä cat")
      for i in range(5)
    )
    data = self.load("path,label,clean_label\n" + rows)
    self.assertEqual(data.class_names, tuple("01234"))
    self.assertEqual(data.notes, ())
    np.testing.assert_array_equal(data.train.label, data.train.clean_label)

  def test_rows_are_counted_in_the_file(self):
    """Those of parts that are not used too."""
    text = "path,label,split\n" + "".join(
      f"dog/{i}.png,{'a' if i < 4 else 'b'},{part}\n"
      for i, part in enumerate(["val", "val", "train", "test", "train"])
    )
    text = text.replace("dog/4.png,b", "dog/4.png,NA")
    with self.assertRaisesRegex(InputError, "e.g. NA in row 6; .*class_names"):
      self.load(text, data__test_split="test")
    data = self.load(text, data__test_split="test", data__class_names="NA,a")
    self.assertEqual(data.class_names, ("NA", "a"))
    self.assertEqual(data.train.label.tolist(), [1, 0])


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

  def three_parts(self):
    return "path,label,split\n" + "".join(
      f"dog/{i}.png,{'ab'[i % 2]},{part}\n"
      for i, part in enumerate(["train", "train", "val", "val", "test"])
    )

  def test_test_and_validation_are_two_parts(self):
    data = self.manifest(self.three_parts())
    self.assertEqual(data.test.id.tolist(), ["dog/4.png"])
    self.assertEqual(data.val.id.tolist(), ["dog/2.png", "dog/3.png"])
    self.assertLen(data.train, 2)
    self.assertEmpty(data.notes)
    data = self.manifest(self.three_parts(), data__test_split="val")
    self.assertEqual(data.test.id.tolist(), ["dog/2.png", "dog/3.png"])
    self.assertIsNone(data.val)
    self.assertRegex(data.notes[0], "^1 examples of .* are in other parts")

  def test_parts_of_other_names(self):
    text = self.three_parts().replace("val", "a").replace("test", "b")
    fields = {"data__train_split": "train", "data__test_split": "b"}
    data = self.manifest(text, **fields)
    self.assertEqual((len(data.train), len(data.test)), (2, 1))
    data = self.manifest(text, **fields, data__val_split="a")
    self.assertLen(data.val, 2)
    with self.assertRaisesRegex(InputError, "name one part twice: b, b"):
      self.manifest(text, data__train_split="b", data__test_split="b")

  def test_a_file_in_two_parts(self):
    with self.assertRaisesRegex(
      InputError, "1 files are in more .*dog/0.png in the test and the tr"
    ):
      self.manifest(
        "path,label,split,id\ndog/0.png,a,train,1\ndog/1.png,b,train,2\n"
        "dog/../dog/0.png,a,test,3\n"
      )

  @parameterized.named_parameters(
    (
      "label",
      "path,label\na,x\nb,\nc,\n",
      "2 of 3 values of label are missing, the first in row 3",
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


if __name__ == "__main__":
  absltest.main()
