"""Learning rates at the published epochs."""

from absl.testing import absltest
import numpy as np

from fsr_jax.maths import schedules


class SchedulesTest(absltest.TestCase):
  def test_cosine_restarts_of_127_epochs_are_the_released_ones(self):
    rate = schedules.cosine_restarts(0.1, 127 * 10, 127)
    start = 0
    for cycle, length in enumerate([1, 2, 4, 8, 16, 32, 64]):
      peak = 0.1 * 0.9**cycle
      self.assertAlmostEqual(float(rate(start * 10)), peak, places=6)
      middle = (start + length / 2) * 10
      self.assertAlmostEqual(float(rate(middle)), peak / 2, places=6)
      start += length
    self.assertEqual(start, 127)
    self.assertAlmostEqual(float(rate(1270)), 0.0, places=7)

  def test_other_lengths_end_at_zero(self):
    for epochs in (1, 2, 60, 128, 200):
      rate = schedules.cosine_restarts(0.1, epochs * 14, epochs)
      self.assertLess(float(rate(epochs * 14 - 1)), 0.005)
      self.assertAlmostEqual(float(rate(0)), 0.1, places=6)

  def test_ema_decay_follows_the_steps_up_to_its_ceiling(self):
    np.testing.assert_allclose(
      [schedules.ema_decay(t, 0.999) for t in (0, 90, 10**6)],
      [0.1, 0.91, 0.999],
      rtol=1e-6,
    )


if __name__ == "__main__":
  absltest.main()
