"""MixUp, un-mixing and Remix: by hand, and against their definitions."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import mixup

COUNT = np.array([300, 100, 101, 5])


def definition(share, n_i, n_j, kappa, tau=0.5):
  """Share of i's label, for i's share of the image in 0-1."""
  if n_i >= kappa * n_j and share < tau:
    return 0.0
  if kappa * n_i <= n_j and 1 - share < tau:
    return 1.0
  return share


class MixupTest(absltest.TestCase):
  def test_partner_is_the_neighbour(self):
    np.testing.assert_array_equal(mixup.partner(4), [1, 0, 3, 2])
    np.testing.assert_array_equal(mixup.partner(5), [1, 0, 3, 2, 0])

  def test_mix_by_hand(self):
    x = jnp.array([[0.0], [10.0]])
    mixed = mixup.mix(x, jnp.array([0.5, 0.75]))
    np.testing.assert_allclose(mixed, [[5.0], [7.5]])

  def test_coefficients_keep_the_sample_dominant(self):
    coefficient = mixup.coefficients(
      jax.random.uniform(jax.random.key(0), (20000,))
    )
    self.assertGreaterEqual(coefficient.min(), 0.5)
    # E[1 - u^2/2] = 5/6.
    self.assertAlmostEqual(float(coefficient.mean()), 5 / 6, delta=0.005)


class UnmixTest(parameterized.TestCase):
  def test_solvable_by_hand(self):
    # Foreign shares of a sum of 1, 0.4, 0.6, and one without a pair.
    u = jnp.sqrt(jnp.array([1.0, 1.0, 0.2, 0.6, 1.0, 0.2, 0.8]))
    got = mixup.solvable_coefficients(u)
    np.testing.assert_allclose(
      got, [0.75, 0.75, 0.9, 0.7, 1 - 5 / 12, 1 - 1 / 12, 1.0], rtol=1e-6
    )

  def test_solvable_bounds_the_foreign_shares_of_a_pair(self):
    u = jax.random.uniform(jax.random.key(0), (1000,))
    given = mixup.coefficients(u)
    got = mixup.solvable_coefficients(u)
    self.assertGreaterEqual(got.min(), 0.5)
    self.assertLessEqual(got.max(), 1)
    self.assertTrue(np.all(got >= given - 1e-6))
    foreign = (1 - got).reshape(-1, 2)
    self.assertLessEqual(foreign.sum(1).max(), 0.5 + 1e-6)
    # Within a pair their ratio stays.
    before = np.array(1 - given).reshape(-1, 2)
    np.testing.assert_allclose(
      foreign[:, 0] * before[:, 1],
      foreign[:, 1] * before[:, 0],
      atol=1e-6,
    )
    small = before.sum(1) <= 0.5
    self.assertTrue(0 < small.sum() < 500)
    np.testing.assert_allclose(foreign[small], before[small], atol=1e-6)

  def test_unmix_by_hand(self):
    # 3/4 * 8 = 6 and 1/4 * 8 = 2; the second pair has one image un-mixed.
    mixed = jnp.array([[6.0], [2.0], [8.0], [5.0]])
    np.testing.assert_allclose(
      mixup.unmix(mixed, jnp.array([0.75, 0.75, 1.0, 0.75])),
      [[8.0], [0.0], [8.0], [4.0]],
      atol=1e-6,
    )

  @parameterized.product(
    shape=[(6,), (7, 3), (8, 2, 2, 3), (1, 2)], dtype=["float32", "bfloat16"]
  )
  def test_undoes_mix(self, shape, dtype):
    keys = jax.random.split(jax.random.key(0))
    x = jax.random.normal(keys[0], shape).astype(dtype)
    u = jax.random.uniform(keys[1], shape[:1])
    c = mixup.solvable_coefficients(u)
    mixed = mixup.mix(x, c)
    got = mixup.unmix(mixed, c)
    self.assertEqual((mixed.dtype, got.dtype), (x.dtype, x.dtype))
    tolerance = 1e-5 if dtype == "float32" else 0.05
    np.testing.assert_allclose(
      np.array(got, np.float32),
      np.array(x, np.float32),
      rtol=tolerance,
      atol=tolerance,
    )
    if shape[0] % 2:  # The pair of nobody.
      np.testing.assert_array_equal(mixed[-1], x[-1])

  def test_exact_for_what_is_linear_in_the_image(self):
    keys = jax.random.split(jax.random.key(1), 3)
    image = jax.random.normal(keys[0], (10, 5))
    kernel = jax.random.normal(keys[1], (5, 3))
    u = jax.random.uniform(keys[2], (10,))
    c = mixup.solvable_coefficients(u)
    # A bias cancels: the shares sum to 1.
    estimate = mixup.unmix(mixup.mix(image, c) @ kernel + 7, c)
    np.testing.assert_allclose(estimate, image @ kernel + 7, rtol=1e-4)

  @parameterized.parameters(
    ([1.0, 0.8], [[1.0, 0.0], [-0.25, 1.25]]),
    ([0.75, 0.75], [[1.5, -0.5], [-0.5, 1.5]]),
  )
  def test_gradients_of_the_estimates(self, c, expected):
    jacobian = jax.jacobian(lambda x: mixup.unmix(x, jnp.array(c)))
    np.testing.assert_allclose(
      jacobian(jnp.array([2.0, 3.0])), expected, rtol=1e-6
    )


class RemixTest(parameterized.TestCase):
  def test_by_hand(self):
    # Pairs: (300, 100), exactly 3 times; (300, 101), less; (5, 5).
    label = jnp.array([0, 1, 0, 2, 3, 3])
    coefficient = jnp.array([0.6, 0.7, 0.8, 0.9, 0.55, 0.65])
    np.testing.assert_allclose(
      mixup.remix_coefficients(coefficient, label, jnp.array(COUNT), 3.0),
      [0.6, 1.0, 0.8, 0.9, 0.55, 0.65],
      rtol=1e-6,
    )

  def test_ratio_of_1_gives_the_smaller_class_everything(self):
    label = jnp.array([0, 1, 3, 2])
    coefficient = jnp.full(4, 0.75)
    np.testing.assert_array_equal(
      mixup.remix_coefficients(coefficient, label, jnp.array(COUNT), 1.0),
      [0.75, 1.0, 1.0, 0.75],
    )

  @parameterized.parameters(1.0, 3.0, 50.0)
  def test_is_remix_whichever_sample_the_pair_is_named_after(self, kappa):
    """lambda in 0-1 of i is lambda >= 1/2 of whoever has more of the image."""
    rng = np.random.default_rng(0)
    i, j = rng.integers(4, size=(2, 200))
    share = rng.uniform(size=200)  # Of i; Remix's own convention.
    expected = [
      definition(s, COUNT[a], COUNT[b], kappa) for s, a, b in zip(share, i, j)
    ]
    owner, other = np.where(share > 0.5, (i, j), (j, i))
    got = mixup.remix_coefficients(
      # Rows 0, 2, ... are the owners, the others their partners.
      jnp.array(np.repeat(np.maximum(share, 1 - share), 2)),
      jnp.array(np.stack([owner, other], -1).ravel()),
      jnp.array(COUNT),
      kappa,
    )[::2]
    of_i = np.where(share > 0.5, got, 1 - got)
    np.testing.assert_allclose(of_i, expected, atol=1e-6)

  def test_the_last_of_an_odd_batch_has_the_first_as_partner(self):
    got = mixup.remix_coefficients(
      jnp.full(3, 0.75), jnp.array([0, 0, 3]), jnp.array(COUNT), 3.0
    )
    np.testing.assert_array_equal(got, [0.75, 0.75, 1.0])


if __name__ == "__main__":
  absltest.main()
