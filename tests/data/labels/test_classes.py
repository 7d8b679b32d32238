"""The one parser of labels and the one check of ids, by hand."""

import itertools

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.labels import classes, values
from fsr_jax.data.labels.values import TABLE, Rows
from fsr_jax.errors import InputError

NAMES = ("9", "10", "dog")
# As folders, arrays and programs that write tables spell the number 3.
THREE = (
  "3",
  3,
  3.0,
  "3.0",
  "03",
  " 3 ",
  "3.",
  "+3",
  "3e0",
  b"3",
  np.float32(3),
)


def by_name_alone(names):
  return classes.by_name_or_number(names, None)


def by_name_or_number(names):
  return classes.by_name_or_number(names, range(len(names)))


def read(labels, vocabulary, unknown=False, **kwargs):
  return classes.indices(
    "f", "label", labels, vocabulary, unknown=unknown, **kwargs
  ).tolist()


class NamesTest(parameterized.TestCase):
  def names(self, *columns):
    return values.class_names_of(
      "f", {str(i): x for i, x in enumerate(columns)}
    )

  def test_numbers_are_sorted_as_numbers_before_texts(self):
    self.assertEqual(
      self.names(np.array([10, 9, -1]), None, ["2", "", "b", "a"]),
      ("2", "9", "10", "a", "b"),
    )
    self.assertEqual(self.names(["-5", "10", "-10"]), ("-10", "-5", "10"))

  @parameterized.parameters(*itertools.combinations(THREE, 2))
  def test_one_value_is_one_class(self, one, other):
    self.assertEqual(self.names([one, "x"], [other, "x"]), ("3", "x"))

  def test_labels_of_a_table_and_clean_labels_of_another_program(self):
    label = [str(i) for i in range(10)]
    clean_label = [f"{i}.0" for i in range(10)]
    self.assertEqual(self.names(label, clean_label), tuple(label))

  def test_a_spelling_that_all_have_is_the_name(self):
    names = tuple(f"{i:02d}" for i in range(1, 11))
    self.assertEqual(self.names(names), names)

  @parameterized.parameters(
    (np.array([True, False]), ["TRUE", "false"], 2),
    (["Caf\u00e9", "x"], ["Cafe\u0301", "x "], 2),
    (["A", "x"], ["a", "x"], 3),  # Letters: two classes.
    (["1" * 40, "1" * 39 + "2"], None, 2),  # No precision is lost.
  )
  def test_texts(self, one, other, count):
    self.assertLen(self.names(one, other), count)

  @parameterized.parameters(
    "",
    "nan",
    "NaN",
    "NA",
    "N/A",
    "<NA>",
    "null",
    "None",
    None,
    float("nan"),
    -1,
  )
  def test_a_missing_label_is_no_class(self, missing):
    self.assertEqual(self.names(["a", missing, "b"]), ("a", "b"))

  @parameterized.parameters(0.5, "0.73", "-1e-3", "inf", "-Infinity", np.inf)
  def test_a_measurement_is_no_class(self, value):
    with self.assertRaisesRegex(
      InputError, "^f, entry 1: 0 .* is a measurement.*data.class_names"
    ):
      self.names(["a", value])

  def test_bytes_of_another_encoding(self):
    with self.assertRaisesRegex(InputError, r"^f, entry 1: 0 b'\\xe9' is no"):
      self.names([b"a", b"\xe9"])

  def test_whatever_folders_are_called(self):
    names = values.sorted_names(["nan", "2.5", "-1", "b", "10", "9"])
    self.assertEqual(names, ("-1", "2.5", "9", "10", "b", "nan"))
    written = ["nan", "2.50", "-1", "b", "10", "9"]
    self.assertEqual(read(written, classes.by_name(names)), [5, 1, 0, 4, 3, 2])

  @parameterized.parameters(
    ("a,b", ("a", "b")),
    ('b, "x, y" ,-1,nan', ("b", "x, y", "-1", "nan")),
  )
  def test_listed(self, text, names):
    self.assertEqual(values.listed(text), names)
    self.assertEqual(
      read(names, classes.by_name(names)), list(range(len(names)))
    )

  @parameterized.parameters("a", "a,,b", "a,b,a", "1,01")
  def test_listed_wrongly(self, text):
    with self.assertRaisesRegex(InputError, "expected two names or more, all"):
      values.listed(text)


