"""How likely labels are right: by hand, in closed form, on drawn labels."""

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.label_issues import confusion, quality
from tests.label_issues.draws import drawn, pairs, uniform


class LabelQualityTest(parameterized.TestCase):
  @parameterized.parameters(
    (uniform, 0.2), (uniform, 0.8), (pairs, 0.4), (pairs, 0.1)
  )
  def test_calibrated_and_sorted(self, kind, ratio):
    labels, true, probs = drawn(20_000, 5, kind(5, ratio))
    found = quality.label_quality(labels, probs, confusion.anchors(probs))
    wrong = labels != true
    # Not every anchor is of its class: of few wrong labels that is a part.
    self.assertBetween(found.expected_wrong / wrong.sum(), 0.9, 1.25)
    # Of the labels with a score near s, a share of s is right.
    for low in np.arange(0, 1, 0.25):
      some = (found.label_score >= low) & (found.label_score < low + 0.25)
      if some.sum() > 200:
        right = 1 - wrong[some].mean()
        self.assertAlmostEqual(
          right, found.label_score[some].mean(), delta=0.15
        )
    # Bayes' rule with everything known is the best that can be.
    noise = kind(5, ratio)
    joint = probs * noise.T[labels]
    best = joint[np.arange(len(labels)), labels] / joint.sum(1)
    count = wrong.sum()
    ours, bayes = (
      wrong[np.argsort(score)[:count]].mean()
      for score in (found.label_score, best)
    )
    self.assertGreater(ours, bayes - 0.02)

  def test_right_labels_are_left_alone(self):
    labels, _, probs = drawn(5_000, 5, np.eye(5), sharpness=9.0)
    found = quality.label_quality(labels, probs, confusion.anchors(probs))
    self.assertLess(found.expected_wrong, 0.01 * 5_000)
    self.assertLess((found.label_score < 0.5).mean(), 0.01)

  def test_flattened_probabilities_are_sharpened(self):
    labels, _, probs = drawn(20_000, 5, uniform(5, 0.4))
    exact, flat = (
      quality.label_quality(labels, p, confusion.anchors(p)).temperature
      for p in (probs, np.sqrt(probs) / np.sqrt(probs).sum(1, keepdims=True))
    )
    self.assertAlmostEqual(exact, 1, delta=0.15)
    self.assertAlmostEqual(flat, 2, delta=0.3)

  def test_a_class_that_is_never_said(self):
    """Its labels are suspected, and nothing becomes infinite."""
    labels, true, probs = drawn(2_000, 3, uniform(3, 0.3))
    probs = np.concatenate([probs, np.zeros((2_000, 1))], 1).astype(np.float32)
    labels[:5] = 3
    found = quality.label_quality(labels, probs, confusion.anchors(probs))
    self.assertTrue(np.all(np.isfinite(found.label_score)))
    self.assertLess(found.label_score[:5].max(), 0.5)

  def test_a_rare_class_is_judged_by_itself(self):
    """60 examples beside 6,000, of whose labels a fifth is wrong."""
    rng = np.random.RandomState(0)
    true = np.repeat([0, 1, 2], [3000, 3000, 60])
    labels = true.copy()
    flip = rng.rand(true.size) < 0.2
    labels[flip] = 1 - np.minimum(true[flip], 1)
    logits = rng.randn(true.size, 3) * 1.5
    logits[np.arange(true.size), true] += 2.5
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = quality.label_quality(labels, probs, confusion.anchors(probs))
    right = (true == 2) & (labels == 2)
    self.assertLess((found.label_score[right] < 0.5).mean(), 0.2)


class ShiftTest(parameterized.TestCase):
  @parameterized.parameters(0.001, 0.2, 0.5, 0.999)
  def test_expected_share(self, share):
    odds = np.random.RandomState(0).randn(1000) * 30
    shift = quality._shift(odds, share * 1000)
    total = quality._sigmoid(odds + shift).sum()
    self.assertAlmostEqual(total / 1000, share, delta=1e-4)

  def test_equal_odds(self):
    shift = quality._shift(np.full(10, 400.0), 5)
    self.assertAlmostEqual(shift, -100, delta=1)  # As far as it goes.
    self.assertAlmostEqual(quality._shift(np.zeros(10), 5), 0, delta=1e-4)


if __name__ == "__main__":
  absltest.main()
