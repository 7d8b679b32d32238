"""What main.py offers: `train`, `evaluate`, `predict`, `export`."""

import dataclasses
import pathlib

from ml_collections import ConfigDict

from fsr_jax.config import Options, places, stored
from fsr_jax.config.validation import resolve_and_load
from fsr_jax.data.dataset import Data
from fsr_jax.errors import InputError, check
from fsr_jax.files import place
from fsr_jax.run import account, content, labels, results
from fsr_jax.run.checkpoint import Checkpoints, has_checkpoint
from fsr_jax.run.loop import Run
from fsr_jax.run.pretrained import features
from fsr_jax.run.use import evaluation
from fsr_jax.run.use import export as export_lib
from fsr_jax.run.use import predict as predict_lib
from fsr_jax.run.use import prior as priors
from fsr_jax.run.use.description import describe
from fsr_jax.run.use.evaluation import Tested
from fsr_jax.run.use.head import check_one, tau_normalized
from fsr_jax.run.use.model import Model
from fsr_jax.run.watch.screen import say
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.evaluate import named_scalars
from fsr_jax.train.parallel import devices_for
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState

# Fields of config.data that say where the data are and what is tested: a
# trained run may be evaluated with others.
WHERE = (*places.DATA_PLACES, "val_split", "test_split")
# Those of them that say what is tested.
_TESTED = ("test_from", "val_split", "test_split")


def train(
  config,
  workdir: str,
  allow_config_change: bool = False,
  stop_after_epochs: int | None = None,
) -> dict | None:
  """Trains, or continues to train, the run of `config` in `workdir`.

  Args and Raises: as `Run` and `Run.train`.

  Returns:
    The summary, or None where the run was left before its end.
  """
  run = Run(config, workdir, allow_config_change)
  summary = account.carry_out(run, stop_after_epochs)
  if summary is not None:
    say(f"\n{run.workdir.path}")
  return summary


def restore(
  workdir: str, allow_code: bool = False, **where: str | None
) -> tuple[Programs, TrainState]:
  """The newest checkpoint of the run in `workdir`, on this machine's devices.

  Args:
    workdir: of a run that has a checkpoint.
    allow_code: as for `description.read_allowed`.
    **where: fields named in WHERE; None for what the run had.

  Returns:
    (Programs, state as numpy arrays).

  Raises:
    InputError: no run, no checkpoint, a damaged one; data that are not where
      they were, that have other classes or, unless `where` says that others
      are meant, another test part; where the test part is set aside from them,
      other training data; code that is not allowed.
  """
  work = Workdir(workdir)
  before = work.read_config()
  if before is None:
    raise InputError(f"workdir {work.path} holds no run to evaluate")
  check(
    has_checkpoint(work.checkpoints),
    f"workdir {work.path} has no checkpoint; train first",
  )
  config, missing = stored.completed(before)
  stored.check_code(work.path / "config.json", before, allow_code)
  given = {field: x for field, x in where.items() if x is not None}
  places.check_found(
    {field: x for field, x in config.data.items() if field not in given},
    work.path,
  )
  if missing:
    say(
      f"note: {work.path} is of an earlier version; fields that it lacks are as"
      f" by default: {', '.join(missing)}"
    )
  say.wait("reading", "the data")
  options, data = _load(config, given)
  # A test part that is taken out of other images would have trained ones.
  aside = data.test_set_aside
  labels.check_same(work.path, data, classes_only=not aside)
  for line in content.check_same(
    work.path, data, tests_too=not given, images_too=aside
  ):
    say(f"note: {line}")
  # This machine's devices; they do not change the result.
  devices, _ = devices_for(options.train)
  train, run = options.train.on_features, options.run
  data = features.features_of_run(options, data, work, devices).data
  say.wait("building", "the network")
  programs = Programs(train, data, devices, run.seed)
  template = programs.create_state()
  return programs, Checkpoints(work.checkpoints).restore(template)[0]


def _load(config: ConfigDict, given: dict[str, str]) -> tuple[Options, Data]:
  """The training part of a run, and what shall be tested instead of its own.

  Args:
    config: of the run.
    given: fields named in WHERE, as they are now.
  """
  tested = {field: x for field, x in given.items() if field in _TESTED}
  config.data.update({k: x for k, x in given.items() if k not in tested})
  _, options, data = resolve_and_load(config)
  if tested:
    # Read again: what is set aside for testing depends on these.
    config.data.update(tested)
    _, options, other = resolve_and_load(config)
    data = dataclasses.replace(other, train=data.train, held_out=data.held_out)
  return options, data


