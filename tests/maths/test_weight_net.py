"""The weight net: its form, and its gradient against the definition."""

from absl.testing import absltest
import jax
from jax.flatten_util import ravel_pytree
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import losses, reweight, weight_net
from fsr_jax.maths.collectives import AXIS

B, Q, F, C, ETA, WIDTH = 6, 5, 4, 3, 0.3, 8


def problem(seed=0):
  """(train_losses, reward_losses, theta, phi), float64, a linear model."""
  rng = np.random.default_rng(seed)
  features, rewards = rng.normal(size=(B, F)), rng.normal(size=(Q, F))
  target = rng.dirichlet(np.ones(C), size=B)
  reward_target = np.eye(C)[rng.integers(C, size=Q)]
  train = lambda p: losses.cross_entropy(features @ p, target)
  reward = lambda p: losses.cross_entropy(rewards @ p, reward_target)
  phi = jax.tree.map(
    lambda leaf: jnp.array(leaf, jnp.float64),
    weight_net.init(jax.random.key(seed), WIDTH),
  )
  return train, reward, jnp.array(rng.normal(size=(F, C))), phi


def reward_after_lookahead(phi, train, reward, theta):
  """Mean reward loss after theta - eta grad sum_i V_i l_i / B."""
  weights = weight_net.value(phi, train(theta)) / B
  step = jax.grad(lambda p: jnp.sum(weights * train(p)))(theta)
  return jnp.mean(reward(theta - ETA * step))


def production(phi, train, reward, theta):
  """The same gradient from its factors, as the training step has them."""
  loss = train(theta)
  factor = weight_net.value(phi, loss)
  ahead = reweight.lookahead(lambda p: factor * train(p), theta, ETA)
  _, v = reweight.reward_gradient(reward, ahead)
  g = reweight.weight_gradient(train, theta, v, ETA)
  return weight_net.gradient(phi, loss, g)


class WeightsTest(absltest.TestCase):
  def test_by_hand(self):
    phi = {
      "hidden": {
        "kernel": jnp.array([[1.0, -1.0]]),
        "bias": jnp.array([-1.0, 2.0]),
      },
      "out": {"kernel": jnp.array([[2.0], [1.0]]), "bias": jnp.array([0.5])},
    }
    # relu(l - 1, 2 - l) = (0, 1.5), (0, 1), (2, 0); out = 2, 1.5, 4.5.
    np.testing.assert_allclose(
      weight_net.value(phi, jnp.array([0.5, 1.0, 3.0])),
      1 / (1 + np.exp([-2.0, -1.5, -4.5])),
      rtol=1e-6,
    )

  def test_in_0_to_1_for_any_loss(self):
    phi = weight_net.init(jax.random.key(0))
    weights = weight_net.value(phi, jnp.array([0.0, 1e-8, 2.3, 1e4]))
    self.assertTrue(np.all((weights >= 0) & (weights <= 1)))

  def test_sizes(self):
    shapes = jax.tree.map(jnp.shape, weight_net.init(jax.random.key(0)))
    self.assertEqual(
      shapes,
      {
        "hidden": {"kernel": (1, 100), "bias": (100,)},
        "out": {"kernel": (100, 1), "bias": (1,)},
      },
    )

  def test_units_bend_at_losses_that_occur(self):
    """Else the net would begin as the sigmoid of a line, and stay it."""
    hidden = weight_net.init(jax.random.key(0))["hidden"]
    bend = -hidden["bias"] / hidden["kernel"][0]
    self.assertGreater(np.mean((bend > 0) & (bend < 3)), 0.25)
    on = jnp.array([0.0, 5.0])[:, None] * hidden["kernel"] + hidden["bias"] > 0
    self.assertGreater(np.mean(jnp.any(on, axis=0)), 0.6)

  def test_losses_are_inputs_only(self):
    phi = weight_net.init(jax.random.key(0))
    gradient = jax.grad(lambda loss: weight_net.value(phi, loss).sum())
    np.testing.assert_array_equal(gradient(jnp.arange(3.0)), 0)


class GradientTest(absltest.TestCase):
  def test_definition(self):
    """jax.grad through the look-ahead of a linear model."""
    with jax.enable_x64(True):
      for seed in range(2):
        train, reward, theta, phi = problem(seed)
        expected, got = jax.jit(
          lambda phi, p=(train, reward, theta): (
            jax.grad(reward_after_lookahead)(phi, *p),
            production(phi, *p),
          )
        )(phi)
        jax.tree.map(
          lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-15),
          got,
          expected,
        )
        size = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(got))
        self.assertGreater(size, 1e-4)

  def test_finite_differences(self):
    step = 1e-6
    with jax.enable_x64(True):
      train, reward, theta, phi = problem()
      got = jax.jit(lambda phi: production(phi, train, reward, theta))(phi)
      flat, unflatten = ravel_pytree(phi)
      value = jax.jit(
        jax.vmap(
          lambda phi: reward_after_lookahead(
            unflatten(phi), train, reward, theta
          )
        )
      )
      moves = step * jnp.eye(flat.size)
      expected = (value(flat + moves) - value(flat - moves)) / (2 * step)
      got = ravel_pytree(got)[0]
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)

  def test_devices_sum_their_parts_of_a_batch(self):
    phi = weight_net.init(jax.random.key(0))
    loss, g = np.arange(6) / 2, np.linspace(-1, 1, 6)
    whole = jax.jit(weight_net.gradient)(phi, loss, g)
    shared = jax.pmap(
      weight_net.gradient, axis_name=AXIS, in_axes=(None, 0, 0)
    )(phi, loss.reshape(2, 3), g.reshape(2, 3))
    for device in range(2):
      jax.tree.map(
        lambda a, b, d=device: np.testing.assert_allclose(
          a[d], b, rtol=1e-5, atol=1e-8
        ),
        shared,
        whole,
      )

  def test_a_sample_that_helps_gains_weight(self):
    """Descent on phi raises V where g < 0 and lowers it where g > 0."""
    phi, loss = weight_net.init(jax.random.key(0)), jnp.array([2.0])

    @jax.jit
    def change(g):
      gradient = weight_net.gradient(phi, loss, g)
      moved = jax.tree.map(lambda p, d: p - 0.01 * d, phi, gradient)
      return weight_net.value(moved, loss) - weight_net.value(phi, loss)

    self.assertGreater(change(jnp.array([-1.0])), 0)
    self.assertLess(change(jnp.array([1.0])), 0)


if __name__ == "__main__":
  absltest.main()
