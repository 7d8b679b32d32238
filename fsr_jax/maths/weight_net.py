"""Meta-Weight-Net: a sample's weight as a learned function of its loss."""

import jax
import jax.numpy as jnp

from fsr_jax.maths import collectives
from fsr_jax.maths.checks import expect
from fsr_jax.maths.collectives import Tree


def init(key: jax.Array, width: int = 100) -> Tree:
  """Parameters of a net 1 - width - 1.

  Args:
    key: typed PRNG key.
    width: hidden units.

  Returns:
    Pytree of float32: {"hidden", "out"} of {"kernel", "bias"}, all uniform in
    +-1/sqrt(inputs).

  Source: Shu et al., NeurIPS 2019: one hidden layer of 100; the distribution
  is that of their code.
  """

  def dense(key, inputs, outputs):
    # Losses are >= 0: with biases of 0 half of the hidden units would be off
    # for every loss, and for ever, and the others linear.
    bound = inputs**-0.5
    kernel, bias = (
      jax.random.uniform(k, shape, jnp.float32, -bound, bound)
      for k, shape in zip(
        jax.random.split(key), ((inputs, outputs), (outputs,))
      )
    )
    return {"kernel": kernel, "bias": bias}

  hidden_key, out_key = jax.random.split(key)
  return {
    "hidden": dense(hidden_key, 1, width),
    "out": dense(out_key, width, 1),
  }


def value(params: Tree, loss: jax.Array) -> jax.Array:
  """V(l) = sigmoid(W2 relu(W1 l + b1) + b2).

  Args:
    params: from `init`.
    loss: float [B], nats; not differentiated.

  Returns:
    float [B], in 0-1, not normalised.

  Source: Shu et al., NeurIPS 2019, section 2.
  """
  expect(loss=(loss, "float B"))
  hidden, out = params["hidden"], params["out"]
  x = jax.lax.stop_gradient(loss)[:, None]
  x = jax.nn.relu(x @ hidden["kernel"] + hidden["bias"])
  return jax.nn.sigmoid((x @ out["kernel"] + out["bias"])[:, 0])


def gradient(params: Tree, loss: jax.Array, weight_gradient: jax.Array) -> Tree:
  """Gradient of the reward loss for the net: sum_i g_i dV_i/dphi / B.

  The look-ahead weighs sample i with omega_i = V_i / B, so the chain rule
  carries g, the gradient for omega, on to the net.

  Args:
    params: phi.
    loss: float [b], at the parameters that the look-ahead starts from, nats.
    weight_gradient: g float [b], of the reward loss after that look-ahead for
      omega, its -eta included: from `reweight.weight_gradient`.

  Returns:
    Pytree like params, the same on every device.

  Source: Shu et al., NeurIPS 2019, eqs. 3 and 4; not normalised, as in their
  code.
  """
  expect(loss=(loss, "float B"), weight_gradient=(weight_gradient, "float B"))
  _, pull_back = jax.vjp(lambda phi: value(phi, loss), params)
  batch_size = collectives.global_size(weight_gradient)
  return collectives.psum(pull_back(weight_gradient / batch_size)[0])
