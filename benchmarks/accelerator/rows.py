"""What is done, the most valuable first, and at which sizes."""

import fnmatch
import pathlib
from typing import NamedTuple

from benchmarks import scales
from benchmarks.runner import Job
from fsr_jax import config as config_lib
from fsr_jax.errors import check
from fsr_jax.run.workdir import Workdir

SCALE, MINIATURE = "paper", "digits"
_NOISE = {
  "uniform_0.4": {"data.noise": "uniform", "data.noise_ratio": 0.4},
  # As people err: by what is in the image.
  "instance_0.4": {"data.noise": "instance", "data.noise_ratio": 0.4},
}
_METHODS = {
  "plain_mixup": {"method": "plain", "mixup": True},
  "fsr": {"method": "fsr"},
}
# Setting/method -> fields, the most valuable first.
CELLS = {
  f"{setting}/{method}": {**noise, **fields}
  for setting, noise in _NOISE.items()
  for method, fields in _METHODS.items()
}
COST, BESIDE = "cost", "pytorch"


class Beside(NamedTuple):
  """A network in both libraries.

  Attributes:
    network: a name that both know.
    batch_size: B.
    image_size: pixels a side.
    classes: C.
    steps: timed ones of a round in PyTorch.
    ways: of benchmarks/pytorch_resnet.py; () for all.
    seconds: allowed for all of it but the compiling of ours, a guess.
  """

  network: str
  batch_size: int
  image_size: int
  classes: int
  steps: int
  ways: tuple[str, ...]
  seconds: float


class Sizes(NamedTuple):
  """What the measurements beside the runs are of.

  Attributes:
    network, batch_size, image_size: of the cost of a step.
    rounds: of its time.
    beside: networks that are set beside PyTorch's.
  """

  network: str
  batch_size: int
  image_size: int
  rounds: int
  beside: tuple[Beside, ...]


SIZES = {
  SCALE: Sizes(
    "resnet32",
    100,
    32,
    20,
    (
      Beside("resnet32", 100, 32, 10, 100, (), 90.0),
      Beside("resnet50", 128, 224, 1000, 30, (), 180.0),
    ),
  ),
  MINIATURE: Sizes(
    "mlp", 8, 8, 2, (Beside("resnet8", 8, 8, 10, 2, ("eager",), 20.0),)
  ),
}


class Row(NamedTuple):
  """A row of the plan.

  Attributes:
    name: of it, in the journal too.
    job: of a run; None for a measurement.
    beside: what is set beside PyTorch's; None for other rows.
  """

  name: str
  job: Job | None = None
  beside: Beside | None = None

  @property
  def program(self) -> str:
    """The method: runs of one are equally fast, whatever their labels."""
    return self.job.cell.rpartition("/")[2] if self.job else ""


def fields_of(epochs: int | None, miniature: bool) -> tuple[scales.Scale, dict]:
  """The scale, and what the script sets beyond it.

  Args:
    epochs: of each run; None for those of the protocol.
    miniature: whether only to try the script.
  """
  scale = scales.SCALES[MINIATURE if miniature else SCALE]
  epochs = epochs or (2 if miniature else None)
  fields = {"num_epochs": epochs} if epochs else {}
  return scale, {
    **scale.fields,
    **fields,
    "compute_dtype": "bfloat16",
    "num_devices": 1,
    # At the end only.
    "eval_every_epochs": epochs or scale.value("num_epochs"),
    "checkpoint_every_epochs": 10,
  }


def matching(rows: list[Row], patterns: list[str]) -> list[Row]:
  """The rows that one of the patterns matches.

  Raises:
    InputError: a pattern without a row.
  """
  names = [row.name for row in rows]
  for pattern in patterns:
    check(
      bool(fnmatch.filter(names, pattern)),
      f"no row {pattern!r}; choose from: {', '.join(names)}",
    )
  return [
    row
    for row in rows
    if any(fnmatch.fnmatchcase(row.name, p) for p in patterns)
  ]


def plan(
  out: pathlib.Path,
  seeds: list[str],
  epochs: int | None,
  miniature: bool,
  extra: list[str],
) -> list[Row]:
  """All rows in order of value: further seeds come last.

  Args:
    out: folder of all.
    seeds: of the runs.
    epochs, miniature: as for `fields_of`.
    extra: --config.FIELD=VALUE of every run.

  Raises:
    InputError: `extra` is wrong, or a run with another config is there.
  """
  scale, fields = fields_of(epochs, miniature)
  set_here = scales.names(extra)
  taken = {"seed"}.union(*CELLS.values()) & set(set_here)
  check(not taken, f"{', '.join(sorted(taken))}: set by the rows, not by --")
  scale = scale._replace(fields=fields)
  common = [*scale.arguments(without=set_here), *extra]
  rows: list[Row] = []
  for number, seed in enumerate(seeds):
    rows += [_run(out, cell, seed, common) for cell in CELLS]
    if number == 0:
      sizes = SIZES[MINIATURE if miniature else SCALE]
      rows.append(Row(COST))
      rows += [Row(f"{BESIDE} {b.network}", beside=b) for b in sizes.beside]
  # What an earlier call did stays in the tables.
  found = (out / "runs").glob("*/*/*/summary.json")
  for workdir in sorted(path.parent for path in found):
    setting, method, seed = workdir.parts[-3:]
    cell = f"{setting}/{method}"
    if cell in CELLS and seed.isdecimal() and seed not in seeds:
      rows.append(_run(out, cell, seed, common))
  return rows


def _run(out: pathlib.Path, cell: str, seed: str, common: list[str]) -> Row:
  """The row of a run.

  Raises:
    InputError: its config is wrong, or another one's run is there.
  """
  own = scales.as_flags({**CELLS[cell], "seed": seed})
  workdir = out / "runs" / cell / seed
  config = scales.load([*common, *own])
  Workdir(str(workdir)).check_config(config, allow_change=False)
  flat = config_lib.flatten(config.to_dict())
  job = Job(cell, seed, workdir, (*common, *own), flat, None)
  return Row(f"{cell} seed {seed}", job)
