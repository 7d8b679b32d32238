"""The weights a run starts with, where they are not random."""

import jax
import numpy as np
import safetensors

from fsr_jax.errors import InputError, check
from fsr_jax.files import place, require_file
from fsr_jax.models.pretrained import (
  TORCHVISION,
  fitting,
  from_torch_layout,
  torchvision_name,
  without_cut,
)
from fsr_jax.run.checkpoint import Checkpoints, has_checkpoint, named
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.options import NetworkOptions
from fsr_jax.train.state import TrainState

_SUFFIX = ".safetensors"
# What the format calls the types that weights are read from. Narrower ones need
# scales that are elsewhere.
_TYPES = ("F64", "F32", "F16", "BF16")
# PyTorch counts batches; nothing here does.
_COUNTER = "num_batches_tracked"


def start(
  options: NetworkOptions, state: TrainState
) -> tuple[TrainState, list[str]]:
  """The state before the first step, with the weights of `pretrained`.

  Weights and running statistics, and the moving averages of both, all start
  there. Of another run they are its moving averages, the ones the released
  code evaluates. A linear layer for another number of classes stays random.

  Args:
    options: `pretrained` set.
    state: from Programs.create_state.

  Returns:
    (TrainState of numpy arrays, notes for the user).

  Raises:
    InputError: nothing there to read, or it does not fit this network.
  """
  path, arrays = options.pretrained, named(state)
  assert path is not None
  names = _names(
    arrays, "params", "batch_stats", "ema_params", "ema_batch_stats"
  )
  linear: tuple[str, ...] = ("linear.kernel", "linear.bias")
  if path.endswith(_SUFFIX):
    stages = TORCHVISION.get(options.network)
    check(
      stages is not None,
      f"network={options.network} has no torchvision names to read"
      f" pretrained={path} by; these have:"
      f" {', '.join(TORCHVISION)}",
    )
    assert stages is not None
    names = {n: torchvision_name(name, stages) for n, name in names.items()}
    linear = tuple(torchvision_name(name, stages) for name in linear)
    given = _read_file(path)
  else:
    given = _read_run(path)
  wanted = {name: arrays[n] for n, name in names.items()}
  found = fitting(
    wanted,
    given,
    linear,
    f"pretrained={path} does not fit network={options.network}",
  )
  # Copies: the compiled step donates its input, leaf by leaf. What float32
  # cannot hold becomes infinite, and is found below.
  with np.errstate(over="ignore"):
    leaves = [
      np.array(found.get(names.get(n, ""), array), array.dtype)
      for n, array in arrays.items()
    ]
  odd = [
    names[n]
    for n, leaf in zip(arrays, leaves)
    if names.get(n) in found and not np.isfinite(leaf).all()
  ]
  check(
    not odd,
    f"pretrained={path}: array {odd[0] if odd else ''} has values that are"
    " infinite or no numbers in float32",
  )
  notes = []
  if linear[0] not in found:
    theirs, ours = (x[linear[-1]].shape[-1] for x in (given, wanted))
    notes.append(
      f"pretrained={path} has {theirs} classes, these data have"
      f" {ours}: the linear layer starts at random"
    )
  return jax.tree.unflatten(jax.tree.structure(state), leaves), notes


def _names(arrays: dict[str, np.ndarray], *fields: str) -> dict[str, str]:
  """Name in a state -> name without field and cut, for arrays of `fields`."""
  split = {name: name.partition(".") for name in arrays}
  rest = {name: r for name, (field, _, r) in split.items() if field in fields}
  short = without_cut(rest.values())
  return {name: short[r] for name, r in rest.items()}


def _read_run(path: str) -> dict[str, np.ndarray]:
  """Moving averages of the newest checkpoint of another run."""
  nothing = (
    f"pretrained={path} is neither a workdir with a checkpoint nor a"
    f" {_SUFFIX} file"
  )
  check(not place(path).is_file(), nothing)
  work = Workdir(path)
  check(has_checkpoint(work.checkpoints), nothing)
  arrays = Checkpoints(work.checkpoints).read("ema_params", "ema_batch_stats")
  names = _names(arrays, "ema_params", "ema_batch_stats")
  return {names[name]: array for name, array in arrays.items()}


def _read_file(path: str) -> dict[str, np.ndarray]:
  """Arrays of a file of PyTorch weights in our layout."""
  where, arrays = f"pretrained={path}", {}
  file = place(path)
  require_file(file, where)
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
        arrays[name] = from_torch_layout(archive.get_tensor(name))
  except (OSError, safetensors.SafetensorError) as error:
    raise InputError(f"cannot read {where} ({error})") from error
  return arrays
