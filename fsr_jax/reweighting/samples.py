"""The samples of a batch as weights are learned for them."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths.checks import at_least_float32
from fsr_jax.maths.collectives import Tree

# (parameters, features [b, ...]) -> logits [b, C].
Head = Callable[[Tree, jax.Array], jax.Array]
# (logits [b, C], target [b, C]) -> loss of each sample [b].
SampleLoss = Callable[[jax.Array, jax.Array], jax.Array]


class Mixed(NamedTuple):
  """A second pass of the same batch, of its mixed images (paper's MixUp).

  Attributes:
    loss: float [b], of the mixed images on the mixed given labels, nats.
    features: float [b, ...], where weights are learned for the mixed images
      and not for the un-mixed samples; else None.
    target: float [b, C], mixed, of those; else None.
    logits: float [b, C], where the predictions that are remembered are those
      of the mixed images; else None.
  """

  loss: jax.Array
  features: jax.Array | None = None
  target: jax.Array | None = None
  logits: jax.Array | None = None


class Weighed(NamedTuple):
  """What weights are learned for: b samples, a head and a loss."""

  head: Head
  sample_loss: SampleLoss
  features: jax.Array
  target: jax.Array

  def losses(self, params: Tree) -> jax.Array:
    """Loss of each sample [b], nats."""
    logits = at_least_float32(self.head(params, self.features))
    return self.sample_loss(logits, self.target)

  def logit_gradient(self, params: Tree) -> jax.Array:
    """Gradient of each sample's loss for its logits [b, C]."""
    logits = at_least_float32(self.head(params, self.features))
    return jax.grad(lambda z: jnp.sum(self.sample_loss(z, self.target)))(logits)
