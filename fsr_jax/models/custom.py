"""Networks of the user's own: package.module:function.

To name one is to have code run, so only a person may: one that stands in a
file, which somebody else may have written, is imported on demand alone.
"""

from collections.abc import Callable
import importlib
import pathlib
import re
import traceback

from flax import linen as nn

from fsr_jax.errors import InputError, check, typed_reason


def is_code(name: str) -> bool:
  """Whether a network is called by a function of a module, not by its name."""
  return ":" in name


def check_allowed(where: object, allow_code: bool, *names: str) -> None:
  """Refuses networks that stand in a file and would be imported.

  Args:
    where: the file is, for messages.
    allow_code: whether they may be.
    *names: of networks, as the file has them.

  Raises:
    InputError: names what would be imported.
  """
  code = next((name for name in names if is_code(name)), None)
  check(
    allow_code or code is None,
    f"{where} names the network {code!r}, a function that would be imported"
    " and run; if you trust it, say --allow_code (in Python allow_code=True)",
  )


def blocks(name: str) -> tuple[nn.Module, ...]:
  """What the function that "package.module:function" names returns.

  Raises:
    InputError: no such module or function, one that fails or ends the program,
      or one that returns something else than blocks.
  """
  function = _function(name)
  try:
    found = function()
  # SystemExit too: a program that ends here has not done what it was asked.
  except (Exception, SystemExit) as error:
    raise InputError(
      f"network={name} failed ({_said(error)}); expected a function without"
      " arguments that returns the blocks"
    ) from error
  check(
    isinstance(found, tuple)
    and all(isinstance(block, nn.Module) for block in found),
    f"network={name} returned {type(found).__name__}; expected a tuple of"
    " Flax modules (flax.linen.Module), each (x, train) -> x",
  )
  check(
    bool(found),
    f"network={name} returned no blocks; network=linear is the one without any",
  )
  return found


def _function(name: str) -> Callable:
  check(
    re.fullmatch(r"\w+(\.\w+)*:\w+", name) is not None,
    f"network={name}; expected package.module:function",
  )
  path, attribute = name.split(":")
  try:
    module = importlib.import_module(path)
  # A module is executed: it can raise anything, or end the program.
  except (Exception, SystemExit) as error:
    raise InputError(
      f"network={name} cannot be imported ({_said(error)}); expected a module"
      " on Python's path (PYTHONPATH)"
    ) from error
  function = getattr(module, attribute, None)
  check(
    callable(function),
    f"network={name}: module {path} has no function {attribute}",
  )
  assert callable(function)
  return function


def _said(error: BaseException) -> str:
  """What went wrong, and where."""
  if isinstance(error, ImportError):
    return str(error)
  said = typed_reason(error, 200)
  last = traceback.extract_tb(error.__traceback__)[-1]
  if last.filename == __file__:  # What was called is no Python.
    return said
  return f"{said} in {pathlib.PurePath(last.filename).name}, line {last.lineno}"
