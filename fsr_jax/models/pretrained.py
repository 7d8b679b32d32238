"""Weights from elsewhere: how arrays are named there, and which of them fit."""

from collections.abc import Iterable
import re

import numpy as np

from fsr_jax.errors import check
from fsr_jax.models.imagenet_resnet import STAGES

# Networks whose arrays torchvision and timm have too -> blocks of each stage.
TORCHVISION = {
  "resnet18": STAGES[18],
  "resnet18_cifar": STAGES[18],
  "resnet34": STAGES[34],
  "resnet34_cifar": STAGES[34],
  "resnet50": STAGES[50],
}

_MODULES = {
  "linear": "fc",
  "shortcut": "downsample.0",
  "shortcut_bn": "downsample.1",
}
_ARRAYS = {
  "kernel": "weight",
  "scale": "weight",
  "bias": "bias",
  "mean": "running_mean",
  "var": "running_var",
}
_BLOCK = re.compile(r"(backbone|head\.stack)\.blocks_(\d+)\.(.+)")


def without_cut(names: Iterable[str]) -> dict[str, str]:
  """Names that do not say where a network is cut into backbone and head.

  Args:
    names: of all arrays of a network, "backbone.blocks_1.bn1.scale",
      "head.stack.blocks_0.conv1.kernel", "head.linear.bias", ...

  Returns:
    name -> "blocks_1.bn1.scale", "blocks_2.conv1.kernel", "linear.bias", ...;
    blocks are counted from the image up, those without arrays left out.
  """
  found = {name: _BLOCK.fullmatch(name) for name in names}
  # The alphabet has the backbone before the head, as the network has.
  blocks = sorted({(m[1], int(m[2])) for m in found.values() if m})
  position = {block: i for i, block in enumerate(blocks)}
  return {
    name: f"blocks_{position[m[1], int(m[2])]}.{m[3]}"
    if m
    else name.removeprefix("head.")
    for name, m in found.items()
  }


def without_field_and_cut(names: Iterable[str]) -> dict[str, str]:
  """Names in a file, of arrays of a tree whose first level are its fields.

  Args:
    names: "params.backbone.blocks_1.bn1.scale", ...

  Returns:
    name -> that of `without_cut`, "blocks_1.bn1.scale", for example.
  """
  rest = {name: name.partition(".")[2] for name in names}
  short = without_cut(rest.values())
  return {name: short[r] for name, r in rest.items()}


def torchvision_name(name: str, stages: tuple[int, ...]) -> str:
  """What torchvision and timm call an array of a ResNet.

  Args:
    name: a value of `without_cut`; "blocks_3.shortcut.kernel".
    stages: blocks of each stage.

  Returns:
    "layer2.0.downsample.0.weight" for it, with two blocks a stage.
  """
  *block, module, array = name.split(".")
  prefixes = [
    "",
    *(
      f"layer{stage}.{i}."
      for stage, blocks in enumerate(stages, start=1)
      for i in range(blocks)
    ),
  ]
  # The last block is wrapped together with the pooling: two names.
  prefix = prefixes[int(block[0].removeprefix("blocks_"))] if block else ""
  return f"{prefix}{_MODULES.get(module, module)}.{_ARRAYS[array]}"


def from_torch_layout(array: np.ndarray) -> np.ndarray:
  """OIHW -> HWIO for convolutions, [out, in] -> [in, out] for matrices."""
  if array.ndim == 4:
    return array.transpose(2, 3, 1, 0)
  return array.T


def to_torch(
  arrays: dict[str, np.ndarray], stages: tuple[int, ...]
) -> dict[str, np.ndarray]:
  """Arrays of a ResNet in PyTorch's names and layout, for load_state_dict.

  Args:
    arrays: by the names of `without_cut`; others ("mean", "std") are left out.
    stages: blocks of each stage.

  Returns:
    name -> array; with the counters of batches that PyTorch's batch norms
    have, which are 0.
  """
  found = {}
  for name, array in arrays.items():
    if "." not in name:
      continue
    theirs = torchvision_name(name, stages)
    found[theirs] = np.ascontiguousarray(_to_torch_layout(array))
    if theirs.endswith(".running_mean"):
      module = theirs.removesuffix("running_mean")
      found[f"{module}num_batches_tracked"] = np.zeros((), np.int64)
  return found


def _to_torch_layout(array: np.ndarray) -> np.ndarray:
  """HWIO -> OIHW for convolutions, [in, out] -> [out, in] for matrices."""
  return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def fitting(
  wanted: dict[str, np.ndarray],
  given: dict[str, np.ndarray],
  linear: tuple[str, ...],
  where: str,
) -> dict[str, np.ndarray]:
  """The given arrays, once they are known to be this network's.

  Args:
    wanted: name -> array of the network.
    given: name -> array to start from.
    linear: names of the linear layer's arrays, the classes their last axis.
    where: beginning of the error message.

  Returns:
    `given`, without the linear layer where its number of classes is another.

  Raises:
    InputError: a name too few or too many, or another shape.
  """
  shapes = {
    name: (given[name].shape, array.shape)
    for name, array in wanted.items()
    if name in given
  }
  if all(_other_classes(*shapes.get(name, ((), ()))) for name in linear):
    shapes = {name: x for name, x in shapes.items() if name not in linear}
  faults = {
    "missing": [name for name in wanted if name not in given],
    "unused": [name for name in given if name not in wanted],
    "of another shape": [
      f"{name} {theirs}, here {ours}"
      for name, (theirs, ours) in shapes.items()
      if theirs != ours
    ],
  }
  check(
    not any(faults.values()),
    f"{where}: "
    + "; ".join(
      f"{len(names)} {fault} ({', '.join(names[:3])})"
      for fault, names in faults.items()
      if names
    ),
  )
  return {name: given[name] for name in shapes}


def _other_classes(theirs: tuple[int, ...], ours: tuple[int, ...]) -> bool:
  """Whether two shapes differ in their last axis, and in nothing else."""
  return theirs != ours and theirs[:-1] == ours[:-1]
