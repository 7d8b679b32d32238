"""Losses of the baselines: by hand, in their limits, and their gradients."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import losses

B, C = 5, 4
# Softmax of (log 3, 0) is (3/4, 1/4).
LOGITS = np.array([[np.log(3.0), 0.0]])
FIRST, SECOND = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
# Of the true class 0, 80 % keep their label; of class 1 all do.
TRANSITION = np.array([[0.8, 0.2], [0.0, 1.0]])
MARGIN = jnp.array([0.5, 0.0, 3.0, 1.0])
# Rows of logits whose softmax is exactly 0 and 1 in any precision.
EXTREME = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [0.0, 0.0, -1e4]])


def problem(seed=0):
  """(logits, soft targets, transition) of B samples and C classes, float64."""
  rng = np.random.default_rng(seed)
  return (
    2 * rng.normal(size=(B, C)),
    rng.dirichlet(np.ones(C), size=B),
    rng.dirichlet(np.ones(C), size=C),
  )


def family(transition=None):
  """name -> loss(logits, target), every loss with typical constants."""
  return {
    "focal_0.5": lambda z, y: losses.focal(z, y, 0.5),
    "focal_1": lambda z, y: losses.focal(z, y, 1.0),
    "focal_2": lambda z, y: losses.focal(z, y, 2.0),
    "gce_0.7": lambda z, y: losses.generalized_cross_entropy(z, y, 0.7),
    "gce_1": lambda z, y: losses.generalized_cross_entropy(z, y, 1.0),
    "ldam": lambda z, y: losses.label_distribution_aware(
      z, y, MARGIN[: z.shape[-1]]
    ),
    "forward": lambda z, y: losses.forward_corrected(z, y, transition),
    "elr": losses.early_learning,
  }


def slope(loss, logits):
  """Gradient of the sum of the losses, [B, C]."""
  return jax.jit(jax.grad(lambda z: loss(z).sum()))(jnp.array(logits))


NAMES = tuple(family())
LINEAR = tuple(name for name in NAMES if name != "elr")


class ByHandTest(parameterized.TestCase):
  @parameterized.parameters(
    (FIRST, 2.0, np.log(4 / 3) / 16),
    (SECOND, 2.0, np.log(4) * 9 / 16),
    (SECOND, 0.5, np.log(4) * np.sqrt(3 / 4)),
    # MixUp: half of both.
    ((FIRST + SECOND) / 2, 1.0, np.log(4 / 3) / 8 + np.log(4) * 3 / 8),
  )
  def test_focal(self, target, gamma, expected):
    value = losses.focal(LOGITS, target, gamma)
    np.testing.assert_allclose(value, [expected], rtol=1e-5)

  @parameterized.parameters(
    (FIRST, 0.5, 2 * (1 - np.sqrt(3 / 4))),
    (SECOND, 0.5, 1.0),
    ((FIRST + SECOND) / 2, 0.5, 2 - np.sqrt(3 / 4) - 0.5),
    (SECOND, 1.0, 3 / 4),
  )
  def test_generalized_cross_entropy(self, target, q, expected):
    value = losses.generalized_cross_entropy(LOGITS, target, q)
    np.testing.assert_allclose(value, [expected], rtol=1e-5)

  @parameterized.parameters(
    # Odds of 3 : 1 over e^m = 6; of 1 : 3 over 2.
    (FIRST, np.log(1 + 6 / 3)),
    (SECOND, np.log(1 + 2 * 3)),
    ((FIRST + SECOND) / 2, np.log(3 * 7) / 2),
  )
  def test_label_distribution_aware(self, target, expected):
    margin = jnp.log(jnp.array([6.0, 2.0]))
    value = losses.label_distribution_aware(LOGITS, target, margin)
    np.testing.assert_allclose(value, [expected], rtol=1e-5)

  @parameterized.parameters(
    # p^T T = (0.6, 0.4).
    (FIRST, -np.log(0.6)),
    (SECOND, -np.log(0.4)),
    ((FIRST + SECOND) / 2, -np.log(0.6 * 0.4) / 2),
  )
  def test_forward_corrected(self, target, expected):
    value = losses.forward_corrected(LOGITS, target, TRANSITION)
    np.testing.assert_allclose(value, [expected], rtol=1e-5)

  @parameterized.parameters(
    ([0.5, 0.5], np.log(1 / 2)),
    ([1.0, 0.0], np.log(1 / 4)),
    # 0.3 of the first prediction: an average begun at zero.
    ([0.225, 0.075], np.log(1 - 0.225 * 0.75 - 0.075 * 0.25)),
    ([0.0, 0.0], 0.0),
  )
  def test_early_learning(self, average, expected):
    value = losses.early_learning(LOGITS, np.array([average]))
    np.testing.assert_allclose(value, [expected], rtol=1e-5)


class LimitsTest(parameterized.TestCase):
  def test_focal_without_focus_is_cross_entropy(self):
    logits, target, _ = problem()
    np.testing.assert_allclose(
      losses.focal(logits, target, 0.0),
      losses.cross_entropy(logits, target),
      rtol=1e-5,
    )

  def test_small_q_is_cross_entropy(self):
    logits, target, _ = problem()
    np.testing.assert_allclose(
      losses.generalized_cross_entropy(logits, target, 1e-7),
      losses.cross_entropy(logits, target),
      rtol=1e-5,
    )

  def test_q_of_1_is_half_the_absolute_error(self):
    logits, _, _ = problem()
    target = np.eye(C)[[0, 1, 2, 3, 0]]
    error = np.abs(target - jax.nn.softmax(jnp.array(logits))).sum(-1)
    np.testing.assert_allclose(
      losses.generalized_cross_entropy(logits, target, 1.0),
      error / 2,
      rtol=1e-5,
    )

  def test_no_noise_is_cross_entropy(self):
    logits, target, _ = problem()
    # Also where probabilities are too small for float32.
    for scale in (1, 1000):
      np.testing.assert_allclose(
        losses.forward_corrected(scale * logits, target, np.eye(C)),
        losses.cross_entropy(scale * logits, target),
        rtol=1e-5,
      )

  def test_labels_that_say_nothing_cost_log_c(self):
    logits, target, _ = problem()
    uniform = np.full((C, C), 1 / C)
    loss = lambda z: losses.forward_corrected(z, target, uniform)
    np.testing.assert_allclose(loss(logits), np.log(C), rtol=1e-5)
    np.testing.assert_allclose(slope(loss, logits), 0, atol=1e-6)

  def test_flipped_labels_are_flipped_back(self):
    logits, target, _ = problem()
    flip = np.eye(C)[::-1]
    np.testing.assert_allclose(
      losses.forward_corrected(logits, target, flip),
      losses.cross_entropy(logits, target[:, ::-1]),
      rtol=1e-5,
    )

  def test_a_label_that_is_never_given_costs_nothing(self):
    """Label smoothing puts a share of the target there."""
    never = np.array([[0.7, 0.3, 0.0], [0.1, 0.9, 0.0], [0.5, 0.5, 0.0]])
    logits = np.array([[1.0, 2.0, 3.0]])
    f = lambda y: losses.forward_corrected(logits, y, never)
    smoothed = np.array([[0.9, 0.05, 0.05]])
    np.testing.assert_allclose(f(smoothed), f(smoothed * [1, 1, 0]), rtol=1e-6)
    gradient = slope(
      lambda z: losses.forward_corrected(z, np.eye(3)[[2]], never), logits
    )
    np.testing.assert_allclose(gradient, 0, atol=1e-6)

  @parameterized.parameters(*LINEAR)
  def test_linear_in_the_target(self, name):
    """So MixUp and class weights may act on the target."""
    logits, _, transition = problem()
    loss = family(transition)[name]
    a, b = np.eye(C)[[0, 1, 2, 3, 0]], np.eye(C)[[3, 3, 1, 0, 0]]
    np.testing.assert_allclose(
      loss(logits, 0.7 * a + 1.9 * b),
      0.7 * loss(logits, a) + 1.9 * loss(logits, b),
      rtol=1e-5,
    )


class GradientsTest(parameterized.TestCase):
  @parameterized.parameters(*NAMES)
  def test_finite_differences(self, name):
    logits, target, transition = problem()
    transition[0], transition[:, 1] = [0.0, 0.0, 0.4, 0.6], 0.0
    step = 1e-6
    moves = step * np.eye(B * C).reshape(B * C, B, C)
    around = np.concatenate([[logits], logits + moves, logits - moves])
    with jax.enable_x64(True):
      loss = family(transition)[name]
      value, gradient = jax.jit(
        jax.vmap(jax.value_and_grad(lambda z: loss(z, target).sum()))
      )(around)
    above, below = np.split(np.asarray(value)[1:], 2)
    np.testing.assert_allclose(
      gradient[0],
      ((above - below) / (2 * step)).reshape(B, C),
      rtol=1e-6,
      atol=1e-8,
    )

  @parameterized.product(name=NAMES, transition=("none", "zeros", "tiny"))
  def test_extreme_logits_stay_finite(self, name, transition):
    matrix = {
      "none": np.eye(3),
      # The third label is never given.
      "zeros": np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
      # Below what float32 holds in full precision.
      "tiny": np.array([[1.0, 1e-44, 0.0], [0.0, 1.0, 1e-44], [0, 0, 1.0]]),
    }[transition]
    loss = family(jnp.array(matrix, jnp.float32))[name]
    # Every row with every label.
    logits = np.repeat(EXTREME, 3, axis=0).astype(np.float32)
    target = np.tile(np.eye(3, dtype=np.float32), (3, 1))
    total, gradient = jax.jit(
      jax.value_and_grad(lambda z: loss(z, target).sum())
    )(logits)
    self.assertTrue(np.isfinite(total))
    self.assertTrue(np.all(np.isfinite(gradient)))

  def test_focal_at_a_certain_prediction(self):
    """(1 - p)^gamma has no finite slope at p = 1 where gamma < 1."""
    for gamma in (0.0, 0.1, 0.5, 1.0, 2.0):
      loss = lambda z, g=gamma: losses.focal(z, FIRST, g)
      certain = np.array([[200.0, 0.0]])
      np.testing.assert_array_equal(loss(certain), 0)
      np.testing.assert_array_equal(slope(loss, certain), 0)

  def test_forward_correction_pulls_where_p_underflows(self):
    gradient = slope(
      lambda z: losses.forward_corrected(z, SECOND, np.eye(2)),
      [[200.0, 0.0]],
    )
    np.testing.assert_allclose(gradient, [[1.0, -1.0]])

  def test_early_learning_is_bounded_and_pulls_to_the_average(self):
    certain = jnp.array([[1e4, 0.0]])
    value = losses.early_learning(certain, jnp.array(FIRST))
    np.testing.assert_allclose(value, [np.log(1e-4)], rtol=1e-3)
    gradient = slope(lambda z: losses.early_learning(z, SECOND), LOGITS)
    # Descent raises the logit of the class that was predicted before.
    self.assertGreater(gradient[0, 0], 0)
    self.assertLess(gradient[0, 1], 0)

  def test_the_average_is_not_differentiated(self):
    gradient = slope(lambda t: losses.early_learning(LOGITS, t), FIRST)
    np.testing.assert_array_equal(gradient, 0)

  def test_generalized_cross_entropy_bounds_the_pull_of_a_wrong_label(self):
    """Its gradient is p^q times that of cross entropy."""
    robust = slope(
      lambda z: losses.generalized_cross_entropy(z, SECOND, 0.7), LOGITS
    )
    plain = slope(lambda z: losses.cross_entropy(z, SECOND), LOGITS)
    np.testing.assert_allclose(robust, 0.25**0.7 * plain, rtol=1e-5)


if __name__ == "__main__":
  absltest.main()
