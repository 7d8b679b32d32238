"""Class sizes of long tails, steps and subsets, by hand."""

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.config import validation
from fsr_jax.data import sources
from fsr_jax.data.labels import imbalance
from fsr_jax.errors import InputError
from tests import shrunk


def rng(seed=0):
  return np.random.default_rng(seed)


LABEL = np.repeat(np.arange(10), 500).astype(np.int32)


class ImbalanceTest(parameterized.TestCase):
  @parameterized.parameters(10, 50, 200)
  def test_exponential(self, ratio):
    kept = imbalance.exponential(LABEL, ratio, 10, rng())
    count = np.bincount(LABEL[kept], minlength=10)
    expected = [int(500 * ratio ** (-c / 9)) for c in range(10)]
    np.testing.assert_array_equal(count, expected)

  @parameterized.parameters((1, 500), (10, 50), (200, 2), (1000, 1))
  def test_step(self, ratio, rare):
    kept = imbalance.step(LABEL, ratio, 10, rng())
    np.testing.assert_array_equal(
      np.bincount(LABEL[kept]), [500] * 5 + [rare] * 5
    )

  def test_step_of_odd_and_unequal_classes(self):
    label = np.repeat(np.arange(5), [10, 40, 5, 40, 3]).astype(np.int32)
    kept = imbalance.step(label, 8, 5, rng())
    np.testing.assert_array_equal(np.bincount(label[kept]), [10, 40, 5, 5, 3])

  @parameterized.parameters(*imbalance.IMBALANCES)
  def test_positions(self, name):
    pick = imbalance.IMBALANCES[name]
    label = rng().permutation(LABEL)
    first, again = (pick(label, 10, 10, rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    self.assertTrue(np.all(np.diff(first) > 0))
    self.assertNotEqual(set(first), set(pick(label, 10, 10, rng(4))))

  @parameterized.parameters(
    ("exponential", [20, 14, 10, 7, 5, 3, 2, 1, 1, 1]),
    ("step", [20] * 5 + [1] * 5),
  )
  def test_of_a_run(self, name, expected):
    c = shrunk.config(data__imbalance=name, data__imbalance_ratio=20.0).data
    label = sources.load(c, seed=0).train.clean_label
    np.testing.assert_array_equal(np.bincount(label), expected)

  def test_unknown_name(self):
    with self.assertRaisesRegex(
      InputError, "unknown data.imbalance 'x'; .*exponential, step"
    ):
      validation.validate(shrunk.options(data__imbalance="x"))

  def test_subset_is_balanced(self):
    kept = imbalance.subset(LABEL, 203, 10, rng())
    count = np.bincount(LABEL[kept], minlength=10)
    np.testing.assert_array_equal(count, [21] * 3 + [20] * 7)


if __name__ == "__main__":
  absltest.main()
