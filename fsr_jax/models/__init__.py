"""Networks split into a backbone (features) and a head (logits)."""

from fsr_jax.errors import choose
from fsr_jax.models.classifier import Classifier, Network, build, classifier
from fsr_jax.models.convnet import convnet
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
}


def create(
    name: str,
    num_classes: int,
    batch_norm_axis: str | None = None,
    meta_blocks: int = 0,
) -> Network:
  """The network called `name`.

  Args:
    name: a key of NETWORKS.
    num_classes: C.
    batch_norm_axis: device axis over which batch-norm statistics are taken;
      None for a device's own batch.
    meta_blocks: how many blocks belong to the head besides the linear layer;
      -1 for all of them.

  Returns:
    Network.

  Raises:
    InputError: unknown name (lists the choices), or too few blocks.
  """
  choose("network", name, NETWORKS)
  blocks = NETWORKS[name](batch_norm_axis)
  return build(classifier(blocks, num_classes, meta_blocks))


__all__ = [
    "NETWORKS", "Classifier", "Network", "build", "classifier", "create",
]
