"""Local intrinsic dimensionality and what follows from it, by hand."""

from absl.testing import absltest, parameterized
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import d2l


class DimensionalityTest(parameterized.TestCase):
  def test_by_hand(self):
    # From 0 the others are at 1, 2 and 4: the mean of log(r / 4) is
    # (-2 log 2 - log 2 + 0) / 3 = -log 2.
    points = jnp.array([[0.0], [1], [2], [4]])
    lid = d2l.dimensionality(points, 3)
    self.assertAlmostEqual(float(lid[0]), 1 / np.log(2), places=5)
    # From 1: 1, 1, 3.
    self.assertAlmostEqual(float(lid[1]), 1.5 / np.log(3), places=5)
    # The two nearest of 4 are at 2 and 3.
    lid = d2l.dimensionality(points, 2)
    self.assertAlmostEqual(float(lid[3]), 2 / np.log(1.5), places=5)

  @parameterized.parameters(1, 2, 4)
  def test_a_plane_has_its_own_dimension(self, dimension):
    rng = np.random.default_rng(0)
    plane = rng.uniform(size=(1000, dimension)) @ rng.normal(
      size=(dimension, 12)
    )
    lid = d2l.dimensionality(jnp.asarray(plane, jnp.float32), 20)
    self.assertBetween(float(lid.mean()) / dimension, 0.85, 1.2)

  def test_duplicates_and_scale(self):
    rng = np.random.default_rng(0)
    points = jnp.asarray(np.repeat(rng.normal(size=(10, 3)), 3, 0))
    self.assertTrue(np.isfinite(d2l.dimensionality(points, 5)).all())
    self.assertTrue(np.isfinite(d2l.dimensionality(points, 2)).all())
    points = jnp.asarray(rng.normal(size=(30, 2, 2)), jnp.float32)
    np.testing.assert_allclose(
      d2l.dimensionality(points, 5),
      d2l.dimensionality(100 * points, 5),
      rtol=1e-3,
    )


class PaceTest(absltest.TestCase):
  def test_rise_is_seen_after_the_window(self):
    # The three before 4.0 have mean 2 and deviation sqrt(2 / 3) = 0.816.
    self.assertTrue(d2l.rises([9.0, 1.0, 2.0, 3.0, 4.0], 1, 3))
    self.assertFalse(d2l.rises([9.0, 1.0, 2.0, 3.0, 3.6], 1, 3))
    self.assertFalse(d2l.rises([9.0, 1.0, 2.0, 3.0, 4.0], 2, 3))
    self.assertFalse(d2l.rises([1.0], 0, 3))

  def test_label_share(self):
    self.assertAlmostEqual(d2l.label_share([5.0, 3.0, 6.0], 0.5), np.exp(-1))
    self.assertEqual(d2l.label_share([5.0], 0.0), 1.0)

  def test_targets(self):
    logits = jnp.array([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    target = d2l.paced_targets(logits, jnp.array([2, 0]), 0.7)
    np.testing.assert_allclose(target, [[0, 0.3, 0.7], [1, 0, 0]], rtol=1e-6)


if __name__ == "__main__":
  absltest.main()
