"""Remix: by hand, and against its definition on every pair."""

from absl.testing import absltest, parameterized
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
