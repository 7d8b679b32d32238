"""Networks split into a backbone (features) and a head (logits)."""

from fsr_jax.errors import choose
from fsr_jax.models.classifier import Classifier, Network, build
from fsr_jax.models.mlp import MLP
from fsr_jax.models.resnet import CifarResNet
from fsr_jax.models.wide_resnet import WideResNet

# name -> backbone(batch_norm_axis) as a Flax module: image -> [B, F].
NETWORKS = {
    "mlp": lambda axis: MLP(width=128),
    "resnet8": lambda axis: CifarResNet(blocks=1, batch_norm_axis=axis),
    "resnet20": lambda axis: CifarResNet(blocks=3, batch_norm_axis=axis),
    "resnet32": lambda axis: CifarResNet(blocks=5, batch_norm_axis=axis),
    "wrn28_10": lambda axis: WideResNet(
        blocks=4, widen=10, batch_norm_axis=axis
    ),
}


def create(
    name: str, num_classes: int, batch_norm_axis: str | None = None
) -> Network:
  """The network called `name`.

  Args:
    name: a key of NETWORKS.
    num_classes: C.
    batch_norm_axis: device axis over which batch-norm statistics are taken;
      None for a device's own batch.

  Returns:
    Network.

  Raises:
    InputError: unknown name (lists the choices).
  """
  choose("network", name, NETWORKS)
  return build(Classifier(NETWORKS[name](batch_norm_axis), num_classes))


__all__ = ["NETWORKS", "Classifier", "Network", "build", "create"]
