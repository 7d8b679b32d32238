"""Weights: definition = production form = finite differences = closed form."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import losses, reweight

B, Q, F, C, ETA = 6, 5, 4, 3, 0.3


def linear_head(params, features):
  return features @ params["kernel"] + params["bias"]


def two_layer_head(params, features):
  hidden = jnp.tanh(features @ params["hidden"])
  return linear_head(params, hidden)


HEADS = {"linear": linear_head, "two_layers": two_layer_head}


def problem(head_name, seed=0, soft_targets=False):
  """(train_losses, reward_losses, meta_params, arrays), float64."""
  rng = np.random.default_rng(seed)
  width = 7 if head_name == "two_layers" else F
  params = {
    "kernel": rng.normal(size=(width, C)),
    "bias": rng.normal(size=C),
  }
  if head_name == "two_layers":
    params["hidden"] = rng.normal(size=(F, width))
  features, rewards = rng.normal(size=(B, F)), rng.normal(size=(Q, F))
  target = np.eye(C)[rng.integers(C, size=B)]
  if soft_targets:
    target = rng.dirichlet(np.ones(C), size=B)
  reward_target = np.eye(C)[rng.integers(C, size=Q)]
  head = HEADS[head_name]
  train = lambda p: losses.cross_entropy(head(p, features), target)
  reward = lambda p: losses.cross_entropy(head(p, rewards), reward_target)
  arrays = (features, target, rewards, reward_target)
  return train, reward, jax.tree.map(jnp.asarray, params), arrays


def production(train, reward, params, extra=None):
  ahead = reweight.lookahead(train, params, ETA, extra)
  _, v = reweight.reward_gradient(reward, ahead)
  return reweight.weight_gradient(train, params, v, ETA)


class WeightGradientTest(parameterized.TestCase):
  @parameterized.product(
    head=["linear", "two_layers"],
    soft_targets=[False, True],
    momentum=[False, True],
  )
  def test_definition_is_production_form(self, head, soft_targets, momentum):
    with jax.enable_x64(True):
      train, reward, params, _ = problem(head, soft_targets=soft_targets)
      extra = jax.tree.map(lambda p: 0.9 * jnp.cos(p), params)
      extra = extra if momentum else None
      g = production(train, reward, params, extra)
      expected = reweight.weight_gradient_by_definition(
        train, reward, params, ETA, extra
      )
    np.testing.assert_allclose(g, expected, rtol=1e-12)

  @parameterized.parameters("linear", "two_layers")
  def test_production_form_equals_finite_differences(self, head):
    with jax.enable_x64(True):
      train, reward, params, _ = problem(head, seed=1)
      g = production(train, reward, params)

      def reward_loss(weights):
        step = jax.grad(lambda p: jnp.sum(weights * train(p)))(params)
        return jnp.mean(
          reward(jax.tree.map(lambda p, s: p - ETA * s, params, step))
        )

      h = 1e-5
      base = np.full(B, 1 / B)
      expected = [
        (reward_loss(base + h * e) - reward_loss(base - h * e)) / (2 * h)
        for e in np.eye(B)
      ]
    np.testing.assert_allclose(g, expected, rtol=1e-6)

  def test_closed_form_of_a_linear_head(self):
    """g_i = -eta <p_i - y_i, sum_j (h_i.h_j + 1) (p_j - y_j)> / Q, numpy."""
    with jax.enable_x64(True):
      train, reward, params, arrays = problem("linear", seed=2)
      g = production(train, reward, params)
    features, target, rewards, reward_target = arrays
    kernel, bias = np.array(params["kernel"]), np.array(params["bias"])

    def softmax(z):
      z = np.exp(z - z.max(-1, keepdims=True))
      return z / z.sum(-1, keepdims=True)

    error = softmax(features @ kernel + bias) - target
    ahead_kernel = kernel - ETA * features.T @ error / B
    ahead_bias = bias - ETA * error.mean(0)
    reward_error = softmax(rewards @ ahead_kernel + ahead_bias) - reward_target
    similarity = features @ rewards.T + 1
    expected = -ETA * np.sum((similarity @ reward_error) * error, -1) / Q
    np.testing.assert_allclose(g, expected, rtol=1e-12)

  def test_helpful_samples_get_the_weight(self):
    """A copy of a reward sample helps; the same with a wrong label harms."""
    features = jnp.array([[1.0, 0.0], [1.0, 0.0]])
    target = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    params = {"kernel": jnp.zeros((2, 2)), "bias": jnp.zeros(2)}
    train = lambda p: losses.cross_entropy(linear_head(p, features), target)
    reward = lambda p: losses.cross_entropy(
      linear_head(p, features[:1]), target[:1]
    )
    ahead = reweight.lookahead(train, params, 0.1)
    _, v = reweight.reward_gradient(reward, ahead)
    g = reweight.weight_gradient(train, params, v, 0.1)
    weights = reweight.normalize(reweight.clip(g, 1.0))
    # p = (1/2, 1/2), so |grad| entries are 1/2: g = -+ 0.1 * (2 * 2 * 1/4).
    np.testing.assert_allclose(g, [-0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(weights, [1.0, 0.0], rtol=1e-6)

  def test_all_parameters_and_a_clean_set_is_learning_to_reweight(self):
    """Theta^meta = everything: weights of second-order L2R, omega from 0.

    L2R starts at omega = 0, where the look-ahead leaves Theta in place, so
    its reward gradient is taken at Theta itself.
    """
    with jax.enable_x64(True):
      train, reward, params, _ = problem("two_layers", seed=3)

      def reward_loss(weights):
        step = jax.grad(lambda p: jnp.sum(weights * train(p)))(params)
        ahead = jax.tree.map(lambda p, s: p - ETA * s, params, step)
        return jnp.mean(reward(ahead))

      l2r = jnp.maximum(0, -jax.grad(reward_loss)(jnp.zeros(B)))
      _, v = reweight.reward_gradient(reward, params)
      g = reweight.weight_gradient(train, params, v, ETA)
      weights = reweight.normalize(reweight.clip(g, 1.0))
      expected = l2r / l2r.sum()
    np.testing.assert_allclose(weights, expected, rtol=1e-10)


class LookaheadTest(absltest.TestCase):
  def test_a_mean_gradient_step(self):
    train = lambda p: jnp.array([1.0, 3.0]) * p
    ahead = reweight.lookahead(train, jnp.array(5.0), 0.1)
    np.testing.assert_allclose(ahead, 5.0 - 0.1 * 2.0, rtol=1e-6)

  def test_extra_gradient_is_added(self):
    train = lambda p: jnp.array([1.0, 3.0]) * p
    ahead = reweight.lookahead(
      train, jnp.array(5.0), 0.1, extra_gradient=jnp.array(10.0)
    )
    np.testing.assert_allclose(ahead, 5.0 - 0.1 * 12.0, rtol=1e-6)


class RuleTest(parameterized.TestCase):
  def test_clip_by_hand(self):
    raw = reweight.clip(jnp.array([-0.3, 0.2, -0.1, 0.0]), 2.0)
    np.testing.assert_allclose(raw, [0.6, 0.0, 0.2, 0.0], rtol=1e-6)
    np.testing.assert_allclose(
      reweight.normalize(raw), [0.75, 0, 0.25, 0], rtol=1e-6
    )

  def test_weight_lr_cancels_in_clip(self):
    g = jnp.array([-0.3, 0.2, -0.1])
    one = reweight.normalize(reweight.clip(g, 1.0))
    ten = reweight.normalize(reweight.clip(g, 10.0))
    np.testing.assert_allclose(one, ten, rtol=1e-6)

  def test_weights_of_tiny_gradients_sum_to_one(self):
    """Where all samples are fitted g is tiny; it is the ratios that count."""
    weights = reweight.normalize(reweight.clip(-1e-12 * jnp.arange(4.0), 1))
    np.testing.assert_allclose(weights, np.arange(4) / 6, rtol=1e-5)

  def test_no_sample_helps(self):
    raw = reweight.clip(jnp.array([0.3, 0.2]), 1.0)
    np.testing.assert_array_equal(reweight.normalize(raw), [0.0, 0.0])

  def test_per_length_by_hand(self):
    g = reweight.per_length(
      jnp.array([2.0, 1.0, 0.0]), jnp.array([[3.0, 4.0], [0.0, 0.99], [0, 0]])
    )
    np.testing.assert_allclose(g, [2 / 5.01, 1.0, 0.0], rtol=1e-6)

  def test_relative_by_hand(self):
    # Root mean square 5: 1 - 2 g / 5.
    raw = reweight.relative(jnp.array([1.0, -7.0]), 2.0)
    np.testing.assert_allclose(raw, [0.6, 3.8], rtol=1e-6)
    clipped = reweight.relative(jnp.array([7.0, -1.0]), 2.0)
    np.testing.assert_allclose(clipped, [0.0, 1.4], rtol=1e-6)

  def test_relative_lies_between_plain_training_and_clip(self):
    g = jnp.array([0.3, -0.1, -0.4, 0.2, -0.05])
    plain, clip = (
      reweight.normalize(reweight.relative(g, alpha)) for alpha in (1e-6, 1e6)
    )
    np.testing.assert_allclose(plain, 0.2, rtol=1e-4)
    np.testing.assert_allclose(
      clip, reweight.normalize(reweight.clip(g, 1.0)), rtol=1e-3
    )

  def test_relative_of_no_gradient_is_uniform(self):
    raw = reweight.relative(jnp.zeros(4), 3.0)
    np.testing.assert_array_equal(raw, 1.0)

  @parameterized.product(
    rule=["clip", "shift", "relative"], g=[-0.3, 0.0, 0.3, 1e-30, -1e-30]
  )
  def test_equal_gradients_give_equal_weights(self, rule, g):
    """None of them where nobody helps, else 1/B of each."""
    raw = reweight.WEIGHT_RULES[rule](jnp.full(6, g), 1.0)
    weights = np.array(reweight.normalize(raw))
    expected = [1 / 6]
    if rule == "clip" and g >= 0:
      expected = [0.0]
    elif rule == "relative" and g == 0.3:  # 1 - g / g, but for rounding.
      expected = [0.0, 1 / 6]
    self.assertTrue(np.all(weights == weights[0]))
    self.assertLess(np.min(np.abs(np.array(expected) - weights[0])), 1e-6)

  def test_shift_by_hand(self):
    # 1/2 - g = (0.6, 0.2); minus its minimum plus 1/2: (0.9, 0.5).
    raw = reweight.shift(jnp.array([-0.1, 0.3]), 1.0)
    np.testing.assert_allclose(raw, [0.9, 0.5], rtol=1e-6)

  def test_shift_of_equal_gradients_is_uniform(self):
    raw = reweight.shift(jnp.full(5, 0.7), 3.0)
    np.testing.assert_allclose(reweight.normalize(raw), [0.2] * 5, rtol=1e-4)


if __name__ == "__main__":
  absltest.main()
