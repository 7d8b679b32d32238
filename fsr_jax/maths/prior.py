"""Class priors: logits as if the shares of the classes were others."""

import jax
import jax.numpy as jnp

from fsr_jax.maths.checks import expect
from fsr_jax.maths.collectives import Array


def adjust(logits: Array, train_share: Array, prior: Array) -> jax.Array:
  """Logits where the class shares are `prior` and not those of training.

  Their softmax is p_c prior_c / train_share_c, normalised: Bayes' rule with
  the training shares taken out of the predictions and `prior` put in.

  Args:
    logits: float [B, C].
    train_share: float [C], shares of the classes in the given labels of the
      training set, above 0; counts will do, as a factor changes no softmax.
    prior: float [C], shares of the classes where the network is used, or
      counts; of a class of share 0 the logit falls by 87, which keeps it
      finite and the class as good as never predicted.

  Returns:
    float [B, C].

  Source: Saerens et al., Neural Computation 2002, eq. 2.4; with a uniform
  prior the post-hoc logit adjustment of Menon et al., ICLR 2021, eq. 9 (tau 1).
  """
  expect(
    logits=(logits, "float B C"),
    train_share=(train_share, "float C"),
    prior=(prior, "float C"),
  )
  least = jnp.finfo(jnp.float32).tiny
  return logits + jnp.log(jnp.maximum(prior, least)) - jnp.log(train_share)


def offset(share: Array, tau: float) -> jax.Array:
  """What is added to logits in training: tau log share_c.

  A loss on the sum teaches it the classes' shares, so that the logits alone are
  for classes that are equally common.

  Args:
    share: float [C], shares of the classes in training, above 0.
    tau: 1 = all of the shares is taken out of the logits, 0 = nothing.

  Returns:
    float [C].

  Source: Menon et al., ICLR 2021, eq. 10; with tau 1 the balanced softmax of
  Ren et al., NeurIPS 2020.
  """
  expect(share=(share, "float C"))
  return tau * jnp.log(share)


def margins(share: Array, largest: float) -> jax.Array:
  """Margins of the classes: largest (min share / share_c)^(1/4).

  Args:
    share: float [C], shares of the classes in training, above 0.
    largest: that of the rarest class.

  Returns:
    float [C], like `largest`.

  Source: Cao et al., NeurIPS 2019 (LDAM), section 3.2.
  """
  expect(share=(share, "float C"))
  return largest * (jnp.min(share) / share) ** 0.25


def tau_normalized(kernel: Array, tau: float) -> jax.Array:
  """w_c / |w_c|^tau: in training rows of rare classes stay short.

  Args:
    kernel: float [F, C], of the last layer, a column w_c for each class.
    tau: 0 = as it is, 1 = all of one length.

  Returns:
    float [F, C].

  Source: Kang et al., ICLR 2020, section 4; they leave the bias out.
  """
  expect(kernel=(kernel, "float F C"))
  # A class whose row is zero keeps it.
  length = jnp.maximum(jnp.linalg.norm(kernel, axis=0), 1e-12)
  return kernel / length**tau
