"""Wide residual networks for 32 x 32 images (Zagoruyko & Komodakis 2016)."""

from flax import linen as nn
import jax
import jax.numpy as jnp

from fsr_jax.models.classifier import Stack
from fsr_jax.models.resnet import batch_norm, conv1x1, conv3x3


class WideBlock(nn.Module):
  """Pre-activation block; a 1 x 1 convolution where the shape changes."""

  width: int
  stride: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    norm = batch_norm(train)
    y = nn.relu(norm()(x))
    if self.stride != 1 or x.shape[-1] != self.width:
      x = conv1x1(self.width, self.stride, "shortcut")(y)
    y = conv3x3(self.width, self.stride)(y)
    y = conv3x3(self.width)(nn.relu(norm()(y)))
    return x + y


class Stem(nn.Module):
  """The first convolution: image -> 16 channels."""

  @nn.compact
  def __call__(self, image: jax.Array, train: bool) -> jax.Array:
    del train
    return conv3x3(16)(image)


class NormPool(nn.Module):
  """The last batch norm, ReLU, mean over the image: -> float [B, F]."""

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    x = nn.relu(batch_norm(train)()(x))
    return jnp.mean(x, axis=(1, 2))


def wide_resnet(blocks: int, widen: int) -> tuple[nn.Module, ...]:
  """Blocks of WRN-(6 n + 4)-k, n = `blocks` a stage, k = `widen`; no dropout.

  Args:
    blocks: n; 4 for WRN-28.
    widen: k; 10 for WRN-28-10.

  Returns:
    Modules: image float [B, H, W, channels] -> ... -> float [B, 64 k].
  """
  layers: list[nn.Module] = [Stem()]
  for stage, width in enumerate((16, 32, 64)):
    for block in range(blocks):
      stride = 2 if stage > 0 and block == 0 else 1
      layers.append(WideBlock(width * widen, stride))
  return (*layers[:-1], Stack((layers[-1], NormPool())))
