"""Three strided convolutions: a network for experiments without accelerator."""

from flax import linen as nn
import jax

from fsr_jax.models.classifier import Stack
from fsr_jax.models.resnet import Pool, batch_norm, conv3x3


class ConvBlock(nn.Module):
  """conv-bn-relu that halves height and width."""

  width: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    norm = batch_norm(train)
    return nn.relu(norm()(conv3x3(self.width, stride=2)(x)))


def convnet() -> tuple[nn.Module, ...]:
  """Blocks of 32, 64 and 128 channels: a fifth of a ResNet-8's operations.

  Args:

  Returns:
    Modules: image float [B, H, W, channels] -> ... -> float [B, 128].
  """
  *below, last = (ConvBlock(width) for width in (32, 64, 128))
  return (*below, Stack((last, Pool())))
