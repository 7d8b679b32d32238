"""Learning rates at the published epochs."""

from absl.testing import absltest
import numpy as np

from fsr_jax.maths import schedules
from fsr_jax.train.optimizer import learning_rate
from tests import shrunk


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

  def test_step_decay_counts_from_the_start_of_the_run(self):
    o = shrunk.options(
      schedule="step", num_epochs=200, lr_warmup_epochs=5
    ).train.optimization
    rate = learning_rate(o, steps_per_epoch=10)
    for step, expected in (
      (0, 0.0),
      (25, 0.05),
      (50, 0.1),
      (1599, 0.1),
      (1600, 1e-3),
      (1799, 1e-3),
      (1800, 1e-5),
      (1999, 1e-5),
    ):
      np.testing.assert_allclose(rate(step), expected, rtol=1e-5, atol=1e-9)

  def test_cosine(self):
    o = shrunk.options(schedule="cosine", num_epochs=10).train.optimization
    rate = learning_rate(o, steps_per_epoch=10)
    np.testing.assert_allclose(
      [rate(0), rate(50), rate(100)], [0.1, 0.05, 0.0], atol=1e-7
    )

  def test_ema_decay_follows_the_steps_up_to_its_ceiling(self):
    np.testing.assert_allclose(
      [schedules.ema_decay(t, 0.999) for t in (0, 90, 10**6)],
      [0.1, 0.91, 0.999],
      rtol=1e-6,
    )


if __name__ == "__main__":
  absltest.main()
