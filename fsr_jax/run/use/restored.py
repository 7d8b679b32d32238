"""A run as its workdir has it, with its data, on this machine's devices."""

import dataclasses

from ml_collections import ConfigDict

from fsr_jax.config import Options, places, stored
from fsr_jax.config.validation import resolve_and_load
from fsr_jax.data.dataset import Data
from fsr_jax.errors import InputError, check
from fsr_jax.run import content, labels
from fsr_jax.run.checkpoint import Checkpoints, has_checkpoint
from fsr_jax.run.pretrained import features
from fsr_jax.run.use import kept_parameters
from fsr_jax.run.watch.screen import say
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.parallel import devices_for
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState

# Fields of config.data that say where the data are and what is tested: a
# trained run may be evaluated with others.
WHERE = (*places.DATA_PLACES, "val_split", "test_split")
# Those of them that say what is tested.
_TESTED = ("test_from", "val_split", "test_split")


def restore(
  workdir: str,
  allow_code: bool = False,
  parameters: str = "last",
  **where: str | None,
) -> tuple[Programs, TrainState]:
  """A checkpoint of the run in `workdir`, on this machine's devices.

  Args:
    workdir: of a run that has a checkpoint.
    allow_code: as for `description.read_allowed`.
    parameters: which checkpoint, as for `kept_parameters.folder`.
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
  kept = kept_parameters.folder(work, parameters)
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
  return programs, Checkpoints(kept).restore(programs.template())[0]


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
