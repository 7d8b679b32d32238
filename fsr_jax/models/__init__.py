"""Networks split into a backbone (features) and a head (logits)."""

from flax import linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from fsr_jax.errors import choose
from fsr_jax.models import custom
from fsr_jax.models.classifier import Classifier, Network, build, classifier
from fsr_jax.models.convnet import convnet
from fsr_jax.models.imagenet_resnet import resnet, resnet50_v2
from fsr_jax.models.mlp import mlp
from fsr_jax.models.resnet import cifar_resnet
from fsr_jax.models.wide_resnet import wide_resnet

# name -> blocks(): Flax modules, image -> ... -> [B, F].
NETWORKS = {
  "linear": lambda: (),
  "mlp": lambda: mlp(width=128),
  "convnet": convnet,
  "resnet8": lambda: cifar_resnet(blocks=1),
  "resnet20": lambda: cifar_resnet(blocks=3),
  "resnet32": lambda: cifar_resnet(blocks=5),
  "wrn28_10": lambda: wide_resnet(blocks=4, widen=10),
  "resnet18_cifar": lambda: resnet(18, True),
  "resnet34_cifar": lambda: resnet(34, True),
  "resnet18": lambda: resnet(18, False),
  "resnet34": lambda: resnet(34, False),
  "resnet50": lambda: resnet(50, False),
  "resnet50_v2": resnet50_v2,
}


def blocks_of(name: str) -> tuple[nn.Module, ...]:
  """The blocks of the network called `name`.

  Args:
    name: a key of NETWORKS, or "package.module:function", a function like the
      entries of NETWORKS.

  Returns:
    Flax modules, (x, train) -> x, the last one to float [B, F].

  Raises:
    InputError: unknown name (lists the choices), or as `custom.blocks`.
  """
  if not custom.is_code(name):
    choose("network", name, (*NETWORKS, "package.module:function"))
    return NETWORKS[name]()
  return custom.blocks(name)


def create(
  name: str,
  num_classes: int,
  meta_blocks: int = 0,
  compute_dtype: DTypeLike = jnp.float32,
) -> Network:
  """The network called `name`.

  Args:
    name: as for `blocks_of`.
    num_classes: C.
    meta_blocks: how many blocks belong to the head besides the linear layer;
      -1 for all of them.
    compute_dtype: of the blocks' computation; parameters, running statistics
      and logits are float32 whatever it is.

  Returns:
    Network.

  Raises:
    InputError: as `blocks_of`, or too few blocks.
  """
  blocks = blocks_of(name)
  return build(classifier(blocks, num_classes, meta_blocks), compute_dtype)


__all__ = [
  "NETWORKS",
  "Classifier",
  "Network",
  "blocks_of",
  "build",
  "classifier",
  "create",
]
