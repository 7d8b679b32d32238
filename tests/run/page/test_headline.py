"""The sentence at the top, of lists made by hand."""

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.run.page.headline import Pair, headline, pairs
from fsr_jax.run.page.words import about, pair, percent
from tests.run.page import made

SURE = {"estimated_wrong_share": 0.1}


def listed(counts: dict[tuple[int, int], int], size: int, num_classes: int):
  """A list of `size` labels of which these (true, label) look wrong."""
  wrong = [way for way, count in counts.items() for _ in range(count)]
  right = [(i % num_classes,) * 2 for i in range(size - len(wrong))]
  seems, given = np.array(wrong + right).T
  score = [0.1] * len(wrong) + [0.9] * len(right)
  return made.samples(given, seems, score)


class HeadlineTest(parameterized.TestCase):
  @parameterized.named_parameters(
    (
      "both_ways",
      {(0, 1): 20, (1, 0): 15, (1, 2): 2},
      "37 of 100 labels look wrong (37.0\xa0%), mostly cat ↔ dog.",
    ),
    (
      "one_way",
      {(0, 1): 20, (1, 2): 2},
      "22 of 100 labels look wrong (22.0\xa0%), mostly cat labelled as dog.",
    ),
    (
      "spread",
      {(i, j): 4 for i in range(3) for j in range(3) if i != j},
      "24 of 100 labels look wrong (24.0\xa0%), spread over many pairs of"
      " classes.",
    ),
    ("one", {(2, 0): 1}, "1 of 100 labels looks wrong (1.0\xa0%)."),
    ("none", {}, "None of 100 labels looks wrong."),
  )
  def test_says_how_many_and_which(self, counts, expected):
    run = made.finished(listed(counts, 100, 3), summary=SURE)
    self.assertEqual(headline(run).title, expected)

  def test_two_classes(self):
    found = listed({(0, 1): 8, (1, 0): 6}, 40, 2)
    run = made.finished(found, classes=("0", "1"), summary=SURE)
    self.assertEndsWith(headline(run).title, "(35.0\xa0%), class 0 ↔ class 1.")

  def test_one_that_knows_little_says_so_at_once(self):
    run = made.finished(listed({(0, 1): 60}, 100, 3))
    head = headline(run)
    self.assertFalse(head.sure)
    self.assertEndsWith(head.title, "but this network cannot tell well.")
    self.assertStartsWith(head.more[0], "Read the list with caution")

  def test_without_a_list(self):
    head = headline(made.finished(None))
    self.assertEqual(
      head.title, "This run keeps no list of labels that look wrong."
    )

  def test_thousands_of_classes_make_no_table_of_all_pairs(self):
    size = 50_000
    found = made.samples([7, 9], [size - 1, 7], [0.1, 0.2])
    self.assertEqual(
      pairs(found, size), [Pair(7, 9, 1, 0), Pair(7, size - 1, 0, 1)]
    )

  def test_words(self):
    self.assertEqual(about(18_342), "about 18,300")
    self.assertEqual(about(999), "999")
    self.assertEqual(percent(0.0001), "< 0.1\xa0%")
    self.assertEqual(percent(0.0), "0.0\xa0%")
    self.assertEqual(percent(float("nan")), "–")
    self.assertEqual(pair("a", "b", 1, 9), "b labelled as a")


if __name__ == "__main__":
  absltest.main()
