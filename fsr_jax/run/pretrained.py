"""The weights a run starts with, where they are not random."""

import pathlib

import jax
import numpy as np
import safetensors
import safetensors.numpy

from fsr_jax.errors import InputError, check
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
  # Copies: the compiled step donates its input, leaf by leaf.
  leaves = [
    np.array(found.get(names.get(n, ""), array), array.dtype)
    for n, array in arrays.items()
  ]
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
  work = Workdir(path)
  check(
    has_checkpoint(work.checkpoints),
    f"pretrained={path} is neither a workdir with a checkpoint nor a"
    f" {_SUFFIX} file",
  )
  arrays = Checkpoints(work.checkpoints).read("ema_params", "ema_batch_stats")
  names = _names(arrays, "ema_params", "ema_batch_stats")
  return {names[name]: array for name, array in arrays.items()}


def _read_file(path: str) -> dict[str, np.ndarray]:
  """Arrays of a file of PyTorch weights in our layout."""
  try:
    arrays = safetensors.numpy.load_file(pathlib.Path(path).expanduser())
  except (OSError, safetensors.SafetensorError) as error:
    raise InputError(f"cannot read pretrained={path} ({error})") from error
  return {
    name: from_torch_layout(array)
    for name, array in arrays.items()
    # PyTorch counts batches; nothing here does.
    if not name.endswith("num_batches_tracked")
  }
