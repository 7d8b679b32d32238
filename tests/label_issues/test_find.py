"""The table of label issues of any model's outputs, and its files."""

import csv
import pathlib
from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.errors import InputError
import fsr_jax.label_issues
from fsr_jax.label_issues import LabelIssues, find_label_issues

NAMES = ("ant", "bee", "=cat")


def example(**columns):
  """60 examples of three classes; three labels are wrong, one unknown."""
  true = np.repeat([0, 1, 2], 20)
  probs = np.full((60, 3), 0.05)
  probs[np.arange(60), true] = 0.9
  labels = true.copy()
  labels[[3, 25, 44]] = [1, 0, 0]
  seen = np.ones(60, bool)
  seen[59] = False
  return labels, probs, dict(class_names=NAMES, seen=seen, **columns)


class FindTest(parameterized.TestCase):
  def test_columns(self):
    ids = np.array([f"{i}.png" for i in range(60)])
    labels, probs, columns = example(
      id=ids,
      filepath=ids,
      weight=np.arange(60.0),
      epochs_trusted=np.arange(60),
      clean_label=np.where(np.arange(60) == 3, -1, np.repeat([0, 1, 2], 20)),
    )
    issues = find_label_issues(labels, probs, **columns)
    self.assertEqual(
      issues.columns,
      [
        "index",
        "id",
        "filepath",
        "given_label",
        "predicted_label",
        "label_score",
        "is_label_issue",
        "confidence",
        "weight",
        "epochs_trusted",
        "clean_label",
      ],
    )
    self.assertCountEqual(issues["index"][:3], [3, 25, 44])
    self.assertEqual(issues.num_issues, 3)
    row = {name: issues[name][0] for name in issues.columns}
    at = row["index"]
    self.assertEqual(row["id"], f"{at}.png")
    self.assertEqual(row["given_label"], NAMES[labels[at]])
    self.assertEqual(row["predicted_label"], NAMES[at // 20])
    self.assertEqual(row["confidence"], 0.9)
    self.assertEqual(row["weight"], at)
    self.assertTrue(np.all(np.diff(issues["label_score"][:-1]) >= 0))
    # Of the seven anchors of each class one is wrong.
    self.assertBetween(issues.expected_wrong, 3, 60 / 7)
    # Nothing is known of the one that was never seen; it comes last.
    self.assertEqual(issues["index"][-1], 59)
    self.assertTrue(np.isnan(issues["label_score"][-1]))
    self.assertFalse(issues["is_label_issue"][-1])
    clean = dict(zip(issues["index"], issues["clean_label"]))
    self.assertEqual((clean[3], clean[44]), ("", "=cat"))

  def test_numbers_names_and_suggestions(self):
    labels, probs, _ = example()
    by_number = find_label_issues(labels.tolist(), probs)
    self.assertEqual(by_number["given_label"].dtype.kind, "i")
    by_name = find_label_issues(
      [NAMES[i] for i in labels], probs, class_names=NAMES
    )
    np.testing.assert_array_equal(by_number["index"], by_name["index"])
    suggested = by_name.suggested_labels()
    self.assertEqual(suggested.tolist(), [NAMES[i // 20] for i in range(60)])

  def test_of_a_wrong_label_that_is_predicted_the_next_best_is_suggested(self):
    probs = np.tile([0.6, 0.3, 0.1], (2, 1))
    issue = np.array([True, False])
    said = fsr_jax.label_issues._said(np.array([0, 0]), probs, issue)
    np.testing.assert_array_equal(said, [1, 0])

  @parameterized.parameters(
    (
      {"pred_probs": np.ones((3, 2))},
      "row 0 is not of probabilities .* softmax",
    ),
    (
      {"pred_probs": np.array([[0.5, 0.5], [np.nan, 1], [1, 0]])},
      "row 1 is not of probabilities",
    ),
    ({"pred_probs": np.ones((3, 1))}, r"float64 \(3, 1\); expected float"),
    ({"labels": [0, 1]}, r"labels are of shape \(2,\); expected \(3,\)"),
    ({"labels": [0, 1, 2]}, r"1 of 3 .* example 2: 2; expected 0\.\.1"),
    ({"labels": ["a", "b", "a"]}, "names of classes with class_names="),
    (
      {"labels": ["a", "b", "c"], "class_names": "ab"[:2]},
      "class_names has 1 names",
    ),
    (
      {"labels": ["a", "b", "c"], "class_names": ["a", "b"]},
      "example 2: c; expected one of class_names",
    ),
    ({"weight": np.ones(2)}, r"weight is of shape \(2,\); expected \(3,\)"),
  )
  def test_refused(self, changed, message):
    arguments = {
      "labels": [0, 1, 0],
      "pred_probs": np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]),
    }
    with self.assertRaisesRegex(InputError, message):
      find_label_issues(**{**arguments, **changed})


class TableTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    labels, probs, columns = example(id=np.array(["+1", *"abc"] * 15))
    self.issues = find_label_issues(labels, probs, **columns)
    self.folder = pathlib.Path(self.create_tempdir())

  def rows(self, name):
    with open(self.folder / name, newline="", encoding="utf-8") as file:
      return list(csv.DictReader(file))

  def test_csv(self):
    self.issues.write(self.folder / "x.csv")
    rows = self.rows("x.csv")
    self.assertLen(rows, 60)
    self.assertEqual([*rows[0]], self.issues.columns)
    # No cell is run as a formula; a number is one.
    texts = {row["given_label"] for row in rows}
    self.assertEqual(texts, {"ant", "bee", "'=cat"})
    self.assertIn("+1", {row["id"] for row in rows})
    self.assertEqual(rows[-1]["label_score"], "")
    self.assertEqual(rows[0]["is_label_issue"], "True")
    self.assertEmpty([*self.folder.glob("*.part")])

  def test_suggested(self):
    self.issues.write_suggested(self.folder / "x.csv")
    rows = self.rows("x.csv")
    self.assertEqual([*rows[0]], ["id", "label", "given_label"])
    self.assertEqual([rows[3][k] for k in rows[3]], ["c", "ant", "bee"])
    self.assertEqual(rows[45]["label"], "'=cat")

  def test_parquet(self):
    parquet = self.enter_context_or_skip("pyarrow.parquet")
    self.issues.write(self.folder / "x.parquet")
    table = parquet.read_table(self.folder / "x.parquet").to_pydict()
    self.assertEqual([*table], self.issues.columns)
    self.assertEqual(table["index"], self.issues["index"].tolist())

  def enter_context_or_skip(self, module):
    try:
      return __import__(module, fromlist=["_"])
    except ImportError:
      self.skipTest(f"{module} is not installed")

  def test_to_pandas(self):
    self.enter_context_or_skip("pandas")
    frame = self.issues.to_pandas()
    self.assertEqual([*frame.columns], self.issues.columns)
    self.assertLen(frame, 60)

  @parameterized.parameters(
    ("pandas", lambda issues, path: issues.to_pandas(), "pip install pandas"),
    (
      "pyarrow",
      lambda issues, path: issues.write(path / "x.parquet"),
      "pip install pyarrow",
    ),
  )
  def test_what_is_not_installed_is_named(self, module, call, message):
    with (
      mock.patch.dict("sys.modules", {module: None}),
      self.assertRaisesRegex(InputError, message),
    ):
      call(self.issues, self.folder)

  def test_misuse(self):
    with self.assertRaisesRegex(InputError, "no column 'score'; there are: in"):
      self.issues["score"]
    with self.assertRaisesRegex(InputError, r"ends in \.csv or \.parquet"):
      self.issues.write(self.folder / "x.xlsx")

  def test_shown(self):
    lines = repr(self.issues).splitlines()
    self.assertLen(lines, 12)
    self.assertStartsWith(lines[0], "index  id  given_label")
    self.assertEqual(lines[-1], "... 60 rows")
    short = LabelIssues({"label_score": np.array([0.5])})
    self.assertEqual(repr(short).splitlines()[1], "0.500")


if __name__ == "__main__":
  absltest.main()
