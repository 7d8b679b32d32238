"""What main.py offers: `train`, `evaluate`."""

from ml_collections import ConfigDict

from fsr_jax.config.validation import notices, resolve_and_load
from fsr_jax.errors import check
from fsr_jax.run import labels, report
from fsr_jax.run.checkpoint import Checkpoints, has_checkpoint
from fsr_jax.run.loop import Run
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.parallel import devices_for
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState

# Fields of config.data that say where the data are and what is tested: a
# trained run may be evaluated with others.
WHERE = ("data_dir", "path", "labels_file", "test_split", "test_from")


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
  print(run.opening(), flush=True)
  print(report.settings(run.options, run.data), flush=True)
  for line in run.notes + notices(run.options, run.data):
    print(f"note: {line}", flush=True)
  if 0 < run.step < run.num_steps:
    print(f"continuing from step {run.step}", flush=True)
  summary = run.train(stop_after_epochs)
  if summary is None:
    print(f"left at step {run.step}; the same command continues", flush=True)
  else:
    print(f"\n{report.table(summary)}\n\n{run.workdir.path}", flush=True)
  return summary


def restore(workdir: str, **where: str | None) -> tuple[Programs, TrainState]:
  """The newest checkpoint of the run in `workdir`, on this machine's devices.

  Args:
    workdir: of a run that has a checkpoint.
    **where: fields named in WHERE; None for what the run had.

  Returns:
    (Programs, state as numpy arrays).

  Raises:
    InputError: no run, no checkpoint, a damaged one, data with other classes
      or, where the test part is set aside from them, other training data.
  """
  work = Workdir(workdir)
  stored = work.read_config()
  check(stored is not None, f"workdir {work.path} holds no run to evaluate")
  check(
    has_checkpoint(work.checkpoints),
    f"workdir {work.path} has no checkpoint; train first",
  )
  config = ConfigDict(stored)
  for field, value in where.items():
    if value is not None:
      config.data[field] = value
  _, options, data = resolve_and_load(config)
  # A test part that is taken out of other images would have trained ones.
  labels.check_same(work.path, data, classes_only=not data.test_set_aside)
  # This machine's devices; they do not change the result.
  devices, _ = devices_for(options.train)
  programs = Programs(options.train, data, devices, options.run.seed)
  template = programs.create_state()
  return programs, Checkpoints(work.checkpoints).restore(template)


def evaluate(workdir: str, **where: str | None) -> dict:
  """Evaluates the newest checkpoint of the run in `workdir`.

  Args and Raises: as `restore`.

  Returns:
    As Programs.evaluate; nothing is written.
  """
  programs, state = restore(workdir, **where)
  result = programs.evaluate(programs.devices.put(state))
  epochs = programs.options.optimization.num_epochs
  steps = epochs * programs.steps_per_epoch
  print(f"{Workdir(workdir).path}, step {int(state.step)} of {steps}")
  print(report.table(result), flush=True)
  return result
