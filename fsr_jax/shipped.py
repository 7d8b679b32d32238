"""The config files of configs/, by their names: --config=quickstart.

They lie in configs/ at the root of the repository, and setup.py puts them into
the package where it is installed.
"""

from collections.abc import Iterator
import os
import pathlib
import re

from fsr_jax.errors import check

_PACKAGE = pathlib.Path(__file__).absolute().parent
# Where it is installed; in a checkout, or installed from one with `-e`.
_FOLDERS = (_PACKAGE / "configs", _PACKAGE.parent / "configs")


def folder() -> pathlib.Path:
  """The folder of the config files."""
  return next((f for f in _FOLDERS if f.is_dir()), _FOLDERS[0])


def file_of(config: str) -> str:
  """What --config names, with the file in place of its bare name.

  Args:
    config: NAME or NAME:ARGUMENTS of a file NAME.py in `folder()`; anything
      else is a path.

  Returns:
    PATH or PATH:ARGUMENTS. A file in the folder that the program was started
    in goes before a bare name.

  Raises:
    InputError: a bare name that no config has; lists them.
  """
  name, colon, arguments = config.partition(":")
  if not re.fullmatch(r"\w+", name) or os.path.lexists(name):
    return config
  path = folder() / f"{name}.py"
  known = sorted(p.stem for p in folder().glob("[!_]*.py"))
  check(
    path.is_file(),
    f"--config={name} is neither a file here nor a config of this package;"
    f" choose one of: {', '.join(known)}",
  )
  return f"{path}{colon}{arguments}"


def with_files(arguments: list[str]) -> list[str]:
  """Arguments of the command line with `file_of` what --config names."""
  return list(_with_files(arguments))


def _with_files(arguments: list[str]) -> Iterator[str]:
  before = ""
  for argument in arguments:
    given = re.fullmatch(r"(--?config=)(.*)", argument, re.DOTALL)
    if given:
      yield given[1] + file_of(given[2])
    elif before in ("-config", "--config"):
      yield file_of(argument)
    else:
      yield argument
    before = argument
