"""One hidden layer, for images small enough to be a vector."""

from flax import linen as nn
import jax


class Hidden(nn.Module):
  """Flattened image -> one hidden layer of `width` ReLU features."""

  width: int

  @nn.compact
  def __call__(self, image: jax.Array, train: bool = False) -> jax.Array:
    """image float [B, H, W, channels] or [B, F] -> float [B, width]."""
    del train
    flat = image.reshape(image.shape[0], -1)
    return nn.relu(nn.Dense(self.width)(flat))


def mlp(width: int) -> tuple[nn.Module, ...]:
  """Blocks of a network with one hidden layer."""
  return (Hidden(width),)
