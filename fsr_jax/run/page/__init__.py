"""report.html: a finished run to look at, in one file without a network."""

import importlib.util
import pathlib

from fsr_jax.data.dataset import Data
from fsr_jax.errors import check
from fsr_jax.files import replacing
from fsr_jax.run.page import finished
from fsr_jax.run.page.content import content
from fsr_jax.run.page.pictures import drawable
from fsr_jax.run.page.render import render
from fsr_jax.run.workdir import Workdir

NAME = "report.html"


def write(
  workdir: Workdir, pictures: Data | None, why_none: str = ""
) -> pathlib.Path:
  """Writes the page of a finished run, over one that is there.

  Args:
    workdir: of the run.
    pictures: its data as they were loaded; None where they are gone.
    why_none: a sentence that says why.

  Returns:
    Path of the page.

  Raises:
    InputError: no finished run, a damaged file of it, or a package is missing.
  """
  for package in ("jinja2", "leather"):
    check(
      importlib.util.find_spec(package) is not None,
      f"{NAME} needs the package {package}: pip install -r requirements.txt",
    )
  run = finished.read(workdir)
  split = None if pictures is None else drawable(pictures.train)
  if split is None and not why_none:
    why_none = (
      "These data are vectors without pictures; examples are called by their"
      " names."
    )
  page = render(content(run, split, why_none))
  path = workdir.path / NAME
  with replacing(path) as partial:
    partial.write_bytes(page)
  return path


__all__ = ["NAME", "write"]
