"""Which parameters of a run are used, and where they are kept."""

import pathlib

import numpy as np

from fsr_jax.errors import check, choose
from fsr_jax.run.checkpoint import Checkpoints, has_checkpoint
from fsr_jax.run.use import description as descriptions
from fsr_jax.run.workdir import Workdir

# Which parameters of a run -> where a checkpoint has them.
PARAMETERS = {
  "last": {"params": "params", "batch_stats": "batch_stats"},
  "ema": {"params": "ema_params", "batch_stats": "ema_batch_stats"},
}
# Those of the best checkpoint -> which they are there.
BEST = {"best": "last", "best_ema": "ema"}


def both(parameters: str) -> dict[str, str]:
  """What an evaluation shows.

  Args:
    parameters: "last" or "ema" for those of the newest checkpoint, a key of
      BEST for those of the best one.

  Returns:
    Suffix of a run's numbers -> key of PARAMETERS or of BEST.
  """
  return dict(zip(("", "_ema"), BEST if parameters in BEST else PARAMETERS))


def folder(work: Workdir, parameters: str) -> pathlib.Path:
  """Of the checkpoint that has them.

  Args:
    work: of a run that has a checkpoint.
    parameters: key of PARAMETERS or of BEST.

  Raises:
    InputError: the run kept no best checkpoint; no such parameters.
  """
  choose("parameters", parameters, [*PARAMETERS, *BEST])
  if parameters in PARAMETERS:
    return work.checkpoints
  check(
    has_checkpoint(work.best),
    f"parameters={parameters}, but the run in {work.path} kept no best"
    " checkpoint; --config.keep_best=val_top1 would, for example",
  )
  return work.best


def read(
  work: Workdir, parameters: str
) -> tuple[dict[str, np.ndarray], pathlib.Path]:
  """The network of a run; reads none of its data.

  Args:
    work: of the run.
    parameters: key of PARAMETERS or of BEST.

  Returns:
    ({"params.backbone...": array, ...}, the folder that they are from).

  Raises:
    InputError: no run, no such checkpoint, a damaged one, or one of an earlier
      version, which did not describe its model.
  """
  check(
    work.read_config() is not None and has_checkpoint(work.checkpoints),
    f"{work.path} holds neither a run that has a checkpoint nor a saved model"
    f" ({descriptions.NAME} and its arrays)",
  )
  check(
    (work.path / descriptions.NAME).exists(),
    f"workdir {work.path} has no {descriptions.NAME}: its run is of an earlier"
    " version; the command that trained it writes the file, where the training"
    " data are, and trains no further where the run is done",
  )
  kept = folder(work, parameters)
  fields = PARAMETERS[BEST.get(parameters, parameters)]
  fields = {**fields, "statistics": "statistics"}
  ours = {field: name for name, field in fields.items()}
  found = {}
  for name, array in Checkpoints(kept).read(*ours).items():
    field, _, rest = name.partition(".")
    found[f"{ours[field]}.{rest}"] = array
  return found, kept
