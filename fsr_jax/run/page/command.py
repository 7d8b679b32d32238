"""`--mode=report`: the page of a run that was finished before."""

import pathlib

from fsr_jax.config import places, stored
from fsr_jax.config.validation import resolve_and_load
from fsr_jax.data.dataset import Data
from fsr_jax.errors import InputError, check
from fsr_jax.run import content, labels, page, resume
from fsr_jax.run.watch.screen import say
from fsr_jax.run.workdir import Workdir


def report(workdir: str, **where: str | None) -> pathlib.Path:
  """Writes report.html of the run in `workdir`, and prints where it is.

  Args:
    workdir: of a finished run; nothing else of it is changed.
    **where: fields of config.data that say where the data are now; None for
      where they were. Without them the page has no pictures, and says so.

  Returns:
    Path of the page.

  Raises:
    InputError: no finished run, or a damaged file of it.
  """
  work, why_none = Workdir(workdir), ""
  pictures = None
  try:
    pictures = _load(work, {k: x for k, x in where.items() if x is not None})
  except InputError as error:
    why_none = f"There are no pictures on this page: {error}."
  path = page.write(work, pictures, why_none)
  if why_none:
    say(f"note: {why_none.removesuffix('.')}")
  for line in resume.damaged_lines(work.logged()):
    say(f"note: {line}")
  say(str(path))
  return path


def _load(work: Workdir, given: dict[str, str]) -> Data | None:
  """The data of the run, as they are now; None where there is no run."""
  before = work.read_config()
  if before is None:
    return None
  config, _ = stored.completed(before)
  in_memory = config.data.dataset == "arrays" and config.data.path is None
  check(
    "path" in given or not in_memory,
    "the data of this run of fsr_jax.fit were in memory",
  )
  places.check_found(
    {field: x for field, x in config.data.items() if field not in given},
    work.path,
  )
  config.data.update(given)
  # The workdir may be somebody else's, and pictures need no network.
  _, _, data = resolve_and_load(config, with_networks=False)
  labels.check_same(work.path, data)
  content.check_same(work.path, data, tests_too=False)
  return data
