"""How good a run's network is on labelled images that are not of the run."""

import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np

from fsr_jax import config as config_lib
from fsr_jax.config import places, stored
from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import batches
from fsr_jax.data.sources import test_part
from fsr_jax.errors import check
from fsr_jax.files import place
from fsr_jax.run import account, results
from fsr_jax.run.use import inputs
from fsr_jax.run.use import prior as priors
from fsr_jax.run.use.description import Description, describe
from fsr_jax.run.use.head import tau_normalized
from fsr_jax.run.use.kept_parameters import BEST, both
from fsr_jax.run.use.model import Model
from fsr_jax.run.use.restored import restore
from fsr_jax.run.watch import opening
from fsr_jax.run.watch.screen import say
from fsr_jax.run.workdir import Workdir
from fsr_jax.spreadsheets import write_csv
from fsr_jax.train.evaluate import (
  Counts,
  Outcome,
  collected,
  count_batch,
  named_scalars,
)
from fsr_jax.train.options import TrainOptions

# Table -> what its first line begins with.
_TABLES = {
  "per_class.csv": ("class,train_examples",),
  "confusion.csv": ("true \\ predicted,", "true,predicted,examples"),
}


class How(NamedTuple):
  """Which network is evaluated, and how its predictions are read.

  Attributes:
    parameters: as for `kept_parameters.both`.
    prior: as for `prior.read`.
    tau_norm: as for `head.tau_normalized`; not with a prior.
    allow_code: as for `description.read_allowed`.
  """

  parameters: str
  prior: str | None
  tau_norm: float
  allow_code: bool

  @property
  def step(self) -> str:
    """Of which step it is, in words."""
    return "best epoch" if self.parameters in BEST else results.LAST_STEP


class Tested(NamedTuple):
  """What was evaluated.

  Attributes:
    options: of the run.
    data: Data.
    outcomes: part -> {"": Outcome, "_ema": Outcome}.
    before: those of the test part without prior or tau_norm; None where there
      is neither.
  """

  options: TrainOptions
  data: Data
  outcomes: dict[str, dict[str, Outcome]]
  before: dict[str, Outcome] | None = None


def outcomes(
  models: dict[Any, Model], split: Split, *prior: np.ndarray | None
) -> list[dict[Any, Outcome]]:
  """What models make of a labelled set, which is read once for all.

  Args:
    models: of one description.
    split: Split, images as they see them.
    *prior: each as for `Model.predict_proba`.

  Returns:
    For each prior {key of `models`: Outcome}.

  Raises:
    InputError: as `Model.logits`.
  """
  found: list[dict[Any, list[Counts]]] = [
    {name: [] for name in models} for _ in prior
  ]
  done = 0
  for image, size in batches(split.image):
    label = split.label[done : done + len(image)]
    done += len(image)
    for name, model in models.items():
      logits = model.batch_logits(image, size)
      for shares, counted in zip(prior, found):
        said = model.adjusted(logits, shares)
        counts = count_batch(said, label, np.ones(len(label), np.float32))
        counted[name].append(jax.tree.map(np.asarray, counts))
  return [
    {name: collected(split.label, counts) for name, counts in counted.items()}
    for counted in found
  ]


def own_parts(workdir: str, where: dict[str, str | None], how: How) -> Tested:
  """Evaluates the run's own parts, on all devices, and prints what they are.

  Args:
    workdir: of the run.
    where: as for `restored.restore`.
    how: How.

  Raises:
    InputError: as `restored.restore`; the run tests nothing.
  """
  programs, host_state = restore(
    workdir, how.allow_code, how.parameters, **where
  )
  options, data = programs.options, programs.data
  check(
    data.test is not None,
    f"workdir {Workdir(workdir).path} holds a run that tests nothing"
    " (data.test_share=0); --input=PATH evaluates other labelled images",
  )
  shares = priors.read(how.prior, describe(options, data))
  state = programs.devices.put(host_state)
  say.wait("evaluating", "the network, for which it is compiled first")
  found = {part: programs.outcomes(state, part=part) for part in programs.parts}
  say.waited()
  steps = options.optimization.num_epochs * programs.steps_per_epoch
  best = " (the best epoch)" if how.parameters in BEST else ""
  step = f"step {int(host_state.step)} of {steps}{best}"
  say(f"{Workdir(workdir).path}, {step}")
  account.describe(options.data, data)
  if shares is None and not how.tau_norm:
    return Tested(options, data, found)
  models = {
    suffix: tau_normalized(
      Model.of(options, data, host_state, parameters), how.tau_norm
    )
    for suffix, parameters in both("last").items()
  }
  adjusted = {
    part: outcomes(models, split, shares)[0]
    for part, split in programs.parts.items()
  }
  return Tested(options, data, adjusted, before=found["test"])


