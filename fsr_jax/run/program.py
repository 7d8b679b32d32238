"""The command line: `python main.py`, or `fsr-jax` where it is installed."""

import difflib
import os
import re
import sys

from absl import app, flags, logging
from ml_collections import config_flags

from fsr_jax import config as config_lib
from fsr_jax.errors import InputError, check

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "Config file; fields change by --config.FIELD=VALUE."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run.")
_MODE = flags.DEFINE_enum(
  "mode",
  "train",
  ["train", "evaluate"],
  "train (continues a run that is there already) or evaluate (its newest"
  " checkpoint; needs no --config, from which it takes nothing but where the"
  " data are and what is tested).",
)
_ALLOW = flags.DEFINE_bool(
  "allow_config_change",
  False,
  "Continue the run in workdir although its config was another.",
)


def main(argv):
  check(len(argv) == 1, f"unexpected argument {argv[-1]!r}")
  workdir = _WORKDIR.value or ""
  check(bool(workdir), "--workdir is missing: the run's directory")
  # Orbax reports every step of every save at lower levels.
  logging.set_verbosity(logging.ERROR)
  # Imported here, so that a wrong flag is answered at once.
  from fsr_jax.run import commands

  if _MODE.value == "evaluate":
    data = _CONFIG.value.data if _CONFIG.value else {}
    where = {field: data.get(field) for field in commands.WHERE}
    commands.evaluate(workdir, **where)
    return
  check(
    _CONFIG.value is not None,
    "--config is missing, e.g. --config=configs/quickstart.py",
  )
  summary = commands.train(_CONFIG.value, workdir, _ALLOW.value)
  # A run that was asked to leave has not failed, but is not done either.
  sys.exit(0 if summary is not None else os.EX_TEMPFAIL)


def parse(argv: list[str]) -> list[str]:
  """Parses flags; what is wrong with them becomes one InputError.

  Args:
    argv: the command line.

  Returns:
    What is left of it.
  """
  known = config_lib.flatten(config_lib.base().to_dict())
  for argument in argv[1:]:
    match = re.match(r"--?config\.([\w.]+)", argument)
    if match and match[1] not in known:
      close = difflib.get_close_matches(match[1], known, n=1)
      hint = f"; did you mean {close[0]}?" if close else ""
      raise InputError(f"the config has no field {match[1]!r}{hint}")
  try:
    rest = flags.FLAGS(argv)
    if _CONFIG.value is not None:
      _CONFIG.value.to_dict()  # A file that failed to load says so only now.
    return rest
  # A config file is executed Python: it can raise anything. What went wrong
  # stands in the last line; before it there may be a traceback.
  except Exception as error:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    raise InputError(lines[-1].strip().split("InputError: ")[-1]) from error


def start() -> None:
  """Runs the command line; what a user can mend is one line on stderr."""
  for flag in (_CONFIG, _WORKDIR, _MODE, _ALLOW):
    # --help tells the flags of the script that was started.
    flags.FLAGS.register_key_flag_for_module(
      sys.argv[0], flags.FLAGS[flag.name]
    )
  try:
    app.run(main, flags_parser=parse)
  # The file system's own words: no space left, permission denied, ...
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
