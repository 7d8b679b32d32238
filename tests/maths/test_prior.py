"""Class priors in training and after it, by hand."""

from absl.testing import absltest
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.maths import prior

# Of two images; classes were 60, 30 and 10 % of the training labels.
P = np.array([[0.6, 0.3, 0.1], [0.8, 0.1, 0.1]], np.float32)
SHARE = np.array([0.6, 0.3, 0.1], np.float32)


class PriorTest(absltest.TestCase):
  def adjusted(self, wanted, share=SHARE):
    logits = jnp.log(P) + 7  # A constant changes no softmax.
    return jax.nn.softmax(
      prior.adjust(logits, jnp.array(share), jnp.array(wanted, jnp.float32))
    )

  def test_uniform_by_hand(self):
    """.8/.6 : .1/.3 : .1/.1 = 4 : 1 : 3."""
    np.testing.assert_allclose(
      self.adjusted([1, 1, 1]),
      [[1 / 3, 1 / 3, 1 / 3], [4 / 8, 1 / 8, 3 / 8]],
      rtol=1e-5,
    )

  def test_another_prior_by_hand(self):
    """4 : 1 : 3 times 1 : 4 : 0; counts are as good as shares."""
    found = self.adjusted([10, 40, 0], 100 * SHARE)
    np.testing.assert_allclose(found[1], [0.5, 0.5, 0], atol=1e-5)

  def test_shares_of_training_change_nothing(self):
    np.testing.assert_allclose(self.adjusted(SHARE), P, rtol=1e-5)

  def test_one_share_a_class(self):
    with self.assertRaisesRegex(
      InputError, r"prior is float32 \[2\]; expected"
    ):
      self.adjusted([1, 1])

  def test_of_a_sum_with_the_offset_is_the_balanced_softmax(self):
    """share_c e^z_c, normalised: .6 x .6 : .3 x .3 : .1 x .1 = 36 : 9 : 1."""
    logits, share = jnp.log(P), jnp.array(SHARE)
    found = jax.nn.softmax(logits + prior.offset(share, 1.0))
    np.testing.assert_allclose(found[0], np.array([36, 9, 1]) / 46, rtol=1e-5)
    np.testing.assert_array_equal(prior.offset(share, 0.0), jnp.zeros(3))

  def test_margins_go_with_the_fourth_root(self):
    share = jnp.array([16.0, 1.0, 81.0]) / 98
    np.testing.assert_allclose(
      prior.margins(share, 6.0), [3.0, 6.0, 2.0], rtol=1e-6
    )

  def test_tau_normalized_by_hand(self):
    """Columns of the lengths 5, 1 and 0."""
    kernel = jnp.array([[3.0, 0.0, 0.0], [4.0, 1.0, 0.0]])
    for tau, by in ((0.0, 1.0), (0.5, 5**0.5), (1.0, 5.0)):
      np.testing.assert_allclose(
        prior.tau_normalized(kernel, tau),
        kernel / jnp.array([by, 1, 1]),
        rtol=1e-6,
      )

  def test_adjusting_after_training_undoes_it(self):
    """In both places 1 takes all of the shares out."""
    logits, share = jnp.log(P), jnp.array(SHARE)
    again = prior.adjust(logits + prior.offset(share, 1.0), share, jnp.ones(3))
    np.testing.assert_allclose(again, logits, rtol=1e-5, atol=1e-6)


if __name__ == "__main__":
  absltest.main()
