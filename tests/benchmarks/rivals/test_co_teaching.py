"""Co-teaching: who is kept, who teaches whom, and what is not told."""

from absl.testing import absltest
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import co_teaching
from tests.benchmarks.rivals import small


class CoTeachingTest(absltest.TestCase):
  def test_the_forget_rate_rises_to_tau_within_ten_epochs(self):
    found = [co_teaching.forget_rate(t, 0.4) for t in (0, 5, 10, 200)]
    np.testing.assert_allclose(found, [0, 0.2, 0.4, 0.4], rtol=1e-6)

  def test_the_smallest_losses_share_the_weight(self):
    loss = jnp.array([3.0, 1.0, 2.0, 4.0])
    for rate, expected in (
      (0.0, [0.25] * 4),
      (0.5, [0, 0.5, 0.5, 0]),
      (0.3, [0, 0.5, 0.5, 0]),  # 2.8 of them are 2.
      (1.0, [0, 1, 0, 0]),
    ):
      np.testing.assert_allclose(co_teaching.smallest(loss, rate), expected)
    kept = co_teaching.smallest(jnp.arange(100.0), jnp.float32(0.1))
    self.assertEqual(np.count_nonzero(kept), 90)

  def test_each_network_steps_on_what_the_other_kept(self):
    trial = small.trial()
    nets = trial.create(0), trial.create(1)
    step, last = co_teaching.step_of(trial, 0.9), trial.num_epochs - 1
    (index,) = batches = trial.batches(last)[:1]
    found = trial.compiled(step)(nets, last, batches)
    target = small.one_hot(trial, index)
    probs = [
      small.softmax(trial.outputs(net, "train")[0][index]) for net in nets
    ]
    for own, other in ((0, 1), (1, 0)):
      loss = -np.log((probs[other] * target).sum(-1))
      # After two epochs of ten a fifth of 0.9 is forgotten, 13.12 are kept.
      self.assertLen(loss, 16)
      kept = np.zeros(16)
      kept[np.argsort(loss)[:13]] = 1 / 13
      slope = kept[:, None] * (probs[own] - target)
      small.assert_heads(
        found[own], small.head_after(trial, nets[own], index, slope)
      )

  def test_the_estimate_is_near_the_share_of_wrong_labels(self):
    fields = {"data__max_examples": 1000, "num_epochs": 30}
    for noise, wrong in ((0.0, 0.0), (0.4, 0.36)):
      kind = "uniform" if noise else "none"
      trial = small.trial(data__noise=kind, data__noise_ratio=noise, **fields)
      found = co_teaching.estimated_noise_rate(trial)
      self.assertLess(abs(found - wrong), 0.08)


if __name__ == "__main__":
  absltest.main()
