"""Steps whose numbers are not finite, left out (on_nonfinite=skip)."""

import jax
import jax.numpy as jnp
import optax

from fsr_jax.maths import tables
from fsr_jax.train.metrics import ALL_FINITE, Metrics
from fsr_jax.train.state import TrainState


def unless_finite(
  old: TrainState, new: TrainState, index: jax.Array, metrics: Metrics
) -> tuple[TrainState, Metrics]:
  """A step, or nothing of it but its number where it was not finite.

  Args:
    old, new: TrainState before and after it.
    index: int32 [B], the global batch.
    metrics: Metrics of the step.

  Returns:
    (TrainState: `new`, or `old` one step later; Metrics: as they were, or those
    of a step that was skipped).
  """
  finite = metrics.bad_step == ALL_FINITE

  def chosen(before, after):
    return after if after is before else jnp.where(finite, after, before)

  # Row by row: a batch touches few of a million.
  rows = tables.unless_spoilt(
    old.reweighting.tables, new.reweighting.tables, index, finite
  )

  def with_rows(state):
    return state.replace(reweighting=state.reweighting._replace(tables=rows))

  kept = jax.tree.map(chosen, with_rows(old), with_rows(new))
  kept = kept.replace(
    step=new.step, opt_state=_scheduled(kept.opt_state, new.step)
  )
  counted = jax.tree.map(lambda x: jnp.where(finite, x, 0), metrics)
  return kept, counted.replace(
    skipped=jnp.where(finite, 0.0, 1.0),
    bad_step=metrics.bad_step,
    bad_examples=metrics.bad_examples,
    bad_example=metrics.bad_example,
  )


def _scheduled(opt_state: optax.OptState, step: jax.Array) -> optax.OptState:
  """With the learning rate's own count of steps at `step`: skipped ones are
  steps of its schedule, though not of Adam's averages."""

  def is_schedule(node):
    return isinstance(node, optax.ScaleByScheduleState)

  return jax.tree.map(
    lambda node: node._replace(count=step) if is_schedule(node) else node,
    opt_state,
    is_leaf=is_schedule,
  )
