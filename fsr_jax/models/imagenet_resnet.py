"""Residual networks with projections, for ImageNet and for CIFAR.

ResNet-18, -34 and -50 (He et al. 2016a, the stride of a bottleneck in its 3 x 3
convolution, "v1.5") compute what torchvision's do from the same weights.
ResNet-50 v2 (He et al. 2016b) has its strides where TF-slim's resnet_v2_50 has
them, which the released code used.

The last batch norm of a block starts with scale 1, torchvision's default: scale
0 is for batches of thousands (Goyal et al. 2017), and would leave a block's
convolutions without gradient in the first look-aheads.
"""

from collections.abc import Callable

from flax import linen as nn
import jax

from fsr_jax.models.classifier import Stack
from fsr_jax.models.resnet import Pool, batch_norm, conv1x1, conv3x3, he_normal
from fsr_jax.models.wide_resnet import NormPool

# Depth -> blocks of each stage (He et al. 2016a, Table 1).
STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def _conv7x7(name: str) -> nn.Conv:
  """The first convolution of the ImageNet networks."""
  return nn.Conv(
    64,
    (7, 7),
    2,
    padding=3,
    use_bias=False,
    kernel_init=he_normal,
    name=name,
  )


def _halve(x: jax.Array) -> jax.Array:
  """Maximum over 3 x 3 at every second place, padded by 1 with -infinity."""
  return nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))


class Stem(nn.Module):
  """conv-bn-relu: image -> 64 channels.

  Attributes:
    small: 3 x 3 at full size, for CIFAR; else 7 x 7 and a pooling, which
      divide height and width by 4.
  """

  small: bool

  @nn.compact
  def __call__(self, image: jax.Array, train: bool) -> jax.Array:
    norm = batch_norm(train)
    conv = conv3x3(64, name="conv1") if self.small else _conv7x7("conv1")
    x = nn.relu(norm("bn1")(conv(image)))
    return x if self.small else _halve(x)


class PlainStem(nn.Module):
  """The 7 x 7 convolution and the pooling alone, before pre-activations."""

  @nn.compact
  def __call__(self, image: jax.Array, train: bool) -> jax.Array:
    del train
    return _halve(_conv7x7("conv1")(image))


def _shortcut(x: jax.Array, width: int, stride: int, norm: Callable):
  """x itself, or its projection to `width` channels (option B)."""
  if x.shape[-1] == width:
    return x
  return norm("shortcut_bn")(conv1x1(width, stride, "shortcut")(x))


class Basic(nn.Module):
  """conv-bn-relu-conv-bn plus shortcut, then relu; `width` channels."""

  width: int
  stride: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    norm = batch_norm(train)
    y = nn.relu(norm("bn1")(conv3x3(self.width, self.stride, "conv1")(x)))
    y = norm("bn2")(conv3x3(self.width, name="conv2")(y))
    return nn.relu(y + _shortcut(x, self.width, self.stride, norm))


class Bottleneck(nn.Module):
  """1 x 1, 3 x 3, 1 x 1 plus shortcut, then relu; 4 `width` channels."""

  width: int
  stride: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    norm = batch_norm(train)
    y = nn.relu(norm("bn1")(conv1x1(self.width, name="conv1")(x)))
    y = nn.relu(norm("bn2")(conv3x3(self.width, self.stride, "conv2")(y)))
    y = norm("bn3")(conv1x1(4 * self.width, name="conv3")(y))
    return nn.relu(y + _shortcut(x, 4 * self.width, self.stride, norm))


class PreActivation(nn.Module):
  """bn-relu before each convolution of a bottleneck; nothing after the sum.

  Without the biases of TF-slim's convolutions: every batch norm that reads
  the sum takes them out again.
  """

  width: int
  stride: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    norm = batch_norm(train)
    y = nn.relu(norm("bn1")(x))
    if x.shape[-1] == 4 * self.width:
      x = x[:, :: self.stride, :: self.stride]
    else:
      x = conv1x1(4 * self.width, self.stride, "shortcut")(y)
    y = conv1x1(self.width, name="conv1")(y)
    y = conv3x3(self.width, self.stride, "conv2")(nn.relu(norm("bn2")(y)))
    y = conv1x1(4 * self.width, name="conv3")(nn.relu(norm("bn3")(y)))
    return x + y


def resnet(depth: int, small: bool = False) -> tuple[nn.Module, ...]:
  """Blocks of ResNet-18, -34 or -50 v1.5.

  Args:
    depth: a key of STAGES.
    small: the stem for CIFAR-sized images.

  Returns:
    Modules: image float [B, H, W, channels] -> ... -> float [B, 512], or
    [B, 2048] for ResNet-50.
  """
  kind: type = Basic if depth < 50 else Bottleneck
  layers: list[nn.Module] = [Stem(small)]
  for stage, blocks in enumerate(STAGES[depth]):
    for block in range(blocks):
      stride = 2 if stage > 0 and block == 0 else 1
      layers.append(kind(64 * 2**stage, stride))
  return (*layers[:-1], Stack((layers[-1], Pool())))


def resnet50_v2() -> tuple[nn.Module, ...]:
  """Blocks of the pre-activation ResNet-50.

  Args:

  Returns:
    Modules: image float [B, H, W, channels] -> ... -> float [B, 2048].
  """
  layers: list[nn.Module] = [PlainStem()]
  for stage, blocks in enumerate(STAGES[50]):
    for block in range(blocks):
      # In the last block of a stage, not the first of the next: TF-slim.
      stride = 2 if stage < 3 and block == blocks - 1 else 1
      layers.append(PreActivation(64 * 2**stage, stride))
  return (*layers[:-1], Stack((layers[-1], NormPool())))
