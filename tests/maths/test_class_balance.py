"""Class weights: by hand, in their limits, and close to beta = 1."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import class_balance

COUNT = np.array([1, 10, 500, 5000])


def expected(count, beta):
  """In float64, normalised to a mean of 1."""
  weight = (1 - beta) / -np.expm1(count * np.log(beta))
  return weight / weight.mean()


class EffectiveNumberTest(parameterized.TestCase):
  def test_by_hand(self):
    # E_1 = 1, E_2 = 3/2, E_3 = 7/4: weights 1, 2/3, 4/7, of sum 47/21.
    np.testing.assert_allclose(
      class_balance.effective_number_factors(jnp.array([1, 2, 3]), 0.5),
      np.array([21, 14, 12]) * 3 / 47,
      rtol=1e-6,
    )

  def test_beta_0_weighs_all_classes_the_same(self):
    np.testing.assert_array_equal(
      class_balance.effective_number_factors(jnp.array(COUNT), 0.0),
      np.ones(4),
    )

  # 1 - 1e-9 is 1 in float32.
  @parameterized.parameters(0.9, 0.9999, 1 - 1e-6, 1 - 1e-9)
  def test_close_to_1(self, beta):
    np.testing.assert_allclose(
      class_balance.effective_number_factors(jnp.array(COUNT), beta),
      expected(COUNT, beta),
      rtol=1e-5,
    )

  def test_towards_1_it_is_the_inverse_of_the_count(self):
    weight = class_balance.effective_number_factors(jnp.array(COUNT), 1 - 1e-12)
    np.testing.assert_allclose(
      weight, 1 / COUNT / np.mean(1 / COUNT), rtol=1e-5
    )

  def test_equal_classes_have_weight_1(self):
    np.testing.assert_allclose(
      class_balance.effective_number_factors(jnp.full(7, 123), 0.9999),
      np.ones(7),
      rtol=1e-6,
    )

  @parameterized.parameters(0.0, 0.9999, 1 - 1e-9)
  def test_an_empty_class_does_not_count(self, beta):
    count = np.array([10, 0, 500])
    weight = class_balance.effective_number_factors(jnp.array(count), beta)
    members = class_balance.effective_number_factors(
      jnp.array(count[[0, 2]]), beta
    )
    np.testing.assert_array_equal(weight[1], 0)
    np.testing.assert_allclose(weight[jnp.array([0, 2])], members, rtol=1e-6)

  def test_compiles(self):
    weight = jax.jit(class_balance.effective_number_factors, static_argnums=1)
    np.testing.assert_allclose(
      weight(jnp.array(COUNT), 0.9999), expected(COUNT, 0.9999), rtol=1e-5
    )


if __name__ == "__main__":
  absltest.main()
