"""The one parser of labels and the one check of ids, by hand."""

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.labels import classes
from fsr_jax.errors import InputError

# As texts, 10 comes before 9.
NAMES = ("10", "9", "dog")


class ClassNamesTest(absltest.TestCase):
  def test_numbers_are_sorted_as_numbers(self):
    names = classes.class_names_of(np.array([10, 9, -1]), None, ["2", ""])
    self.assertEqual(names, ("2", "9", "10"))

  def test_one_text_makes_all_of_them_texts(self):
    names = classes.class_names_of([10, 9, "dog", float("nan")])
    self.assertEqual(names, NAMES)


class IndicesTest(parameterized.TestCase):
  @parameterized.parameters(
    (classes.by_name, ["9", "dog", "10"], [1, 2, 0]),
    (classes.by_number, [0, 2, 1], [0, 2, 1]),
    # 9 and 10 are names, 0 to 2 are none.
    (classes.by_number_or_name, [9, 2, "dog", "10", "1"], [1, 2, 2, 0, 1]),
  )
  def test_how_labels_are_written(self, vocabulary, values, expected):
    values = np.array(values, object)
    got = classes.indices(
      "x", "label", values, vocabulary(NAMES), unknown=False
    )
    self.assertEqual(got.dtype, np.int32)
    self.assertEqual(got.tolist(), expected)

  @parameterized.product(
    vocabulary=(classes.by_name, classes.by_number, classes.by_number_or_name),
    value=("", "nan", "-1"),
  )
  def test_unknown(self, vocabulary, value):
    names = vocabulary(NAMES)
    got = classes.indices("x", "clean_label", [value], names, unknown=True)
    self.assertEqual(got.tolist(), [-1])
    with self.assertRaisesRegex(InputError, "^x: 1 .*values of label are"):
      classes.indices("x", "label", [value], names, unknown=False)

  def test_a_class_may_be_called_nan(self):
    names = classes.by_name(("nan", "x"))
    got = classes.indices("x", "label", ["nan"], names, unknown=False)
    self.assertEqual(got.tolist(), [0])

  @parameterized.parameters(
    (classes.by_number, 3, False, "expected 0..2"),
    (classes.by_number, "dog", True, "expected -1 or 0..2"),
    (classes.by_number_or_name, "cat", False, "expected 0..2 or 10, 9, dog"),
    (classes.by_name, "cat", True, "expected -1 or 10, 9, dog"),
  )
  def test_no_class(self, vocabulary, value, unknown, words):
    with self.assertRaisesRegex(
      InputError, f"^f: 1 values of label are no class, e.g. {value}; {words}$"
    ):
      classes.indices("f", "label", [value], vocabulary(NAMES), unknown=unknown)

  def test_numbers_of_another_list_of_names(self):
    got = classes.renamed(np.array([1, 0, 7]), np.array(["a", "b"]))
    self.assertEqual(got.tolist(), ["b", "a", "7"])


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
