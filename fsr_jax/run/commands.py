"""What main.py offers: `train`, `evaluate`, `predict`, `export`."""

import pathlib

from fsr_jax.errors import check
from fsr_jax.files import place
from fsr_jax.run import account, results
from fsr_jax.run.loop import Run
from fsr_jax.run.use import evaluation
from fsr_jax.run.use import export as export_lib
from fsr_jax.run.use import predict as predict_lib
from fsr_jax.run.use.head import check_one, tau_normalized
from fsr_jax.run.use.model import Model
from fsr_jax.run.watch.screen import say
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.evaluate import named_scalars


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


def evaluate(
  workdir: str,
  *,
  input_path: str | None = None,
  output: str | None = None,
  prior: str | None = None,
  tau_norm: float = 0.0,
  on_error: str | None = None,
  parameters: str = "last",
  allow_code: bool = False,
  **where: str | None,
) -> dict:
  """Evaluates a checkpoint of the run in `workdir`.

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
    parameters: as for `kept_parameters.both`.
    allow_code, **where: as for `restored.restore`.

  Returns:
    As Programs.evaluate, of every part; with a prior under that.

  Raises:
    InputError: as `restored.restore`, `data.sources.inputs.load`,
      `prior.read`; other files would be overwritten.
  """
  check_one(prior, tau_norm)
  tables = place(output) if output else Workdir(workdir).path / "evaluate"
  evaluation.check_output(tables)
  how = evaluation.How(parameters, prior, tau_norm, allow_code)
  if input_path or where.get("test_from"):
    say.wait("reading", "the network and what is tested")
    tested = evaluation.elsewhere(workdir, input_path, on_error, where, how)
    say.waited()
  else:
    check(
      on_error is None,
      "on_error is of --input; of the run's own data: data.on_error",
    )
    tested = evaluation.own_parts(workdir, where, how)
  scalars: dict[str, float] = {}
  for part, outcomes in tested.outcomes.items():
    scalars |= named_scalars(part, outcomes, tested.data.num_classes)
  lines = results.remarks(
    tested.outcomes["test"][""], tested.data, tested.options
  )
  lines += evaluation.effect(how, tested)
  account.conclude(scalars, lines, step=how.step)
  evaluation.write(tables, tested)
  say(f"\n{tables}")
  return scalars


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
