"""Every sample is swept once."""

from absl.testing import absltest, parameterized
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths.sweep import sweep


class SweepTest(parameterized.TestCase):
  # One block; several, the last one short; as many as there may be.
  @parameterized.parameters((1, 1), (70_001, 1), (1000, 1000), (1000, 10**6))
  def test_every_sample_is_new_once(self, size, width):
    value = jnp.arange(size)

    def count(times, cut, position, new):
      np.testing.assert_array_equal(position.shape, new.shape)
      right = new & (cut(value) == position)
      return times.at[position].add(right)

    times = sweep(size, count, jnp.zeros(size, jnp.int32), width)
    np.testing.assert_array_equal(times, 1)


if __name__ == "__main__":
  absltest.main()
