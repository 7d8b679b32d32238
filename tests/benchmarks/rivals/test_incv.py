"""Noise rates in closed form, judgements by hand, short trainings."""

from absl.testing import absltest, parameterized
import numpy as np

from benchmarks.rivals import incv
from tests.benchmarks.rivals import small


class RateTest(parameterized.TestCase):
  @parameterized.product(rate=(0.0, 0.2, 0.36, 0.6), num_classes=(3, 10))
  def test_rate_from_its_own_agreement(self, rate, num_classes):
    agreement = (1 - rate) ** 2 + rate**2 / (num_classes - 1)
    self.assertAlmostEqual(incv.noise_rate(agreement, num_classes), rate)

  def test_agreement_of_chance_and_less(self):
    self.assertAlmostEqual(incv.noise_rate(0.1, 10), 0.9)
    self.assertAlmostEqual(incv.noise_rate(0.02, 10), 0.9)
    self.assertEqual(incv.noise_rate(1.0, 10), 0.0)

  def test_rate_of_selected(self):
    # Of 100 labels and three classes 50 are wrong. Right labels are predicted
    # 25 times, wrong ones 25 / 2 times.
    self.assertAlmostEqual(incv.rate_of_selected(0.5, 3), 12.5 / 37.5)
    self.assertEqual(incv.rate_of_selected(0.0, 3), 0.0)


class JudgeTest(parameterized.TestCase):
  @parameterized.parameters(
    (0.35, [4]),  # e / (1 - e) = 0.54, of two selected ones.
    (0.5, [4, 2]),
    (0.9, [4, 2, 3]),  # Twice at most; selected ones stay.
    (0.0, []),
  )
  def test_by_hand(self, rate, removed):
    # Label 0 always: those with the larger first logit are predicted.
    logits = np.array([[9.0, 0], [1, 0], [0, 2], [0, 1], [0, 3]])
    good, bad = incv.judge(logits, np.zeros(5, np.int32), rate)
    np.testing.assert_array_equal(np.flatnonzero(good), [0, 1])
    np.testing.assert_array_equal(np.flatnonzero(bad), sorted(removed))

  def test_selected_are_disjoint_from_candidates_and_mostly_right(self):
    trial = small.trial(num_epochs=16)
    with absltest.mock.patch.object(incv, "_ROUNDS", 1):
      chosen, left, rate, passes = incv.select(trial)
    self.assertEmpty(np.intersect1d(chosen, left))
    split = trial.data.train
    right = split.label == split.clean_label
    self.assertGreater(right[chosen].mean(), right.mean() + 0.1)
    self.assertBetween(rate, 0.1, 0.9)
    # A quarter of the epochs, for each half half as many steps.
    self.assertAlmostEqual(passes, 0.25)


if __name__ == "__main__":
  absltest.main()
