"""MentorNet: the curriculum by hand, and a step under it."""

from absl.testing import absltest
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import mentornet
from tests.benchmarks.rivals import small


class MentorNetTest(absltest.TestCase):
  def test_the_three_stages(self):
    loss = jnp.array([0.5, 1.0, 1.25, 3.0])
    for share, expected in (
      (0.18, [1, 1, 1, 1]),
      (0.5, [1, 1, 0, 0]),
      (0.9, [1, 1, 0.75, 0]),
    ):
      np.testing.assert_allclose(
        mentornet.curriculum(loss, 1.0, share), expected
      )

  def test_half_are_dropped_at_first_and_a_twentieth_later(self):
    for share, kept in ((0.1, 50), (0.17, 95), (0.9, 95)):
      found = mentornet.not_dropped(jax.random.key(0), 100, share)
      self.assertEqual((found.sum(), found.max()), (kept, 1))

  def test_a_step(self):
    trial = small.trial()
    net = trial.create()
    (index,) = batches = trial.batches(1)[:1]
    # A third of the training: hard weights.
    before = mentornet.Carry(net, jnp.float32(1.0))
    step = mentornet.step_of(trial)
    found = trial.compiled(step)(before, 1, batches)
    probs = small.softmax(trial.outputs(net, "train")[0][index])
    target = small.one_hot(trial, index)
    loss = -np.log((probs * target).sum(-1))
    threshold = 0.5 * 1.0 + 0.5 * np.percentile(loss, 75)
    np.testing.assert_allclose(found.threshold, threshold, rtol=1e-5)
    key = trial.key(trial.steps_per_epoch)
    weights = np.asarray(mentornet.not_dropped(key, len(index), 1 / 3))
    weights = weights * (loss <= threshold) / len(index)
    self.assertBetween(np.count_nonzero(weights), 1, len(index) - 1)
    slope = weights[:, None] * (probs - target)
    small.assert_heads(found.net, small.head_after(trial, net, index, slope))


if __name__ == "__main__":
  absltest.main()
