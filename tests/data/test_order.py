"""Batch order."""

from absl.testing import absltest
import numpy as np

from fsr_jax.data import order


class OrderTest(absltest.TestCase):
  def test_every_example_at_most_once(self):
    batches = order.epoch_order(0, 3, 103, 10)
    self.assertEqual(batches.shape, (10, 10))
    self.assertLen(set(np.array(batches).ravel().tolist()), 100)

  def test_a_function_of_seed_and_epoch(self):
    first = order.epoch_order(1, 5, 50, 10)
    np.testing.assert_array_equal(first, order.epoch_order(1, 5, 50, 10))
    for other in ((2, 5), (1, 6)):
      self.assertTrue(np.any(first != order.epoch_order(*other, 50, 10)))


if __name__ == "__main__":
  absltest.main()
