"""The weights a run starts with, where they are not random."""

import jax
import numpy as np

from fsr_jax.models.options import NetworkOptions
from fsr_jax.models.pretrained import without_field_and_cut
from fsr_jax.run.checkpoint import named
from fsr_jax.run.pretrained import weights as weights_lib
from fsr_jax.train.state import TrainState

# Of a TrainState, that weights are put into.
_FIELDS = ("params", "batch_stats", "ema_params", "ema_batch_stats")


def start(
  options: NetworkOptions, state: TrainState
) -> tuple[TrainState, list[str]]:
  """The state before the first step, with the weights of `pretrained`.

  Weights and running statistics, and the moving averages of both, all start
  there. A linear layer for another number of classes stays random.

  Args:
    options: NetworkOptions; without `pretrained` the state stays as it is.
    state: from Programs.create_state.

  Returns:
    (TrainState of numpy arrays, notes for the user).

  Raises:
    InputError: nothing there to read, or it does not fit this network.
  """
  if options.pretrained is None:
    return state, []
  arrays = named(state)
  names = without_field_and_cut(
    name for name in arrays if name.partition(".")[0] in _FIELDS
  )
  wanted = {name: arrays[n] for n, name in names.items()}
  weights = weights_lib.read(options.pretrained)
  found = weights_lib.fitted(options.network, wanted, weights)
  # Copies: the compiled step donates its input, leaf by leaf.
  leaves = [
    np.array(found.get(names.get(n, ""), array), array.dtype)
    for n, array in arrays.items()
  ]
  notes = []
  linear = weights_lib.LINEAR[-1]
  if linear not in found:
    theirs = weights.num_classes
    notes.append(
      f"{weights.where} has {theirs} classes, these data have"
      f" {wanted[linear].shape[-1]}: the linear layer starts at random"
    )
  return jax.tree.unflatten(jax.tree.structure(state), leaves), notes
