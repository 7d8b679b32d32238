"""Transition matrices: counted, and estimated from anchors."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import transition


class KnownTest(absltest.TestCase):
  def test_by_hand(self):
    clean = np.array([0, 0, 0, 0, 1, 1], np.int32)
    label = np.array([0, 0, 0, 1, 2, 1], np.int32)
    matrix = transition.known(clean, label, 4)
    np.testing.assert_array_equal(
      matrix,
      [[0.75, 0.25, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    )
    self.assertEqual(matrix.dtype, jnp.float32)

  def test_clean_labels_are_the_identity(self):
    label = jnp.arange(30) % 5
    np.testing.assert_array_equal(transition.known(label, label, 5), np.eye(5))


class EstimateTest(parameterized.TestCase):
  @parameterized.parameters(
    # Of 5 samples and a class of 10: the largest, 0.2 * 10 = the third,
    # 0.15 * 10 rounded down.
    (0.0, [[0.9, 0.1], [0.1, 0.9]]),
    (0.2, [[0.5, 0.5], [0.5, 0.5]]),
    (0.15, [[0.7, 0.3], [0.3, 0.7]]),
    # More than there are: the smallest.
    (1.0, [[0.1, 0.9], [0.9, 0.1]]),
  )
  def test_by_hand(self, top_share, expected):
    first = np.array([0.3, 0.9, 0.5, 0.1, 0.7])
    probabilities = np.stack([first, 1 - first], -1).astype(np.float32)
    np.testing.assert_allclose(
      transition.estimate(
        jnp.array(probabilities), jnp.array([10, 10]), top_share
      ),
      expected,
      rtol=1e-6,
    )

  def test_rows_sum_to_1(self):
    rng = np.random.default_rng(0)
    # Averages of few predictions need not: they are normalised.
    probabilities = rng.dirichlet(np.ones(6), size=60) * 0.4
    matrix = transition.estimate(
      jnp.array(probabilities, jnp.float32), jnp.full(6, 10)
    )
    np.testing.assert_allclose(matrix.sum(-1), 1, rtol=1e-6)
    self.assertEqual(matrix.dtype, jnp.float32)

  @parameterized.parameters(0.0, 0.5, 1.0)
  def test_samples_never_seen_are_not_chosen(self, top_share):
    rng = np.random.default_rng(0)
    seen = rng.dirichlet(np.ones(3), size=20).astype(np.float32)
    unseen = np.zeros((500, 3), np.float32)
    mixed = rng.permutation(np.concatenate([seen, unseen]))
    count = jnp.array([60, 60, 400])
    np.testing.assert_array_equal(
      transition.estimate(jnp.array(mixed), count, top_share),
      transition.estimate(jnp.array(seen), count, top_share),
    )

  def test_recovers_the_noise_of_a_perfect_network(self):
    """Theorem 3: sure of the true class, it predicts that class's noise."""
    rng = np.random.default_rng(0)
    noise = rng.dirichlet(np.ones(4), size=4) * 0.4 + 0.6 * np.eye(4)
    true_class = rng.permutation(np.arange(400) % 4)
    matrix = jax.jit(transition.estimate)(
      jnp.array(noise[true_class], jnp.float32), jnp.full(4, 100)
    )
    np.testing.assert_allclose(matrix, noise, rtol=1e-5)

  def test_a_small_class_finds_an_anchor_of_its_own(self):
    """1 % of the samples, below the 3 % of a common quantile of 0.97."""
    noise = 0.9 * np.eye(3) + 0.1 * np.roll(np.eye(3), 1, axis=1)
    true_class = np.concatenate([np.zeros(99), np.ones(99), [2, 2]])
    probabilities = jnp.array(noise[true_class.astype(int)], jnp.float32)
    np.testing.assert_allclose(
      transition.estimate(probabilities, jnp.array([99, 99, 2])),
      noise,
      rtol=1e-5,
    )


if __name__ == "__main__":
  absltest.main()
