"""The generative classifier: estimates by hand, outliers, closed forms."""

from absl.testing import absltest
import numpy as np

from benchmarks.rivals import rog


class RogTest(absltest.TestCase):
  def test_estimate_by_hand(self):
    features = np.array([[0.0, 0], [2, 0], [5, 1], [5, 5], [90, 90]])
    label = np.array([0, 0, 1, 1, 1])
    kept = np.array([True, True, True, True, False])
    found = rog.estimate(features, label, kept, 3)
    np.testing.assert_allclose(found.mean[:2], [[1, 0], [5, 3]])
    self.assertTrue(np.isnan(found.mean[2]).all())
    # Squares of the centred: 1 + 1 in x, 4 + 4 in y, over four examples.
    np.testing.assert_allclose(found.precision, [[2, 0], [0, 0.5]], atol=1e-12)

  def test_smallest_distance_is_the_largest_posterior(self):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3))
    of = rog.Gaussians(rng.normal(size=(4, 3)), root @ root.T)
    x = rng.normal(size=(50, 3))
    centred = x[:, None] - of.mean
    by_hand = np.einsum("ncf,fg,ncg->nc", centred, of.precision, centred)
    distance = rog.distances(x, of)
    np.testing.assert_allclose(distance, by_hand, rtol=1e-6, atol=1e-6)
    # The linear form of log posteriors, equal priors.
    linear = x @ of.precision @ of.mean.T
    constant = np.einsum("cf,fg,cg->c", of.mean, of.precision, of.mean) / 2
    np.testing.assert_array_equal(
      distance.argmin(1), (linear - constant).argmax(1)
    )

  def test_class_without_examples_is_never_said(self):
    label = np.array([0, 0, 2, 2])
    features = np.array([[0.0], [1], [5], [6]])
    found = rog.estimate(features, label, np.ones(4, bool), 4)
    distance = rog.distances(np.array([[3.4], [-100], [100]]), found)
    self.assertTrue(np.isinf(distance[:, [1, 3]]).all())
    np.testing.assert_array_equal(distance.argmin(1), [2, 0, 2])

  def test_closest_of_every_class(self):
    distance = np.array([3.0, 1, 2, 9, 0, 5])
    label = np.array([0, 0, 0, 1, 1, 2])
    np.testing.assert_array_equal(
      rog.closest(distance, label, 0.7),
      [False, True, True, False, True, True],
    )

  def test_outliers_do_not_move_the_estimate(self):
    rng = np.random.default_rng(0)
    right = rng.normal(size=(14, 1))
    # Six of twenty are elsewhere: wherever the first 70 % come from, their
    # mean is nearer to the others.
    features = np.concatenate([right, 100 + rng.normal(size=(6, 1))])
    label = np.zeros(20, int)
    for seed in range(5):
      found = rog.robust(features, label, 1, np.random.default_rng(seed))
      np.testing.assert_allclose(found.mean[0], right.mean(0))
      np.testing.assert_allclose(found.precision, 1 / np.var(right))

  def test_feature_that_is_always_the_same(self):
    features = np.array([[0.0, 7], [1, 7], [4, 7], [5, 7]])
    label = np.array([0, 0, 1, 1])
    found = rog.estimate(features, label, np.ones(4, bool), 2)
    np.testing.assert_allclose(found.precision, [[4, 0], [0, 0]], atol=1e-9)
    distance = rog.distances(features, found)
    np.testing.assert_array_equal(distance.argmin(1), label)


if __name__ == "__main__":
  absltest.main()
