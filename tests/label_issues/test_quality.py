"""How likely labels are right: by hand, in closed form, on drawn labels."""

import math

from absl.testing import absltest, parameterized
import jax.numpy as jnp
import numpy as np

from fsr_jax.label_issues import quality
from fsr_jax.maths import dictionary


def drawn(size, classes, noise, seed=0, sharpness=3.0):
  """(labels, true classes, probabilities) of labels that are wrong by `noise`.

  The probabilities are exact: features are one draw a class from a normal
  distribution around its own axis.
  """
  rng = np.random.RandomState(seed)
  true = rng.randint(0, classes, size)
  logits = rng.randn(size, classes) * math.sqrt(sharpness)
  logits[np.arange(size), true] += sharpness
  probabilities = np.exp(logits)
  probabilities /= probabilities.sum(1, keepdims=True)
  u = rng.rand(size, 1)
  labels = (u > np.cumsum(noise[true], 1)).sum(1)
  return labels, true, probabilities


def uniform(classes, ratio):
  return (1 - ratio) * np.eye(classes) + ratio / classes


def pairs(classes, ratio):
  """Every class is taken for the next one."""
  return (1 - ratio) * np.eye(classes) + ratio * np.eye(classes)[
    (np.arange(classes) + 1) % classes
  ]


class AnchorsTest(parameterized.TestCase):
  def test_by_hand(self):
    # 150 examples said to be of class 0, the surest last; 4 of class 1.
    sure = np.linspace(0.6, 0.9, 150)
    rare = [[0.4, 0.6], [0.2, 0.8], [0.3, 0.7], [0.45, 0.55]]
    probs = np.concatenate([np.stack([sure, 1 - sure], 1), rare])
    # 40, or a third of a small class, rounded up.
    expected = [-1] * 110 + [0] * 40 + [-1, 1, 1, -1]
    np.testing.assert_array_equal(quality.anchors(probs), expected)

  def test_a_tenth_of_many(self):
    probs = np.tile([[0.2, 0.8]], (1000, 1))
    np.testing.assert_array_equal(
      quality.anchors(probs), [1] * 100 + [-1] * 900
    )

  def test_as_on_the_device(self):
    _, _, probs = drawn(3000, 5, uniform(5, 0.4))
    probs = probs.astype(np.float32)
    said = probs.argmax(1).astype(np.int32)
    size = quality.anchor_count(jnp.bincount(said, length=5))
    chosen = dictionary.best(jnp.asarray(probs.max(1)), jnp.asarray(said), size)
    np.testing.assert_array_equal(quality.anchors(probs) >= 0, chosen)


class WidthsTest(parameterized.TestCase):
  def test_rising_factorials(self):
    counts = np.array([[0, 3], [1, 2]])
    start = np.array([0.5, 4.0])
    expected = [
      sum(math.lgamma(a + n) - math.lgamma(a) for n in counts.ravel())
      for a in start
    ]
    np.testing.assert_allclose(quality._rising(counts, start), expected)

  def test_counts_that_agree_are_pooled_and_others_are_not(self):
    agree = np.tile([20, 20, 20], (4, 1))
    differ = np.array([[60, 0, 0], [0, 60, 0], [0, 0, 60], [60, 0, 0]])
    self.assertGreater(quality._dirichlet_width(agree), 1e4)
    self.assertLess(quality._dirichlet_width(differ), 1)
    of = np.full(4, 100)
    self.assertGreater(quality._beta_width(np.full(4, 40), of, 0.4), 1e4)
    differ = quality._beta_width(np.array([0, 80, 0, 80]), of, 0.4)
    self.assertBetween(differ, 5, 6)  # Not less, whatever the counts.


class TransitionTest(parameterized.TestCase):
  @parameterized.parameters((uniform, 0.4), (pairs, 0.4), (pairs, 0.0))
  def test_of_drawn_labels(self, kind, ratio):
    noise = kind(4, ratio)
    labels, true, _ = drawn(40_000, 4, noise)
    matrix, counts = quality.transition(labels, true, 4)
    np.testing.assert_allclose(matrix, noise, atol=0.012)
    np.testing.assert_array_equal(counts, np.bincount(true))

  def test_few_anchors_lean_on_the_others(self):
    """Two labels say little; a class of three is not all wrong."""
    labels = np.array([0] * 90 + [1] * 10 + [1, 0, 0])
    anchor = np.array([0] * 100 + [1] * 3)
    matrix, _ = quality.transition(labels, anchor, 2)
    self.assertBetween(matrix[1, 0], 0.11, 2 / 3 - 0.05)
    self.assertAlmostEqual(matrix[0, 1], 0.1, delta=0.03)

  def test_a_class_without_anchors(self):
    matrix, counts = quality.transition(
      np.array([0] * 8 + [1] * 2), np.zeros(10, int), 3
    )
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(counts, [10, 0, 0])
    self.assertAlmostEqual(matrix[2, 2], 0.8, delta=0.01)

  def test_class_shares(self):
    share = np.array([0.7, 0.2, 0.1])
    noise = uniform(3, 0.3)
    np.testing.assert_allclose(
      quality.class_shares(noise, share @ noise), share, atol=0.01
    )
    np.testing.assert_allclose(
      quality.class_shares(np.eye(3), share), share, atol=1e-9
    )


class LabelQualityTest(parameterized.TestCase):
  @parameterized.parameters(
    (uniform, 0.2), (uniform, 0.8), (pairs, 0.4), (pairs, 0.1)
  )
  def test_calibrated_and_sorted(self, kind, ratio):
    labels, true, probs = drawn(20_000, 5, kind(5, ratio))
    found = quality.label_quality(labels, probs, quality.anchors(probs))
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
    found = quality.label_quality(labels, probs, quality.anchors(probs))
    self.assertLess(found.expected_wrong, 0.01 * 5_000)
    self.assertLess((found.label_score < 0.5).mean(), 0.01)

  def test_flattened_probabilities_are_sharpened(self):
    labels, _, probs = drawn(20_000, 5, uniform(5, 0.4))
    exact, flat = (
      quality.label_quality(labels, p, quality.anchors(p)).temperature
      for p in (probs, np.sqrt(probs) / np.sqrt(probs).sum(1, keepdims=True))
    )
    self.assertAlmostEqual(exact, 1, delta=0.15)
    self.assertAlmostEqual(flat, 2, delta=0.3)

  def test_a_class_that_is_never_said(self):
    """Its labels are suspected, and nothing becomes infinite."""
    labels, true, probs = drawn(2_000, 3, uniform(3, 0.3))
    probs = np.concatenate([probs, np.zeros((2_000, 1))], 1).astype(np.float32)
    labels[:5] = 3
    found = quality.label_quality(labels, probs, quality.anchors(probs))
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
    found = quality.label_quality(labels, probs, quality.anchors(probs))
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
