"""The opening lines of a run."""

import dataclasses

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.options import DataOptions
from fsr_jax.run.watch import opening
from tests import shrunk


def data_of(sizes, num_test=200, names=None):
  """Data of classes of these sizes."""
  data = shrunk.random_data(sum(sizes), len(sizes), num_test=num_test)
  label = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
  return dataclasses.replace(
    data,
    train=dataclasses.replace(data.train, label=label),
    class_names=names or tuple(f"c{i}" for i in range(len(sizes))),
  )


class OpeningTest(parameterized.TestCase):
  def test_few_classes_largest_first(self):
    self.assertEqual(
      opening.classes(data_of([10, 1080], names=("cat", "dog"))),
      "classes, training + test examples: dog: 1,080 + 100, cat: 10 + 100",
    )

  def test_many_classes_by_their_ends(self):
    data = data_of(range(1, 101), num_test=300)
    self.assertEqual(
      opening.classes(data),
      "classes, training + test examples: c99: 100 + 3, c98: 99 + 3,"
      " c97: 98 + 3, 94 more, c2: 3 + 3, c1: 2 + 3, c0: 1 + 3",
    )

  def test_validation_part(self):
    data = data_of([10, 20])
    val = shrunk.random_data(num_classes=2, num_test=6).test
    data = dataclasses.replace(data, val=val)
    self.assertEqual(
      opening.classes(data),
      "classes, training + validation + test examples: c1: 20 + 3 + 100,"
      " c0: 10 + 3 + 100",
    )
    self.assertRegex(
      opening.test_part(DataOptions(), data), "own; 6 others validate epochs,"
    )

  @parameterized.parameters(
    ({}, True, r"set aside from the training images \(data.test_share=0.1 of"),
    ({"test_from": "/a/b"}, False, "from data.test_from=/a/b"),
    ({"test_split": "val"}, False, "the data's own, data.test_split=val"),
    ({}, False, "the data's own$"),
  )
  def test_where_the_test_part_is_from(self, fields, aside, words):
    data = dataclasses.replace(data_of([10, 20]), test_set_aside=aside)
    self.assertRegex(
      opening.test_part(DataOptions(**fields), data),
      f"^test part: 200 examples, {words}",
    )

  def test_classes_without_a_test_example(self):
    data = data_of([5] * 8, num_test=1)
    first, second = opening.test_notes(data)
    self.assertRegex(
      first, "7 of 8 classes have no .*: c1, c2, c3, c4, c5 and 2 more$"
    )
    self.assertIn("tiny, 1 image of 1 class:", second)
    self.assertEmpty(opening.test_notes(data_of([5] * 8, num_test=104)))

  def test_names_that_a_terminal_cannot_show(self):
    self.assertEqual(
      opening.shown("a\nb\x1b[2J\udce9 ä"), r"a\nb\x1b[2J\udce9 ä"
    )
    self.assertEqual(opening.shown("a, b"), '"a, b"')
    self.assertEqual(opening.shown("x" * 99), "x" * 37 + "...")


if __name__ == "__main__":
  absltest.main()
