"""The arguments of the command line; what is wrong with them in one line."""

import difflib
import re

from absl import flags

# Nothing that imports JAX: a wrong argument is answered at once.
from fsr_jax import shipped
from fsr_jax.errors import InputError, check
from fsr_jax.files import require_file


def parse(argv: list[str]) -> list[str]:
  """Parses flags; what is wrong with them becomes one InputError.

  Args:
    argv: the command line.

  Returns:
    What is left of it.
  """
  argv = [*argv[:1], *shipped.with_files(argv[1:])]
  _check_fields(argv[1:])
  try:
    rest = flags.FLAGS(argv)
    if flags.FLAGS.config is not None:
      # A file that failed to load says so only now.
      flags.FLAGS.config.to_dict()
    return rest
  # A config file is executed Python: it can raise anything. What went wrong
  # stands in the last line; before it there may be a traceback.
  except Exception as error:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    line = lines[-1].strip().split("InputError: ")[-1]
    raise InputError(_in_plain_words(line)) from error


def _check_fields(arguments: list[str]) -> None:
  """Refuses fields that no config has, and fields or files of no config."""
  from fsr_jax.config.options import all_fields

  known, first = all_fields(), ""
  given = any(re.match("--?flagfile", argument) for argument in arguments)
  for i, argument in enumerate(arguments):
    field = re.match(r"--?(?:no)?config\.([\w.]+)", argument)
    if field and field[1] not in known:
      close = difflib.get_close_matches(field[1], known, n=1)
      hint = f"; did you mean {close[0]}?" if close else ""
      raise InputError(f"the config has no field {field[1]!r}{hint}")
    if field:
      first = first or argument
    file = re.fullmatch(r"--?config(?:=(.*))?", argument, re.DOTALL)
    if file:
      given = True
      path = file[1] if file[1] is not None else "".join(arguments[i + 1 :][:1])
      require_file(path.partition(":")[0])
  check(
    given or not first,
    f"{first} changes a field of a config, but --config is missing, e.g."
    " --config=quickstart, or --config=folder:IMAGES for images of your own",
  )


def _in_plain_words(line: str) -> str:
  """What absl says of a value that is of another type than its field."""
  match = re.match(r"flag --config\.([\w.]+)=(.*?): ", line)
  if match is None:
    return line
  from fsr_jax import fields
  from fsr_jax.config.options import all_fields

  name, value = match.groups()
  group, entry = all_fields()[name]
  expected = fields.expected(group, entry.name)
  several = ""
  if name == "seed" and "," in value:
    several = (
      "; a run has one seed: give each a --workdir of its own, or let"
      f" benchmarks/sweep.py --seeds={value} do it"
    )
  return f"{name}={value}; expected {expected}{several}"
