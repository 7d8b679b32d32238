"""What can be chosen about the network."""

import dataclasses

from fsr_jax.fields import Bound, field


@dataclasses.dataclass(frozen=True)
class NetworkOptions:
  """What is trained."""

  network: str = field(
    "resnet32",
    "A network of this package, or `package.module:function` for blocks of"
    " your own (docs/networks.md).",
    source="section 5.1",
  )
  pretrained: str | None = field(
    None,
    "Where its parameters start: the workdir of another run, a .safetensors"
    " file of a ResNet with torchvision's names (timm's too) or with ours, or"
    " OWNER/NAME of such a file on the Hugging Face hub"
    " (timm/resnet18.a1_in1k), fetched once; random without it.",
    place=True,
  )
  frozen_backbone: bool = field(
    False,
    "Whether the network of `pretrained` stays as it is: it turns every"
    " picture into its features once, and feature_network is trained on them"
    " (docs/features.md).",
  )
  feature_network: str = field(
    "mlp",
    "The network that is trained on the features of a frozen backbone: mlp,"
    " linear, or package.module:function.",
    of=("frozen_backbone", True),
    source="ours",
  )
  meta_blocks: int = field(
    0,
    "How much of the network is looked ahead, Theta^meta: its last layer (0),"
    " n blocks more (n), everything (-1).",
    bound=Bound(-1),
    unit="blocks",
    source="section 4.2",
  )
  compute_dtype: str = field(
    "float32",
    "Precision that the network computes in. Parameters, statistics, losses"
    " and weights are float32 whatever it is.",
    choices=("float32", "bfloat16"),
  )