def evaluate(
  workdir: str,
  *,
  input_path: str | None = None,
  output: str | None = None,
  prior: str | None = None,
  tau_norm: float = 0.0,
  on_error: str | None = None,
  allow_code: bool = False,
  **where: str | None,
) -> dict:
  """Evaluates the newest checkpoint of the run in `workdir`.

  Args:
    workdir: of a run that has a checkpoint.
    input_path: a labelled set to evaluate instead of the run's own test part,
      as for `data.sources.inputs.load`. With it, or with `test_from`, neither
      the training data nor their place are touched.
    output: folder for per_class.csv and confusion.csv; None means evaluate/ in
      the workdir.
    prior: as for `prior.read`.
    tau_norm: as for `head.tau_normalized`; not with a prior.
    on_error: of `input_path`, as data.on_error; None for what the run had.
    allow_code, **where: as for `restore`.

  Returns:
    As Programs.evaluate, of every part; with a prior under that.

  Raises:
    InputError: as `restore`, `data.sources.inputs.load`, `prior.read`; other
      files would be overwritten.
  """
  check_one(prior, tau_norm)
  tables = place(output) if output else Workdir(workdir).path / "evaluate"
  evaluation.check_output(tables)
  if input_path or where.get("test_from"):
    say.wait("reading", "the network and what is tested")
    tested = evaluation.elsewhere(
      workdir, input_path, on_error, where, prior, tau_norm, allow_code
    )
    say.waited()
  else:
    check(
      on_error is None,
      "on_error is of --input; of the run's own data: data.on_error",
    )
    tested = _own_parts(workdir, where, prior, tau_norm, allow_code)
  scalars: dict[str, float] = {}
  for part, outcomes in tested.outcomes.items():
    scalars |= named_scalars(part, outcomes, tested.data.num_classes)
  lines = results.remarks(
    tested.outcomes["test"][""], tested.data, tested.options
  )
  account.conclude(
    scalars, [*lines, *evaluation.effect(prior, tau_norm, tested)]
  )
  evaluation.write(tables, tested)
  say(f"\n{tables}")
  return scalars


def _own_parts(
  workdir: str,
  where: dict[str, str | None],
  prior: str | None,
  tau_norm: float,
  allow_code: bool,
) -> Tested:
  """Evaluates the run's own parts, on all devices, and prints what they are."""
  programs, host_state = restore(workdir, allow_code, **where)
  options, data = programs.options, programs.data
  check(
    data.test is not None,
    f"workdir {Workdir(workdir).path} holds a run that tests nothing"
    " (data.test_share=0); --input=PATH evaluates other labelled images",
  )
  shares = priors.read(prior, describe(options, data))
  state = programs.devices.put(host_state)
  say.wait("evaluating", "the network, for which it is compiled first")
  found = {part: programs.outcomes(state, part=part) for part in programs.parts}
  say.waited()
  steps = options.optimization.num_epochs * programs.steps_per_epoch
  say(f"{Workdir(workdir).path}, step {int(host_state.step)} of {steps}")
  account.describe(options.data, data)
  if shares is None and not tau_norm:
    return Tested(options, data, found)
  models = {
    suffix: tau_normalized(
      Model.of(options, data, host_state, parameters), tau_norm
    )
    for suffix, parameters in evaluation.SUFFIXES.items()
  }
  adjusted = {
    part: evaluation.outcomes(models, split, shares)[0]
    for part, split in programs.parts.items()
  }
  return Tested(options, data, adjusted, before=found["test"])


def predict(
  workdir: str,
  input_path: str | None,
  output: str | None = None,
  parameters: str = "last",
  prior: str | None = None,
  on_error: str | None = None,
  tau_norm: float = 0.0,
  allow_code: bool = False,
) -> pathlib.Path:
  """Writes what the model in `workdir` says of any images.

  Args:
    workdir: of a run, or a saved model.
    input_path, output, prior: as for `predict.predict`.
    parameters, allow_code: as for `Model.load`.
    on_error: as data.on_error; None for what the run had.
    tau_norm: as for `head.tau_normalized`; not with a prior.

  Returns:
    Path of the table.

  Raises:
    InputError: as `Model.load` and `predict.predict`.
  """
  check(bool(input_path), "--input is missing: which images?")
  check_one(prior, tau_norm)
  say.wait("reading", "the network")
  model = tau_normalized(Model.load(workdir, parameters, allow_code), tau_norm)
  say.waited()
  before = Workdir(workdir).read_config()
  if on_error is None and before is not None:
    on_error = before["data"].get("on_error")
  return predict_lib.predict(
    model, workdir, input_path or "", output, prior, on_error or "raise"
  )


def export(
  workdir: str,
  output: str | None = None,
  parameters: str = "last",
  tau_norm: float = 0.0,
  allow_code: bool = False,
) -> pathlib.Path:
  """Writes the model in `workdir` in forms that other programs read.

  Args:
    workdir: of a run, or a saved model.
    output: folder; None means export/ in the workdir.
    parameters, allow_code: as for `Model.load`.
    tau_norm: as for `head.tau_normalized`.

  Returns:
    Path of the folder.

  Raises:
    InputError: as `Model.load` and `Model.save`.
  """
  directory = output or str(place(workdir) / "export")
  say.wait("reading", "the network")
  model = tau_normalized(Model.load(workdir, parameters, allow_code), tau_norm)
  say.wait("exporting", "the network")
  path = export_lib.export(model, directory)
  say.waited()
  return path