class IndicesTest(parameterized.TestCase):
  @parameterized.parameters(
    (classes.by_name, ["9", "dog", "10"], [0, 2, 1]),
    (classes.by_number, [0, 2, 1], [0, 2, 1]),
    (by_name_alone, [9, "dog", 10.0], [0, 2, 1]),
    # A set of TFDS: its numbers are 0 to 2, none of them is a name.
    (by_name_or_number, [9, 2, "dog", "10", "1"], [0, 2, 2, 1, 1]),
  )
  def test_how_labels_are_written(self, vocabulary, labels, expected):
    got = classes.indices(
      "x", "label", np.array(labels, object), vocabulary(NAMES), unknown=False
    )
    self.assertEqual(got.dtype, np.int32)
    self.assertEqual(got.tolist(), expected)

  @parameterized.parameters(*THREE)
  def test_a_name_is_the_same_however_it_is_written(self, value):
    names = classes.by_name([f"{i:02d}" for i in range(1, 11)])
    self.assertEqual(read([value], names), [2])  # Folder 03, no position.

  @parameterized.product(
    vocabulary=(classes.by_name, classes.by_number, by_name_or_number),
    value=("", "nan", "-1", -1.0, None, float("nan")),
  )
  def test_unknown(self, vocabulary, value):
    names = vocabulary(NAMES)
    self.assertEqual(read([value], names, unknown=True), [-1])
    with self.assertRaisesRegex(InputError, "^f: 1 of 1 values of label are"):
      read([value], names)

  def test_infinite_is_not_unknown(self):
    with self.assertRaisesRegex(InputError, "are no class, e.g. inf"):
      read([np.inf], classes.by_name(NAMES), unknown=True)

  def test_a_class_may_be_called_nan_or_minus_one(self):
    names = classes.by_name(("nan", "-1", "x"))
    self.assertEqual(read(["nan", "-1", -1], names, unknown=True), [0, 1, 1])
    # That is no text.
    with self.assertRaisesRegex(InputError, "are missing"):
      read([float("nan")], names)

  def test_numbers_of_the_source_that_leave_some_out(self):
    letters = classes.by_number(("a", "b"), (1, 26))
    self.assertEqual(read([26, 1], letters), [1, 0])
    with self.assertRaisesRegex(
      InputError, "e.g. 0 in entry 1; expected 1..26"
    ):
      read([26, 0], letters)

  def test_two_readings(self):
    """Class 0 of the set is called 1, and class 1 is called 2."""
    vocabulary = classes.by_name_or_number(("1", "2"), (0, 1))
    self.assertEqual(read(["2", 0], vocabulary), [1, 0])
    with self.assertRaisesRegex(
      InputError,
      r"^f, row 3: label 1.0 could be class 0 .* or class 1 .*label_index",
    ):
      read(["2", "1.0"], vocabulary, rows=TABLE)

  @parameterized.parameters(
    (classes.by_number, 3, False, "expected 0..2"),
    (classes.by_number, "dog", True, "expected -1 or 0..2"),
    (by_name_or_number, "cat", False, "expected 0..2 or 9, 10, dog"),
    (classes.by_name, "cat", True, "expected -1 or 9, 10, dog"),
    # A position only where the file says so.
    (by_name_alone, 0, False, "expected 9, 10, dog"),
  )
  def test_no_class(self, vocabulary, value, unknown, words):
    with self.assertRaisesRegex(
      InputError,
      f"^f: 1 of 2 values of label are no class, e.g. {value} in row 7;"
      f" {words}$",
    ):
      read(
        [value, 1 if vocabulary is classes.by_number else "dog"],
        vocabulary(NAMES),
        unknown,
        rows=Rows("row", 2, np.array([5, 6])),
      )

  def test_missing_or_a_class(self):
    with self.assertRaisesRegex(
      InputError,
      "1 of 2 values of label are missing, e.g. NA in row 3; expected a, b; if"
      " NA is the name of a class: list .*--config.data.class_names=A,B,...",
    ):
      read(["a", "NA"], classes.by_name(("a", "b")), rows=TABLE)


class IdsTest(parameterized.TestCase):
  @parameterized.parameters((["a", "b", "A"],), ([1, 2, 3],), ([],))
  def test_every_id_once(self, ids):
    classes.check_ids("f", np.array(ids))

  @parameterized.parameters(
    (["a", "b", "b", "a", "b"], "2 ids .* once, e.g. b: b is there 3 times"),
    ([7, 5, 7], "1 ids are there more than once, e.g. 7: 7 is there 2 times"),
  )
  def test_more_than_once(self, ids, message):
    with self.assertRaisesRegex(InputError, f"^f: {message}"):
      classes.check_ids("f", np.array(ids))


if __name__ == "__main__":
  absltest.main()
