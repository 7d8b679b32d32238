"""Weights from elsewhere: a file, another run, a model on the hub."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any, NamedTuple

import numpy as np
import safetensors

from fsr_jax.config import places
from fsr_jax.errors import InputError, check
from fsr_jax.files import (
  MOST_JSON,
  check_size,
  place,
  read_file,
  require_file,
)
from fsr_jax.models.pretrained import (
  TORCHVISION,
  fitting,
  from_torch_layout,
  torchvision_name,
  without_field_and_cut,
)
from fsr_jax.run.checkpoint import Checkpoints, has_checkpoint
from fsr_jax.run.pretrained import hub
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.state import Statistics

SUFFIX = ".safetensors"
# What the format calls the types that weights are read from. Narrower ones need
# scales that are elsewhere.
_TYPES = ("F64", "F32", "F16", "BF16")
# PyTorch counts batches; nothing here does.
_COUNTER = "num_batches_tracked"
LINEAR: tuple[str, ...] = ("linear.kernel", "linear.bias")
# Of ImageNet's training images, which torchvision's and nearly all of timm's
# weights were trained with (torchvision.transforms, "Normalize").
_IMAGENET = Statistics(
  np.array([0.485, 0.456, 0.406], np.float32),
  np.array([0.229, 0.224, 0.225], np.float32),
)


class Weights(NamedTuple):
  """Arrays to start from.

  Attributes:
    where: they are from, for messages: "pretrained=...".
    arrays: name -> array in our layout.
    torch: whether the names are torchvision's; else they are ours, without
      the cut (`without_cut`).
    statistics: of the channels of the images that they were trained on.
    normalized: whose statistics those are, in words.
  """

  where: str
  arrays: dict[str, np.ndarray]
  torch: bool
  statistics: Statistics
  normalized: str

  @property
  def num_classes(self) -> int:
    """Of their linear layer."""
    bias = "fc.bias" if self.torch else LINEAR[-1]
    return len(self.arrays[bias])


def read(pretrained: str) -> Weights:
  """What the option `pretrained` names.

  Args:
    pretrained: a .safetensors file, the workdir of a run, or OWNER/NAME of a
      model on the Hugging Face hub. Of a run they are its moving averages, the
      ones the released code evaluates.

  Returns:
    Weights.

  Raises:
    InputError: nothing there to read.
  """
  if pretrained.endswith(SUFFIX):
    return _read_file(pretrained, place(pretrained))
  if places.is_on_hub(pretrained):
    return _read_file(pretrained, hub.fetch(pretrained))
  return _read_run(pretrained)


def fitted(
  network: str, wanted: Mapping[str, Any], weights: Weights
) -> dict[str, np.ndarray]:
  """The arrays that a network takes from weights.

  Args:
    network: name of the network, for names and messages.
    wanted: name without the cut -> array, or its shape; without the linear
      layer where that of the weights does not count.
    weights: Weights.

  Returns:
    name of `wanted` -> array; without the linear layer where that is for
    another number of classes.

  Raises:
    InputError: they do not fit, or are infinite or no numbers in float32.
  """
  called, linear, given = {n: n for n in wanted}, LINEAR, weights.arrays
  if weights.torch:
    stages = TORCHVISION.get(network)
    check(
      stages is not None,
      f"network={network} has no torchvision names to read"
      f" {weights.where} by; these have: {', '.join(TORCHVISION)}",
    )
    assert stages is not None
    called = {n: torchvision_name(n, stages) for n in wanted}
    linear = tuple(torchvision_name(n, stages) for n in LINEAR)
  if LINEAR[0] not in wanted:
    given = {name: x for name, x in given.items() if name not in linear}
  found = fitting(
    {called[n]: x for n, x in wanted.items()},
    given,
    linear,
    f"{weights.where} does not fit network={network}",
  )
  # What float32 cannot hold becomes infinite.
  with np.errstate(over="ignore"):
    odd = [
      name
      for name, x in found.items()
      if not np.isfinite(np.asarray(x, np.float32)).all()
    ]
  check(
    not odd,
    f"{weights.where}: array {odd[0] if odd else ''} has values that are"
    " infinite or no numbers in float32",
  )
  return {n: found[name] for n, name in called.items() if name in found}


def _read_run(path: str) -> Weights:
  """Moving averages of the newest checkpoint of another run."""
  nothing = (
    f"pretrained={path} is neither a workdir with a checkpoint nor a"
    f" {SUFFIX} file"
  )
  check(not place(path).is_file(), nothing)
  work = Workdir(path)
  check(has_checkpoint(work.checkpoints), nothing)
  found = Checkpoints(work.checkpoints).read(
    "ema_params", "ema_batch_stats", "statistics"
  )
  channels = Statistics(
    *(found.pop(f"statistics.{n}") for n in ("mean", "std"))
  )
  names = without_field_and_cut(found)
  arrays = {names[name]: array for name, array in found.items()}
  return Weights(
    f"pretrained={path}", arrays, False, channels, "of that run's images"
  )


def _read_file(pretrained: str, file: pathlib.Path) -> Weights:
  """Arrays of a file, by torchvision's names or ours."""
  where = f"pretrained={pretrained}"
  arrays: dict[str, np.ndarray] = {}
  check_size(where, require_file(file, where))
  try:
    with safetensors.safe_open(file, framework="np") as archive:
      for name in archive.keys():  # noqa: SIM118  Not a dict.
        if name.endswith(_COUNTER):
          continue
        kind = archive.get_slice(name).get_dtype()
        check(
          kind in _TYPES,
          f"{where}: array {name} is of type {kind}; expected one of"
          f" {', '.join(_TYPES)}",
        )
        arrays[name] = archive.get_tensor(name)
  except (OSError, safetensors.SafetensorError) as error:
    raise InputError(f"cannot read {where} ({error})") from error
  if not any(name.startswith("blocks_") for name in arrays):
    arrays = {name: from_torch_layout(x) for name, x in arrays.items()}
    return Weights(where, arrays, True, *_preprocessing(file))
  own = {name: arrays.pop(name, None) for name in ("mean", "std")}
  if own["mean"] is None or own["std"] is None:
    return Weights(where, arrays, False, *_preprocessing(file))
  channels = Statistics(own["mean"], own["std"])
  return Weights(where, arrays, False, channels, "of that file")


def _preprocessing(file: pathlib.Path) -> tuple[Statistics, str]:
  """Channel statistics as timm has them in a config.json beside its weights.

  Returns:
    (Statistics, whose they are in words): ImageNet's where it says nothing.
  """
  try:
    config = read_file(file.with_name("config.json"), MOST_JSON)
    found = json.loads(config)
    found = found.get("pretrained_cfg", found)
    channels = Statistics(
      *(np.array(found[name], np.float32) for name in ("mean", "std"))
    )
  # No such file, or one of something else.
  except (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
  ):
    return _IMAGENET, "of ImageNet"
  right = [x.ndim == 1 and np.isfinite(x).all() for x in channels]
  check(
    all(right) and bool((channels.std > 0).all()),
    f"{file.with_name('config.json')}: mean and std are no numbers, one a"
    " channel, std above 0",
  )
  return channels, f"of {file.with_name('config.json')}"
