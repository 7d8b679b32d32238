"""Learned sample weights as pure functions over one state, as in Optax.

    reweighter = reweighting.reweighter(options, num_classes=10)
    state = reweighter.init(label, feature_shape=(128,))
    weights, state = reweighter.weigh(     # Every step.
      state, index, label[index], features, logits, head, head_params
    )
    state = reweighter.refresh(state, label)   # At the end of an epoch.

Knows no config, no network class and no training state: a head is a function
of parameters and features, everything else is arrays.
"""

from collections.abc import Callable
import functools
from typing import NamedTuple

import jax

from fsr_jax import fields
from fsr_jax.reweighting import state as states
from fsr_jax.reweighting import weigh as weighing
from fsr_jax.reweighting.options import ReweightingOptions
from fsr_jax.reweighting.samples import Mixed
from fsr_jax.reweighting.state import LastStep, ReweightingState


class Reweighter(NamedTuple):
  """Pure functions over one ReweightingState.

  Attributes:
    init: (label [N], feature_shape, *, seed, held_out_label,
      keep_predictions) -> state; see `state.init`.
    weigh: (state, index, label, features, logits, head, head_params, ...) ->
      (weights [b], state); see `weigh.weigh`.
    refresh: (state, label [N]) -> state, at the end of an epoch; see
      `state.refresh`.
    members: state -> bool [N], the training samples in the dictionary.
    options: what they were made with.
  """

  init: Callable[..., ReweightingState]
  weigh: Callable[..., tuple[jax.Array, ReweightingState]]
  refresh: Callable[..., ReweightingState]
  members: Callable[[ReweightingState], jax.Array]
  options: ReweightingOptions


def reweighter(
  options: ReweightingOptions | None = None, *, num_classes: int
) -> Reweighter:
  """A reweighter with these options.

  Args:
    options: None for those of `fsr`: one pass, rewards from a queue.
    num_classes: C.

  Returns:
    Reweighter.

  Raises:
    InputError: an option out of its range; names it.

  >>> import jax.numpy as jnp
  >>> label = jnp.array([0, 1, 0, 1])
  >>> options = ReweightingOptions(warmup_epochs=0, queue_size=2)
  >>> ours = reweighter(options, num_classes=2)
  >>> state = ours.init(label, feature_shape=(3,))
  >>> head = lambda params, features: features @ params
  >>> params, features = jnp.ones((3, 2)), jnp.ones((2, 3))
  >>> weights, state = ours.weigh(
  ...   state, jnp.array([2, 3]), label[2:], features, features @ params, head,
  ...   params,
  ... )
  >>> [float(w) for w in weights]  # Nothing is in the queue yet.
  [0.5, 0.5]
  >>> state = ours.refresh(state, label)
  >>> state.trusted.tolist()  # Of each class the best sample seen.
  [False, False, True, True]
  """
  options = ReweightingOptions() if options is None else options
  fields.validate(options)
  arguments = (options, num_classes)
  return Reweighter(
    init=functools.partial(states.init, *arguments),
    weigh=functools.partial(weighing.weigh, options),
    refresh=functools.partial(states.refresh, *arguments),
    members=functools.partial(states.members, options),
    options=options,
  )


__all__ = [
  "LastStep",
  "Mixed",
  "Reweighter",
  "ReweightingOptions",
  "ReweightingState",
  "reweighter",
]
