"""Tables and remarks on a result, by hand."""

import dataclasses
import pathlib

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.table import read_table
from fsr_jax.run import results
from fsr_jax.run.workdir import Table, Workdir
from fsr_jax.train.evaluate import Outcome
from tests import shrunk


def data_of(names, train, test):
  """Data with these labels, of images of noise."""
  data = shrunk.random_data(len(train), len(names), num_test=len(test))
  train, test = (np.array(label, np.int32) for label in (train, test))
  return dataclasses.replace(
    data,
    train=dataclasses.replace(data.train, label=train),
    test=dataclasses.replace(data.test, label=test),
    class_names=tuple(names),
  )


def outcome(label, predicted):
  label, predicted = (np.array(x, np.int32) for x in (label, predicted))
  return Outcome(label, predicted, 1.0, 1.0)


class TablesTest(parameterized.TestCase):
  def test_per_class(self):
    data = data_of("abc", [0, 0, 0, 1, 2], [0, 0, 1])
    outcomes = {
      "": outcome([0, 0, 1], [0, 1, 1]),
      "_ema": outcome([0, 0, 1], [0, 0, 0]),
    }
    table = results.per_class(outcomes, data)
    self.assertEqual(
      table.names,
      [
        "class",
        "train_examples",
        "test_examples",
        "accuracy",
        "accuracy_ema",
        "predicted",
        "precision",
      ],
    )
    self.assertEqual(
      list(table.rows),
      [
        ("a", 3, 2, 0.5, 1.0, 1, 1.0),
        ("b", 1, 1, 1.0, 0.0, 2, 0.5),
        ("c", 1, 0, None, None, 0, None),
      ],
    )

  def test_confusion(self):
    data = data_of("abc", [0, 1, 2], [0, 0, 1])
    table = results.confusion(outcome([0, 0, 1], [0, 2, 1]), data)
    self.assertEqual(table.names, ["true \\ predicted", "a", "b", "c"])
    self.assertEqual(
      table.rows, [("a", 1, 0, 1), ("b", 0, 1, 0), ("c", 0, 0, 0)]
    )

  def test_confusion_of_many_classes_lists_the_pairs(self):
    names = [f"n{c}" for c in range(8142)]
    data = data_of(names, range(8142), [5, 5, 8141])
    table = results.confusion(outcome([8141, 5, 5], [0, 5, 5]), data)
    self.assertEqual(table.names, ["true", "predicted", "examples"])
    self.assertEqual(table.rows, [("n5", "n5", 2), ("n8141", "n0", 1)])

  def test_names_of_any_kind_come_back(self):
    """Commas, quotes, newlines; what would be a formula is made harmless."""
    names = "a,b", 'c"d', "e\nf", "=1+1", "@x", "+y", "'=z", "'w", "-1", "-v"
    path = pathlib.Path(self.create_tempdir())
    rows = [(name, *range(len(names))) for name in names]
    Workdir(str(path)).write_table("t.csv", Table(["label", *names], rows))
    self.assertIn(
      'label,"a,b","c""d","e\nf",\'=1+1,\'@x,\'+y,\'\'=z,\'w,-1,\'-v\n',
      (path / "t.csv").read_text(),
    )
    found = read_table(path / "t.csv", required=("label",)).columns
    self.assertEqual(found["label"], list(names))
    self.assertEqual(list(found), ["label", *names])

  def test_numbers_below_zero_are_no_formulas(self):
    path = pathlib.Path(self.create_tempdir())
    Workdir(str(path)).write_table("t.csv", Table(["x"], [(-1.5,), (None,)]))
    self.assertEqual((path / "t.csv").read_text().split("\n")[1], "-1.5")


class RemarksTest(parameterized.TestCase):
  def remarks(self, label, predicted, names="abcd", train_top1=None, **fields):
    data = data_of(names, np.arange(40) % len(names), label)
    options = shrunk.options(**fields).train
    return results.remarks(outcome(label, predicted), data, options, train_top1)

  def test_good_result(self):
    label = np.arange(200) % 4
    predicted = np.where(np.arange(200) < 20, 0, label)
    self.assertEqual(
      self.remarks(label, predicted),
      [
        "lowest accuracy by class: b 0.900 (of 50), c 0.900 (of 50), d 0.900"
        " (of 50)",
        "most often mistaken: b as a (5 times), c as a (5 times), d as a (5"
        " times)",
      ],
    )

  def test_perfect_result(self):
    label = np.arange(200) % 4
    self.assertEmpty(self.remarks(label, label))

  def test_one_class_for_everything(self):
    (line,) = self.remarks(np.arange(200) % 4, np.full(200, 2))
    self.assertStartsWith(
      line,
      "note: the network does no better than guessing: its mean accuracy over"
      " 4 classes is 0.250, and guessing gives 0.250. It says c of 100% of"
      " the test images. Look at the learning rate (learning_rate=0.1; try"
      " 0.01 and 1)",
    )
    self.assertRegex(line, "2 epochs.* whether the labels belong to their ima")

  def test_the_commonest_class_of_a_long_tail_is_a_guess_too(self):
    """95 % right, and nothing learned."""
    label = np.repeat([0, 1, 2, 3], [380, 10, 5, 5])
    (line,) = self.remarks(label, np.zeros(400, int))
    self.assertIn("no better than guessing", line)

  def test_guesses_by_chance(self):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 4, 400)
    (line,) = self.remarks(label, rng.integers(0, 4, 400))
    self.assertIn("no better than guessing", line)
    self.assertNotIn("It says", line)

  def test_better_than_guessing_by_little(self):
    label = np.arange(10_000) % 100
    right = np.arange(10_000) % 40 == 0  # 2.5 % beside 1 % of chance.
    predicted = np.where(right, label, (label * 7 + 1) % 100)
    lines = self.remarks(label, predicted, [f"c{c}" for c in range(100)])
    self.assertNotIn("guessing", " ".join(lines))

  def test_labels_file_is_named(self):
    (line,) = self.remarks(
      np.arange(200) % 4, np.zeros(200, int), data__labels_file="a/b.csv"
    )
    self.assertIn("(data.labels_file=a/b.csv)", line)

  def test_learned_what_is_not_tested(self):
    """Classes of the test part in another order, for example."""
    label = np.arange(200) % 4
    (line,) = self.remarks(label, (label + 1) % 4, train_top1=0.99)
    self.assertIn("hits 0.990 of the training labels", line)
    self.assertIn("whether the classes of the test part mean", line)
    self.assertNotIn("learning rate", line)

  def test_tiny_test_parts(self):
    first, second = self.remarks([1], [1])
    self.assertRegex(first, r"3 of 4 classes have no test example.*: a, c, d$")
    self.assertRegex(second, "tiny, 1 image of 1 class: .* 100 points")

  def test_two_images_told_right_are_no_guess(self):
    lines = self.remarks([0, 1], [0, 1], "ab")
    self.assertNotIn("guessing", " ".join(lines))
    self.assertIn("tiny, 2 images of 2 classes", lines[-1])


if __name__ == "__main__":
  absltest.main()
