"""Networks split into a backbone (features) and a head (logits)."""

import importlib
import re

from flax import linen as nn

from fsr_jax.errors import InputError, check, choose
from fsr_jax.models.classifier import Classifier, Network, build, classifier
from fsr_jax.models.convnet import convnet
from fsr_jax.models.imagenet_resnet import resnet, resnet50_v2
from fsr_jax.models.mlp import mlp
from fsr_jax.models.resnet import cifar_resnet
from fsr_jax.models.wide_resnet import wide_resnet

# name -> blocks(batch_norm_axis): Flax modules, image -> ... -> [B, F].
NETWORKS = {
  "mlp": lambda axis: mlp(width=128),
  "convnet": lambda axis: convnet(batch_norm_axis=axis),
  "resnet8": lambda axis: cifar_resnet(blocks=1, batch_norm_axis=axis),
  "resnet20": lambda axis: cifar_resnet(blocks=3, batch_norm_axis=axis),
  "resnet32": lambda axis: cifar_resnet(blocks=5, batch_norm_axis=axis),
  "wrn28_10": lambda axis: wide_resnet(
    blocks=4, widen=10, batch_norm_axis=axis
  ),
  "resnet18_cifar": lambda axis: resnet(18, True, axis),
  "resnet34_cifar": lambda axis: resnet(34, True, axis),
  "resnet18": lambda axis: resnet(18, False, axis),
  "resnet34": lambda axis: resnet(34, False, axis),
  "resnet50": lambda axis: resnet(50, False, axis),
  "resnet50_v2": resnet50_v2,
}


def blocks_of(
  name: str, batch_norm_axis: str | None = None
) -> tuple[nn.Module, ...]:
  """The blocks of the network called `name`.

  Args:
    name: a key of NETWORKS, or "package.module:function", a function like the
      entries of NETWORKS.
    batch_norm_axis: given to that function.

  Returns:
    Flax modules, (x, train) -> x, the last one to float [B, F].

  Raises:
    InputError: unknown name (lists the choices), no such module or function,
      or one that returns something else.
  """
  if ":" not in name:
    choose("network", name, (*NETWORKS, "package.module:function"))
    return NETWORKS[name](batch_norm_axis)
  blocks = _function(name)(batch_norm_axis)
  check(
    isinstance(blocks, tuple)
    and all(isinstance(block, nn.Module) for block in blocks),
    f"network={name} returned {type(blocks).__name__}; expected a tuple of"
    " Flax modules (flax.linen.Module), each (x, train) -> x",
  )
  return blocks


def _function(name: str):
  """What "package.module:function" names."""
  check(
    re.fullmatch(r"\w+(\.\w+)*:\w+", name) is not None,
    f"network={name}; expected package.module:function",
  )
  path, attribute = name.split(":")
  try:
    module = importlib.import_module(path)
  except ImportError as error:
    raise InputError(
      f"network={name} cannot be imported ({error}); expected a module on"
      " Python's path (PYTHONPATH)"
    ) from error
  function = getattr(module, attribute, None)
  check(
    callable(function),
    f"network={name}: module {path} has no function {attribute}",
  )
  return function


def create(
  name: str,
  num_classes: int,
  batch_norm_axis: str | None = None,
  meta_blocks: int = 0,
) -> Network:
  """The network called `name`.

  Args:
    name: as for `blocks_of`.
    num_classes: C.
    batch_norm_axis: device axis over which batch-norm statistics are taken;
      None for a device's own batch.
    meta_blocks: how many blocks belong to the head besides the linear layer;
      -1 for all of them.

  Returns:
    Network.

  Raises:
    InputError: as `blocks_of`, or too few blocks.
  """
  blocks = blocks_of(name, batch_norm_axis)
  return build(classifier(blocks, num_classes, meta_blocks))


__all__ = [
  "NETWORKS",
  "Classifier",
  "Network",
  "blocks_of",
  "build",
  "classifier",
  "create",
]
