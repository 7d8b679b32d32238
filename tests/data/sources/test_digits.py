"""scikit-learn's digits."""

from absl.testing import absltest
import numpy as np

from fsr_jax.data import sources
from fsr_jax.data.options import DataOptions
from tests import shrunk


class DigitsTest(absltest.TestCase):
  def test_load(self):
    options = shrunk.options(data__max_examples=0).train.data
    data = sources.load(options, seed=0)
    self.assertLen(data.train, 1400)
    self.assertLen(data.test, 397)
    wrong = np.mean(data.train.label != data.train.clean_label)
    self.assertAlmostEqual(wrong, 0.36, delta=0.005)
    again = sources.load(options, seed=0)
    np.testing.assert_array_equal(data.train.label, again.train.label)
    other = sources.load(options, seed=1)
    self.assertTrue(np.any(data.train.label != other.train.label))
    np.testing.assert_array_equal(data.test.image, other.test.image)

  def test_typed_options(self):
    shrunken = shrunk.options(data__max_examples=0).train.data
    options = DataOptions(dataset="digits", noise="uniform", noise_ratio=0.4)
    np.testing.assert_array_equal(
      sources.load(options, seed=0).train.label,
      sources.load(shrunken, seed=0).train.label,
    )


if __name__ == "__main__":
  absltest.main()
