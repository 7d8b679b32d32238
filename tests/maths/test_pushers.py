"""Pushers and losses by hand."""

from absl.testing import absltest, parameterized
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import losses, pushers, reweight, tables

# Softmax of (log 3, 0) is (3/4, 1/4); of (0, 0) it is (1/2, 1/2).
EVIDENCE = pushers.Evidence(
  target=jnp.array([[1.0, 0.0], [0.0, 1.0]]),
  logits=jnp.array([[np.log(3.0), 0.0], [np.log(3.0), 0.0]]),
  lookahead_logits=jnp.zeros((2, 2)),
  mixed_loss=jnp.array([2.0, 3.0]),
  recall=jnp.array([tables.NEVER_KNOWN, tables.KNOWN], jnp.int8),
)


class PushersTest(parameterized.TestCase):
  @parameterized.named_parameters(
    (
      "meta_margin",
      "meta_margin",
      [np.log(4 / 3) - np.log(2), np.log(4) - np.log(2)],
    ),
    ("mixed_margin", "mixed_margin", [2 - np.log(2), 3 - np.log(2)]),
    ("negative_loss", "negative_loss", [-np.log(4 / 3), -np.log(4)]),
    ("area_under_margin", "area_under_margin", [np.log(3), -np.log(3)]),
    ("max_margin", "max_margin", [0.5, 0.5]),
    ("forgetting", "forgetting", [0.0, -1.0]),
  )
  def test_by_hand(self, name, expected):
    np.testing.assert_allclose(
      pushers.PUSHERS[name](EVIDENCE), expected, rtol=1e-5
    )

  def test_all_pushers_are_tested_by_hand(self):
    self.assertLen(pushers.PUSHERS, 6)

  @parameterized.parameters(
    # Never known and still wrong; forgotten before and still wrong;
    # known and now wrong.
    (tables.NEVER_KNOWN, -1.0),
    (tables.FORGOTTEN, 0.0),
    (tables.KNOWN, -1.0),
  )
  def test_forgetting_counts_events(self, recall, expected):
    evidence = EVIDENCE._replace(recall=jnp.full(2, recall, jnp.int8))
    np.testing.assert_array_equal(pushers.forgetting(evidence), [0.0, expected])

  def test_eq_5_prefers_the_wrong_label(self):
    """Why eq. 5 is not the default: the step on the very batch that is scored
    drops the loss of the sample with the largest gradient most."""
    # A linear head that knows the two classes; the last label is wrong.
    features = jnp.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]])
    target = jnp.eye(2)[jnp.array([0, 1, 1])]
    kernel = 2 * jnp.eye(2)
    ahead = reweight.lookahead(
      lambda w: losses.cross_entropy(features @ w, target), kernel, 0.5
    )
    evidence = pushers.Evidence(
      target,
      features @ kernel,
      features @ ahead,
      jnp.zeros(3),
      jnp.zeros(3, jnp.int8),
    )
    self.assertEqual(jnp.argmax(pushers.meta_margin(evidence)), 2)
    self.assertEqual(jnp.argmin(pushers.negative_loss(evidence)), 2)


class LossesTest(absltest.TestCase):
  def test_cross_entropy_by_hand(self):
    value = losses.cross_entropy(
      jnp.array([[np.log(3.0), 0.0]]), jnp.array([[0.5, 0.5]])
    )
    expected = 0.5 * np.log(4 / 3) + 0.5 * np.log(4)
    np.testing.assert_allclose(value, [expected], rtol=1e-6)

  def test_huge_logits_stay_finite(self):
    value = losses.cross_entropy(
      jnp.array([[1e4, -1e4]]), jnp.array([[1.0, 0.0]])
    )
    np.testing.assert_allclose(value, [0.0])

  def test_zero_target_costs_nothing(self):
    value = losses.cross_entropy(jnp.ones((1, 3)), jnp.zeros((1, 3)))
    np.testing.assert_array_equal(value, [0.0])

  def test_smoothing(self):
    np.testing.assert_allclose(
      losses.one_hot(jnp.array([2]), 4, smoothing=0.2),
      [[0.05, 0.05, 0.85, 0.05]],
      rtol=1e-6,
    )


if __name__ == "__main__":
  absltest.main()
