"""Residual networks for 32 x 32 images (He et al. 2016, section 4.2)."""

from collections.abc import Callable

from flax import linen as nn
import jax
import jax.numpy as jnp

from fsr_jax.maths import collectives
from fsr_jax.models.classifier import Stack

# Normal with variance 2 / fan-out: He et al. 2015, as in their ResNet code.
he_normal = nn.initializers.variance_scaling(2.0, "fan_out", "normal")


def conv3x3(width: int, stride: int = 1, name: str | None = None) -> nn.Conv:
  """3 x 3 convolution without bias, padded by 1 on every side."""
  return nn.Conv(
    width,
    (3, 3),
    stride,
    padding=1,
    use_bias=False,
    kernel_init=he_normal,
    name=name,
  )


def conv1x1(width: int, stride: int = 1, name: str | None = None) -> nn.Conv:
  """1 x 1 convolution without bias."""
  return nn.Conv(
    width, (1, 1), stride, use_bias=False, kernel_init=he_normal, name=name
  )


def batch_norm(train: bool) -> Callable[..., nn.BatchNorm]:
  """Constructor of BatchNorm layers over the batch of all devices.

  Args:
    train: whether the batch's own statistics are used, and the running ones
      moved (they decay by 0.9).

  Returns:
    Function of a name that makes a layer.
  """

  def make(name=None):
    return nn.BatchNorm(
      use_running_average=not train,
      momentum=0.9,
      epsilon=1e-5,
      axis_name=collectives.axis() if train else None,
      name=name,
    )

  return make


class BasicBlock(nn.Module):
  """conv-bn-relu-conv-bn plus a parameter-free shortcut (option A)."""

  width: int
  stride: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    norm = batch_norm(train)
    y = nn.relu(norm()(conv3x3(self.width, self.stride)(x)))
    y = norm()(conv3x3(self.width)(y))
    if x.shape != y.shape:
      x = x[:, :: self.stride, :: self.stride]
      extra = self.width - x.shape[-1]
      x = jnp.pad(x, ((0, 0),) * 3 + ((extra // 2, extra - extra // 2),))
    return nn.relu(x + y)


class Stem(nn.Module):
  """The first convolution: image -> 16 channels."""

  @nn.compact
  def __call__(self, image: jax.Array, train: bool) -> jax.Array:
    norm = batch_norm(train)
    return nn.relu(norm()(conv3x3(16)(image)))


class Pool(nn.Module):
  """Mean over the image: float [B, H, W, F] -> [B, F]."""

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    del train
    return jnp.mean(x, axis=(1, 2))


def cifar_resnet(blocks: int) -> tuple[nn.Module, ...]:
  """Blocks of ResNet-(6 n + 2), n = `blocks` a stage: 16, 32, 64 channels.

  Args:
    blocks: n; 5 for ResNet-32.

  Returns:
    Modules: image float [B, H, W, channels] -> ... -> float [B, 64].
  """
  layers: list[nn.Module] = [Stem()]
  for stage, width in enumerate((16, 32, 64)):
    for block in range(blocks):
      stride = 2 if stage > 0 and block == 0 else 1
      layers.append(BasicBlock(width, stride))
  # The pooling has no parameters to be looked ahead: no block of its own.
  return (*layers[:-1], Stack((layers[-1], Pool())))