def elsewhere(
  workdir: str,
  input_path: str | None,
  on_error: str | None,
  where: dict[str, str | None],
  how: How,
) -> Tested:
  """Evaluates without the training data of the run; prints what is tested.

  Args:
    workdir: of the run.
    input_path: labelled set, as for `data.sources.inputs.load`; None for
      data.test_from.
    on_error: of that set; None for what the run had.
    where: fields of config.data that say where data.test_from is, and which
      part of it is tested; None for what the run had.
    how: How.

  Raises:
    InputError: no model, no such set, or a set of other classes or images.
  """
  work = Workdir(workdir)
  models = {
    suffix: Model.from_workdir(workdir, parameters, how.allow_code)
    for suffix, parameters in both(how.parameters).items()
  }
  description = models[""].description
  shares = priors.read(how.prior, description)
  config, _ = stored.completed(work.read_config() or {})
  config.data.update({k: x for k, x in where.items() if x is not None})
  config = places.absolute(config_lib.resolve(config))
  options = config_lib.typed(config).train
  if input_path:
    on_error = on_error or options.data.on_error
    split, notes = inputs.load(input_path, description, on_error, labelled=True)
    source = str(place(input_path))
  else:
    split, said = test_part.load(options.data, description.class_names)
    notes, source = list(said), f"data.test_from={options.data.test_from}"
    shape = split.image.shape[1:]
    check(
      shape == description.image_shape,
      f"{source} has images {shape}; the network was trained on"
      f" {description.image_shape}",
    )
  data = _known_by(description, split)
  say(f"{work.path}; its training data are not read")
  say(opening.classes(data))
  say(f"test part: {len(split):,} examples, from {source}")
  for line in (*notes, *opening.test_notes(data)):
    say(f"note: {line}")
  if shares is not None:
    before, found = outcomes(models, split, None, shares)
    return Tested(options, data, {"test": found}, before)
  normalized = {
    (suffix, True): tau_normalized(model, how.tau_norm)
    for suffix, model in models.items()
    if how.tau_norm
  }
  plain = {(suffix, False): model for suffix, model in models.items()}
  (of,) = outcomes(plain | normalized, split, None)
  before, found = (
    {suffix: of[suffix, changed] for suffix in models}
    for changed in (False, bool(how.tau_norm))
  )
  return Tested(
    options, data, {"test": found}, before if how.tau_norm else None
  )


def _known_by(description: Description, test: Split) -> Data:
  """Data of which the training part is known by its number of labels alone."""
  counts = description.class_counts
  label = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
  nothing = np.broadcast_to(np.uint8(0), (len(label), *test.image.shape[1:]))
  return Data(Split(nothing, label), test, description.class_names)


def effect(how: How, tested: Tested) -> list[str]:
  """What a prior or tau_norm changed, in a line; none without them."""
  if tested.before is None:
    return []
  size = tested.data.num_classes
  before, after = (
    named_scalars("test", found, size)
    for found in (tested.before, tested.outcomes["test"])
  )
  changes = [
    f"{words} {opening.number(before[key], 4)} ->"
    f" {opening.number(after[key], 4)}"
    for words, key in (
      ("balanced accuracy", "test_balanced_accuracy"),
      ("accuracy", "test_top1"),
    )
  ]
  what = f"tau_norm={how.tau_norm}" if how.tau_norm else f"prior={how.prior}"
  return [f"{what} (of the {how.step}): {', '.join(changes)}"]


def check_output(directory: pathlib.Path) -> None:
  """Refuses to overwrite tables that are not ours.

  Raises:
    InputError: names one.
  """
  for name, beginnings in _TABLES.items():
    inputs.check_ours(directory / name, *beginnings)


def write(directory: pathlib.Path, tested: Tested) -> None:
  """Writes per_class.csv and confusion.csv of the test part.

  Args:
    directory: passed by `check_output`.
    tested: Tested.
  """
  tables = results.tables(tested.outcomes["test"], tested.data)
  for name, table in tables.items():
    write_csv(directory / name, table.names, table.rows)
