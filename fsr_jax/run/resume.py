"""A run is continued: what must be as it was, what is said if it is not."""

from collections.abc import Iterator
import contextlib

import jax.numpy as jnp
from ml_collections import ConfigDict

from fsr_jax import config as config_lib
from fsr_jax import fields, processes
from fsr_jax.config import Options
from fsr_jax.data.dataset import Data
from fsr_jax.errors import check
from fsr_jax.run import content, labels
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.steps import NonFiniteError
from fsr_jax.run.use import description
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.optimizer import learning_rate
from fsr_jax.train.options import OptimizationOptions, TrainOptions

# No network is trained with more.
_USUAL = 0.1


def check_same(
  workdir: Workdir, config: ConfigDict, data: Data, allow_change: bool
) -> list[str]:
  """Refuses to mix two runs; changes nothing.

  A run that has saved nothing yet, because its loss became NaN for example,
  can be mixed with none.

  Args:
    workdir: Workdir.
    config: resolved.
    data: as they are now.
    allow_change: let fields of the config differ that the state does not
      depend on.

  Returns:
    What is allowed and not the same, one line each.

  Raises:
    InputError: a run with another config, other labels or other images lives
      here.
  """
  if not workdir.holds_progress:
    differing = workdir.differing(config).values()
    if not differing:
      return []
    return [
      f"workdir {workdir.path} has a run that saved no checkpoint; this one"
      f" begins anew, with another config ({'; '.join(differing)})"
    ]
  workdir.check_config(config, allow_change)
  labels.check_same(workdir.path, data)
  return content.check_same(workdir.path, data, tests_too=False)


def check_alike(config: ConfigDict, data: Data) -> None:
  """Refuses processes that were started with other configs, or see other data.

  Raises:
    InputError: names what differs, and where.
  """
  if processes.count() > 1:
    processes.check_alike("config", config_lib.flatten(config.to_dict()))
    digests = content.digests(data)
    processes.check_alike("data", config_lib.flatten(digests))


def check_length(workdir: Workdir, step: int, num_steps: int) -> None:
  """Refuses a run that is at a step beyond its last."""
  check(
    step <= num_steps,
    f"workdir {workdir.path} is at step {step}, beyond the {num_steps} steps of"
    " num_epochs",
  )


def damaged_lines(logged: list[dict | None]) -> list[str]:
  """What is said of damaged lines of metrics.jsonl: a line, or none.

  Args:
    logged: of `Workdir.logged`.
  """
  count = logged.count(None)
  if not count:
    return []
  lines = "a line that is" if count == 1 else f"{count} lines that are"
  return [f"metrics.jsonl has {lines} damaged, cut off for example; dropped"]


def missing_lines(there: set[int], step: int, per_epoch: int) -> list[str]:
  """What is said of epochs that have no line in metrics.jsonl: a line, or none.

  Args:
    there: steps that have one.
    step: of the last epoch that was measured, or a later one.
    per_epoch: steps.
  """
  count = len(set(range(per_epoch, step + 1, per_epoch)) - there)
  if not count:
    return []
  epochs = "an epoch that was" if count == 1 else f"{count} epochs that were"
  return [f"metrics.jsonl has no line of {epochs} trained"]


def remember(workdir: Workdir, options: TrainOptions, data: Data) -> None:
  """Writes what `check_same` compares when the run is continued, and what its
  model is known by where the data are not."""
  path = workdir.path
  labels.write(path, data)
  content.write(path, data)
  description.write(path, description.describe(options, data))
  workdir.write_skipped(data.skipped)


def rate_change(
  stored: dict | None, options: Options, step: int, steps_per_epoch: int
) -> list[str]:
  """Whether the learning rate jumps where a run is continued.

  Args:
    stored: config of the run so far, if there is one.
    options: Options from now on.
    step: steps done.
    steps_per_epoch: steps.

  Returns:
    One line that says so, or none.
  """
  now = options.train.optimization
  if stored is None or step == 0:
    return []
  try:
    before = fields.pick(OptimizationOptions, stored)
  except KeyError:  # Of an earlier version.
    return []
  old, new = (
    float(learning_rate(o, steps_per_epoch)(jnp.int32(step)))
    for o in (before, now)
  )
  if abs(old - new) <= 0.01 * max(old, new):
    return []
  why = "; ".join(
    f"{name} {getattr(before, name)} there, {getattr(now, name)} now"
    for name in OptimizationOptions.__dataclass_fields__
    if getattr(before, name) != getattr(now, name)
  )
  return [
    f"the learning rate jumps at step {step}, where the run continues: {new:g},"
    f" and {old:g} as the run was begun ({why})"
  ]


def way_on(rate: float, latest_step: int | None) -> str:
  """What can be done after a loss that became infinite or NaN.

  Args:
    rate: learning_rate of the run.
    latest_step: of the newest checkpoint; None where there is none.
  """
  smaller = f"--config.learning_rate={min(rate / 10, _USUAL):g}"
  if latest_step is None:
    return (
      f"no checkpoint was saved before it: the same command with {smaller},"
      " for example, begins anew in the same workdir"
    )
  return (
    f"the same command with {smaller} --allow_config_change, for example,"
    f" continues from the checkpoint of step {latest_step}, with a smaller"
    " learning rate"
  )


@contextlib.contextmanager
def way_told(rate: float, checkpoints: Checkpoints) -> Iterator[None]:
  """Says after a NonFiniteError what can be done; arguments as `way_on`."""
  try:
    yield
  except NonFiniteError as error:
    way = way_on(rate, checkpoints.latest_step())
    raise NonFiniteError(f"{error}; {way}") from error
