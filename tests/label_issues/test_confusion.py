"""Which classes are taken for which: by hand, and on drawn labels."""

import math

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.label_issues import confusion
from fsr_jax.maths import dictionary
from tests.label_issues.draws import drawn, pairs, uniform


class AnchorsTest(parameterized.TestCase):
  def test_by_hand(self):
    # 150 examples said to be of class 0, the surest last; 4 of class 1.
    sure = np.linspace(0.6, 0.9, 150)
    rare = [[0.4, 0.6], [0.2, 0.8], [0.3, 0.7], [0.45, 0.55]]
    probs = np.concatenate([np.stack([sure, 1 - sure], 1), rare])
    # 40, or a third of a small class, rounded up.
    expected = [-1] * 110 + [0] * 40 + [-1, 1, 1, -1]
    np.testing.assert_array_equal(confusion.anchors(probs), expected)

  def test_a_tenth_of_many(self):
    probs = np.tile([[0.2, 0.8]], (1000, 1))
    np.testing.assert_array_equal(
      confusion.anchors(probs), [1] * 100 + [-1] * 900
    )

  def test_as_on_the_device(self):
    _, _, probs = drawn(3000, 5, uniform(5, 0.4))
    probs = probs.astype(np.float32)
    said = probs.argmax(1).astype(np.int32)
    size = confusion.anchor_count(jnp.bincount(said, length=5))
    chosen = dictionary.best(jnp.asarray(probs.max(1)), jnp.asarray(said), size)
    np.testing.assert_array_equal(confusion.anchors(probs) >= 0, chosen)


class WidthsTest(parameterized.TestCase):
  def test_rising_factorials(self):
    counts = np.array([[0, 3], [1, 2]])
    start = np.array([0.5, 4.0])
    expected = [
      sum(math.lgamma(a + n) - math.lgamma(a) for n in counts.ravel())
      for a in start
    ]
    np.testing.assert_allclose(
      confusion._rising(counts, start, np, 4), expected
    )

  def test_counts_that_agree_are_pooled_and_others_are_not(self):
    agree = 20 * (1 - np.eye(4, dtype=int))
    differ = 60 * np.roll(np.eye(4, dtype=int), 1, axis=1)
    self.assertGreater(confusion._dirichlet_width(agree, np, 100), 1e4)
    self.assertLess(confusion._dirichlet_width(differ, np, 100), 1)
    of, forty = np.full(4, 100), np.full(4, 40)
    width = confusion._beta_width(forty, of, 0.4, np, 101)
    self.assertGreater(width, 1e4)
    some = np.array([0, 80, 0, 80])
    differ = confusion._beta_width(some, of, 0.4, np, 101)
    self.assertBetween(differ, 5, 6)  # Not less, whatever the counts.


class TransitionTest(parameterized.TestCase):
  @parameterized.parameters((uniform, 0.4), (pairs, 0.4), (pairs, 0.0))
  def test_of_drawn_labels(self, kind, ratio):
    noise = kind(4, ratio)
    labels, true, _ = drawn(40_000, 4, noise)
    counts = confusion.pair_counts(labels, true, 4)
    matrix = confusion.transition(counts)
    np.testing.assert_allclose(matrix, noise, atol=0.012)
    np.testing.assert_array_equal(counts.sum(1), np.bincount(true))

  @parameterized.parameters((uniform, 0.4, 10), (pairs, 0.4, 3))
  def test_the_same_on_a_device(self, kind, ratio, num_classes):
    labels, true, _ = drawn(20_000, num_classes, kind(num_classes, ratio))
    true[::2] = confusion.NO_ANCHOR
    counts = confusion.pair_counts(labels, true, num_classes)
    matrix = confusion.transition(counts)
    # More than any count does not matter.
    on_device = jax.jit(lambda c: confusion.transition(c, jnp, 20_000))
    found = on_device(jnp.asarray(counts, jnp.int32))
    np.testing.assert_allclose(found, matrix, atol=2e-3)
    given = np.bincount(labels, minlength=num_classes) / labels.size
    np.testing.assert_allclose(
      confusion.class_shares(found, jnp.asarray(given, jnp.float32)),
      confusion.class_shares(matrix, given),
      atol=2e-3,
    )

  def test_few_anchors_lean_on_the_others(self):
    """Two labels say little; a class of three is not all wrong."""
    labels = np.array([0] * 90 + [1] * 10 + [1, 0, 0])
    anchor = np.array([0] * 100 + [1] * 3)
    matrix = confusion.transition(confusion.pair_counts(labels, anchor, 2))
    self.assertBetween(matrix[1, 0], 0.11, 2 / 3 - 0.05)
    self.assertAlmostEqual(matrix[0, 1], 0.1, delta=0.03)

  def test_a_class_without_anchors(self):
    counts = confusion.pair_counts(
      np.array([0] * 8 + [1] * 2), np.zeros(10, int), 3
    )
    matrix = confusion.transition(counts)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(counts.sum(1), [10, 0, 0])
    self.assertAlmostEqual(matrix[2, 2], 0.8, delta=0.01)

  def test_class_shares(self):
    share = np.array([0.7, 0.2, 0.1])
    noise = uniform(3, 0.3)
    np.testing.assert_allclose(
      confusion.class_shares(noise, share @ noise), share, atol=0.01
    )
    np.testing.assert_allclose(
      confusion.class_shares(np.eye(3), share), share, atol=1e-9
    )


if __name__ == "__main__":
  absltest.main()
