"""What a person can do about a run that would take hours."""

from fsr_jax.config import Options
from fsr_jax.data.dataset import Data
from fsr_jax.models.pretrained import TORCHVISION

# Pictures from this side on tell something to weights trained on ImageNet.
_LARGE = 96
# Networks with weights on the Hugging Face hub, timm/NAME.a1_in1k.
_PUBLISHED = tuple(n for n in TORCHVISION if not n.endswith("_cifar"))
# What features of un-augmented pictures need; follows in configs/folder.py.
_AS_THEY_ARE = (
  "--config.data.image_size=224",
  "--config.data.crop_padding=0",
  "--config.data.min_crop_area=1",
  "--config.data.flip=False",
)
_OWN = ("folder", "manifest", "arrays")


def faster(options: Options, data: Data, platform: str) -> str:
  """How a run on a CPU is done in less time.

  Args:
    options: of the run.
    data: Data as they were loaded.
    platform: of its devices, "cpu" for example.

  Returns:
    A sentence; "" where there is nothing to say.
  """
  network, shape = options.train.network, data.train.image.shape[1:]
  if platform != "cpu" or len(shape) == 1 or network.frozen_backbone:
    return ""
  small = "--config.network=convnet"
  if min(shape[:2]) < _LARGE or shape[2] != 3:
    if network.network == "convnet":
      return ""
    return f"the same command with another --workdir and {small} takes less"
  published = network.network in _PUBLISHED
  name = network.network if published else _PUBLISHED[0]
  flags = [
    f"--config.pretrained=timm/{name}.a1_in1k",
    "--config.frozen_backbone=True",
    *(() if published else (f"--config.network={name}",)),
    *(() if options.train.data.dataset in _OWN else _AS_THEY_ARE),
  ]
  return (
    f"the same command with another --workdir and {' '.join(flags)} goes"
    " through the pictures once instead of"
    f" {options.train.optimization.num_epochs} times (docs/features.md: from"
    " where the weights are and what comes out); without weights"
    f" --config.data.image_size=64 {small} takes less, and is less accurate"
  )
