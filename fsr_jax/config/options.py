"""The options of a run: everything typed, in one tree."""

import dataclasses

from fsr_jax.config.methods import METHODS
from fsr_jax.data.options import DataOptions
from fsr_jax.fields import (
  NOT_NEGATIVE,
  POSITIVE,
  Bound,
  field,
)
from fsr_jax.models.options import NetworkOptions
from fsr_jax.reweighting import ReweightingOptions
from fsr_jax.train.options import (
  ObjectiveOptions,
  OptimizationOptions,
  TrainOptions,
)

# Metrics that the best epoch can be chosen by: the higher, the better.
BY_WHICH = tuple(
  f"{part}_{metric}{suffix}"
  for part in ("val", "test")
  for metric in ("top1", "balanced_accuracy")
  for suffix in ("", "_ema")
)


@dataclasses.dataclass(frozen=True)
class RunOptions:
  """Which method, and how its run is done."""

  method: str = field(
    "fsr",
    "A preset of the options below; what is set besides stays as it is set.",
    choices=METHODS,
  )
  seed: int = field(
    0,
    "Decides everything random, the noisy labels included.",
    bound=Bound(0, 2**32 - 1),
  )
  num_devices: int = field(
    0,
    "Devices of this machine; 0 = as many as divide the batch sizes.",
    bound=NOT_NEGATIVE,
    free=True,
  )
  shard_tables: bool = field(
    False,
    "Whether each device keeps a share of the averages of predictions [N, C] in"
    " place of all of them, for sets with many examples and classes"
    " (docs/scaling.md). Nothing else changes.",
    free=True,
  )
  steps_per_call: int = field(
    0,
    "Training steps of one compiled call; 0 = 100, and 1 for convolutions on a"
    " CPU.",
    bound=NOT_NEGATIVE,
    unit="steps",
    free=True,
  )
  eval_every_epochs: int = field(
    1,
    "How often the validation part is evaluated, or the test part where there"
    " is none; the test part always is at the end.",
    bound=POSITIVE,
    unit="epochs",
    free=True,
  )
  eval_batch_size: int = field(
    1000,
    "Examples evaluated at a time, over all devices; rounded up to divide.",
    bound=POSITIVE,
    unit="samples",
    free=True,
  )
  checkpoint_every_epochs: int = field(
    5,
    "How often the state is saved.",
    bound=POSITIVE,
    unit="epochs",
    free=True,
  )
  checkpoint_every_minutes: float = field(
    10.0,
    "How often the state is saved within an epoch, too, in the background while"
    " the training goes on; 0 = never.",
    bound=NOT_NEGATIVE,
    unit="minutes",
    free=True,
  )
  on_save_error: str = field(
    "stop",
    "What to do where a checkpoint, or what is logged, cannot be written, to a"
    " full disk for example: stop with an error, or go_on after a note and try"
    " again at the next one. Earlier checkpoints stay whole.",
    choices=("stop", "go_on"),
    free=True,
  )
  keep_checkpoints: int = field(
    2,
    "How many checkpoints are kept, the newest.",
    bound=POSITIVE,
    usual=Bound(1, 100),
    free=True,
  )
  keep_best: str = field(
    "none",
    "By which metric the state of the best epoch is kept in `best` of the"
    " workdir, beside the newest checkpoints; `--mode=predict` and `export` use"
    " it by `--parameters=best`. To choose by a test metric is to choose by the"
    " labels that the result is measured on.",
    choices=("none", *BY_WHICH),
    free=True,
  )
  feature_cache: str | None = field(
    None,
    "Folder where the features of a frozen backbone are kept, for several runs"
    " on the same pictures; none means `features` in the workdir.",
    free=True,
    place=True,
  )
  log_every_seconds: float = field(
    10.0,
    "At most one line of progress this often, where it is not one that is"
    " rewritten in place.",
    bound=NOT_NEGATIVE,
    unit="seconds",
    free=True,
  )
  report: bool = field(
    True,
    "Whether a run ends by writing `report.html`, a page to look at"
    " (docs/report.md); `--mode=report` writes it at any time.",
    free=True,
  )


@dataclasses.dataclass(frozen=True)
class Options:
  """All options of a run.

  Attributes:
    run: RunOptions.
    train: TrainOptions.
  """

  run: RunOptions = RunOptions()
  train: TrainOptions = TrainOptions()

  @property
  def groups(self) -> tuple:
    """The instances of TOP, in its order."""
    train = self.train
    return (
      self.run,
      train.network,
      train.optimization,
      train.objective,
      train.reweighting,
    )


# Groups whose fields stand at the top of a config; those of DataOptions stand
# below `data`.
TOP = (
  RunOptions,
  NetworkOptions,
  OptimizationOptions,
  ObjectiveOptions,
  ReweightingOptions,
)
DATA = "data."


def all_fields() -> dict[str, tuple[type, dataclasses.Field]]:
  """{"batch_size": (OptimizationOptions, field), "data.noise": ..., ...}."""
  return {
    prefix + entry.name: (group, entry)
    for group in (*TOP, DataOptions)
    for prefix in (DATA if group is DataOptions else "",)
    for entry in dataclasses.fields(group)
  }
