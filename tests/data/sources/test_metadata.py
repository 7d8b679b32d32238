"""Labels in metadata.csv or metadata.jsonl beside the pictures."""

import json

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.errors import InputError
from tests.data.own import OwnDataTest, levels, load, picture

LABELS = ["cat", "dog", "cat", "dog", "cat", "dog"]


class MetadataTest(OwnDataTest):
  def write(self, folder, rows, name="metadata.csv"):
    """A file of (place, label) and the pictures that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, (place, _) in enumerate(rows):
      picture(folder / place, 100 + i)
    names = ("file_name", "label")
    if name.endswith("jsonl"):
      lines = [json.dumps(dict(zip(names, row))) for row in rows]
    else:
      lines = [",".join(map(str, row)) for row in [names, *rows]]
    (folder / name).write_text("\n".join(lines) + "\n")

  def rows(self, place="{}.png", labels=LABELS):
    return [(place.format(i), label) for i, label in enumerate(labels)]

  @parameterized.product(
    name=["metadata.csv", "metadata.jsonl"],
    place=["{}.png", "images/{}.png"],
    labels=[LABELS, [0, 1, 0, 1, 0, 1]],
  )
  def test_flat_pictures(self, name, place, labels):
    self.write(self.root, self.rows(place, labels), name)
    data = load("folder", self.root)
    self.assertEqual(data.class_names, tuple(map(str, sorted(set(labels)))))
    self.assertTrue(data.test_set_aside)
    ids = np.concatenate([data.train.id, data.test.id])
    self.assertCountEqual(ids, [place.format(i) for i in range(6)])
    for split in (data.train, data.test):
      np.testing.assert_array_equal(levels(split) % 2, split.label)
    self.assertRegex(data.notes[0], f"labels are those of .*{name}")

  def test_a_file_in_each_part(self):
    self.write(self.root / "train", self.rows())
    self.write(self.root / "validation", self.rows()[:3])
    self.write(self.root / "test", self.rows()[:2])
    data = load("folder", self.root)
    self.assertEqual(
      [len(data.train), len(data.val), len(data.test)], [6, 3, 2]
    )
    self.assertEqual(data.test.id[0], "test/0.png")
    (self.root / "test" / "metadata.csv").unlink()
    with self.assertRaisesRegex(InputError, "have not all such a file"):
      load("folder", self.root, data__test_split="test")

  def test_one_file_for_all_parts(self):
    self.write(self.root, self.rows("train/{}.png") + self.rows("test/{}.png"))
    data = load("folder", self.root)
    self.assertEqual([len(data.train), len(data.test)], [6, 6])
    self.assertFalse(data.test_set_aside)

  def test_pictures_without_a_row_are_said(self):
    self.write(self.root, self.rows())
    picture(self.root / "more.png", 0)
    data = load("folder", self.root)
    self.assertRegex(data.notes[1], "^1 pictures have no row .*more.png$")

  def test_a_file_of_something_else_does_not_count(self):
    for name in ("cat", "dog"):
      for i in range(3):
        picture(self.root / name / f"{i}.png", i)
    (self.root / "metadata.csv").write_text("file_name,text\ncat/0.png,a\n")
    self.assertEqual(load("folder", self.root).class_names, ("cat", "dog"))

  @parameterized.parameters(
    ("metadata.csv", "label\na\n", "no column file_name; it has: label"),
    (
      "metadata.jsonl",
      '{"file_name": "a", "label": 1}\n[]',
      "line 2: .. is no obj",
    ),
    ("metadata.jsonl", '{"file_name": "a", "la', "line 1 "),
    ("metadata.jsonl", "[" * 100_000, "line 1 "),
    ("metadata.csv", "file_name,label\na,x\nb\n", "row 3: 1 values"),
    ("metadata.csv", "file_name,label\na,x\nb,\n", "row 3|1 of 2 values"),
  )
  def test_damaged(self, name, text, message):
    (self.root / name).write_text(text)
    with self.assertRaisesRegex(InputError, message):
      load("folder", self.root)


if __name__ == "__main__":
  absltest.main()
