"""Coresets on a line, by hand and by the definition of the greedy choice."""

from absl.testing import absltest
import numpy as np

from benchmarks.rivals import crust, subset

# Two clusters; distances are differences.
LINE = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]], np.float32)


class CrustTest(absltest.TestCase):
  def test_distances(self):
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    expected = np.linalg.norm(x[:5, None] - x, axis=-1)
    np.testing.assert_allclose(crust.distances(x[:5], x), expected, atol=2e-3)

  def test_central_ones_of_a_line(self):
    # Sums of distances: 24, 21, 20, 28, 31.
    for rows in (500, 2):
      with absltest.mock.patch.object(crust, "_ROWS", rows):
        chosen, weight = crust.central(LINE, 3)
      np.testing.assert_array_equal(chosen, [2, 1, 0])
      np.testing.assert_array_equal(weight, 1)

  def test_medoids_of_a_line(self):
    # 2 has the smallest sum; 10 then lowers the rest by 8 + 8, as 11 would by
    # 7 + 9. Of 0, 1, 2 the first is closest to 2, as is the second.
    chosen, weight = crust.medoids(LINE, 2)
    np.testing.assert_array_equal(chosen, [2, 3])
    np.testing.assert_array_equal(weight, [3, 2])

  def test_lazy_choice_is_the_greedy_one(self):
    x = np.random.default_rng(1).normal(size=(40, 2))
    distance = np.linalg.norm(x[:, None] - x, axis=-1)
    chosen: list[int] = []
    for _ in range(15):
      costs = [
        np.minimum(distance[:, [*chosen, j]].min(1), distance.max()).sum()
        for j in range(40)
      ]
      chosen.append(int(np.argmin(costs)))
    found, weight = crust.medoids(x, 15)
    np.testing.assert_array_equal(found, chosen)
    self.assertEqual(weight.sum(), 40)

  def test_half_of_every_class(self):
    gradient = np.concatenate([LINE, LINE + 3])
    label = np.array([0, 1] * 5)
    chosen, weight = crust.coreset(gradient, label, crust.central)
    self.assertEqual(np.bincount(label[chosen]).tolist(), [2, 2])
    np.testing.assert_array_equal(np.flatnonzero(weight), np.sort(chosen))

  def test_wrong_labels_are_not_central(self):
    # p - y of a network that knows the classes: 12 labels of 30 are wrong.
    true = np.repeat([0, 1, 2], 10)
    label = np.where(np.arange(30) % 5 < 2, (true + 1) % 3, true)
    noise = np.random.default_rng(0).uniform(0, 0.1, (30, 3))
    gradient = np.eye(3)[true] - np.eye(3)[label] + noise
    chosen, _ = crust.coreset(gradient.astype(np.float32), label, crust.central)
    np.testing.assert_array_equal(label[chosen], true[chosen])


class SubsetTest(absltest.TestCase):
  def test_examples_come_by_equally_often(self):
    index = np.array([3, 5, 8])
    batches = subset.batches(np.random.default_rng(0), index, 5, 3)
    self.assertEqual((batches.shape, batches.dtype), ((5, 3), np.int32))
    for row in batches:
      np.testing.assert_array_equal(np.sort(row), index)
    self.assertGreater(len(np.unique(batches, axis=0)), 1)
    # The last round may be cut short.
    drawn = subset.batches(np.random.default_rng(0), index, 2, 5).ravel()
    self.assertEqual(sorted(np.bincount(drawn)[index]), [3, 3, 4])

  def test_companions_have_the_same_label(self):
    label = np.array([0, 1, 0, 2, 1, 0] * 5)
    found = subset.companions(np.random.default_rng(0), label)
    np.testing.assert_array_equal(label[found], label)
    self.assertGreater(np.sum(found != np.arange(30)), 15)


if __name__ == "__main__":
  absltest.main()
