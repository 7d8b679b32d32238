"""The command line: `python main.py`, or `fsr-jax` where it is installed."""

import os
import re
import sys
import threading

from absl import app, flags, logging
from ml_collections import config_flags

# Nothing that imports JAX: the first line should come at once.
from fsr_jax.errors import InputError, check, one_line
from fsr_jax.run.arguments import parse
from fsr_jax.run.stop import Left, leave_at_once, never_stuck
from fsr_jax.run.watch.screen import outlive_stdout, say

_CONFIG = config_flags.DEFINE_config_file(
  "config",
  None,
  "Config file, or the name of one of the package's (quickstart,"
  " folder:IMAGES, ...); fields change by --config.FIELD=VALUE.",
)
_WORKDIR = flags.DEFINE_string(
  "workdir",
  None,
  "Directory of the run, or an address in a bucket (gs://BUCKET/NAME, s3://...).",
)
_MODE = flags.DEFINE_enum(
  "mode",
  "train",
  ["train", "evaluate", "predict", "export", "report"],
  "train (continues a run that is there already), evaluate (its newest"
  " checkpoint, or the best one; needs no --config, from which it takes"
  " nothing but where the data are and what is tested), predict (the classes"
  " of the images in --input), export (the network for other programs) or"
  " report (writes report.html of a finished run anew; as evaluate, it needs no"
  " --config).",
)
_INPUT = flags.DEFINE_string(
  "input",
  None,
  "Images to predict, or labelled ones to evaluate: a folder, a table with the"
  " column path (and label), a .npz file with the array image (and label)."
  " The training data are not needed.",
)
_OUTPUT = flags.DEFINE_string(
  "output",
  None,
  "Where results go, if not into the workdir: of predict a .csv file, of"
  " evaluate and export a folder.",
)
_PRIOR = flags.DEFINE_string(
  "prior",
  None,
  "Shares of the classes where the network is used, for predict and evaluate:"
  " uniform, train (those of its training labels), or a table with the columns"
  " class and share. None means those that its predictions are for: train or,"
  " with logit_adjustment=1, uniform.",
)
_TAU_NORM = flags.DEFINE_float(
  "tau_norm",
  None,
  "For networks trained on unequal classes, instead of --prior: how much the"
  " rows of the last layer are made of one length, 0-1.",
)
_PARAMETERS = flags.DEFINE_enum(
  "parameters",
  None,
  ["last", "ema", "best", "best_ema"],
  "Which parameters predict and export use: last (of the last step, the"
  " default), ema (their moving average), best or best_ema (those of the epoch"
  " that keep_best kept). evaluate shows last and ema or, by either of their"
  " names, best and best_ema.",
)
_ON_ERROR = flags.DEFINE_enum(
  "on_error",
  None,
  ["raise", "skip"],
  "What to do about a picture in --input that cannot be read; none means as"
  " data.on_error of the run.",
)
_ALLOW_CODE = flags.DEFINE_bool(
  "allow_code",
  None,
  "Whether a network that is package.module:function may be imported and run"
  " although it is --workdir that names it: it may be somebody else's. A"
  " training takes it from --config and needs no such leave.",
)
_COORDINATOR = flags.DEFINE_string(
  "coordinator_address",
  None,
  "Several processes that train together, where no cluster is found by itself:"
  " HOST:PORT of process 0, the same for all. Each is started with the same"
  " command but for --process_id.",
)
_NUM_PROCESSES = flags.DEFINE_integer(
  "num_processes", None, "How many train together; 1 looks for no cluster."
)
_PROCESS_ID = flags.DEFINE_integer(
  "process_id", None, "Which of them this is, from 0."
)
# Flag -> modes that read it.
_READ_BY = {
  "config": ("train", "evaluate", "report"),
  "input": ("predict", "evaluate"),
  "output": ("predict", "evaluate", "export"),
  "prior": ("predict", "evaluate"),
  "tau_norm": ("predict", "evaluate", "export"),
  "parameters": ("predict", "evaluate", "export"),
  "on_error": ("predict", "evaluate"),
  "coordinator_address": ("train",),
  "num_processes": ("train",),
  "process_id": ("train",),
  "allow_code": ("predict", "evaluate", "export"),
}
_ALLOW = flags.DEFINE_bool(
  "allow_config_change",
  False,
  "Continue the run in workdir although its config was another.",
)


def main(argv):
  check(len(argv) == 1, f"unexpected argument {argv[-1]!r}")
  workdir = _WORKDIR.value or ""
  check(bool(workdir), "--workdir is missing: the run's directory")
  for name, modes in _READ_BY.items():
    check(
      flags.FLAGS[name].value is None or _MODE.value in modes,
      f"--{name} is not read by --mode={_MODE.value}, but by"
      f" {' and '.join(modes)}",
    )
  # Orbax reports every step of every save at lower levels, and what goes wrong
  # in one with a traceback; it is raised as well.
  logging.set_verbosity(logging.FATAL)
  # Imported here, so that a wrong flag is answered at once.
  from fsr_jax.processes import cluster
  from fsr_jax.run import commands

  if _MODE.value != "train" and cluster.has_a_first():
    say(
      f"process 0 of this cluster does --mode={_MODE.value}; this one is done"
    )
    return
  if _MODE.value != "train":
    from fsr_jax.run.remote import at_hand

    with at_hand(workdir) as folder:
      _use(commands, folder)
    return
  check(
    _CONFIG.value is not None,
    "--config is missing, e.g. --config=quickstart",
  )
  summary = _train(commands, workdir)
  # A run that was asked to leave has not failed, but is not done either.
  sys.exit(0 if summary is not None else os.EX_TEMPFAIL)


def _use(commands, workdir: str) -> None:
  """All modes but train."""
  if _MODE.value == "evaluate":
    _evaluate(commands, workdir)
    return
  if _MODE.value == "predict":
    commands.predict(
      workdir,
      _INPUT.value,
      _OUTPUT.value,
      _PARAMETERS.value or "last",
      _PRIOR.value,
      _ON_ERROR.value,
      _TAU_NORM.value or 0.0,
      bool(_ALLOW_CODE.value),
    )
    return
  if _MODE.value == "export":
    commands.export(
      workdir,
      _OUTPUT.value,
      _PARAMETERS.value or "last",
      _TAU_NORM.value or 0.0,
      bool(_ALLOW_CODE.value),
    )
    return
  if _MODE.value == "report":
    from fsr_jax.run.page.command import report

    report(workdir, **_where())


def _train(commands, workdir: str) -> dict | None:
  """Trains, perhaps with other processes; the first one alone speaks."""
  from fsr_jax import processes
  from fsr_jax.processes import cluster, ending
  from fsr_jax.run.remote import at_hand

  cluster.connect(
    _COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value, say
  )
  if not processes.is_first():
    say.silence()
  with ending.of_all(), at_hand(workdir, trains=True) as folder:
    return commands.train(_CONFIG.value, folder, _ALLOW.value)


def _where() -> dict[str, str | None]:
  """Where --config says that the data are, if it is given."""
  from fsr_jax.run.use.restored import WHERE

  data = _CONFIG.value.data if _CONFIG.value else {}
  return {field: data.get(field) for field in WHERE}


def _evaluate(commands, workdir: str) -> None:
  where = _where()
  both = _INPUT.value and where["test_from"]
  check(
    not both,
    f"--input={_INPUT.value} and data.test_from={where['test_from']}; expected"
    " one of them",
  )
  commands.evaluate(
    workdir,
    input_path=_INPUT.value,
    output=_OUTPUT.value,
    prior=_PRIOR.value,
    tau_norm=_TAU_NORM.value or 0.0,
    on_error=_ON_ERROR.value,
    parameters=_PARAMETERS.value or "last",
    allow_code=bool(_ALLOW_CODE.value),
    **where,
  )


def _known(error: BaseException | None) -> bool:
  """Whether it follows from what the main thread says in its one line.

  A file that cannot be written stops a thread of Orbax too, and leaves
  TensorStore calling an event loop of it that is closed, or half made.
  """
  loop = isinstance(error, RuntimeError | AttributeError) and (
    re.search("loop is closed|EventLoop", str(error)) is not None
  )
  return loop or isinstance(error, OSError)


def _no_tracebacks() -> None:
  """Keeps other threads, and what is cleaned up at the end, quiet."""
  in_thread, unraisable = threading.excepthook, sys.unraisablehook
  threading.excepthook = lambda told: (
    None if _known(told.exc_value) else in_thread(told)
  )
  sys.unraisablehook = lambda told: (
    None if _known(told.exc_value) else unraisable(told)
  )


@never_stuck()
def start() -> None:
  """Runs the command line; what a user can mend is one line on stderr."""
  outlive_stdout()
  leave_at_once()
  _no_tracebacks()
  for name in ("workdir", "mode", "allow_config_change", *_READ_BY):
    # --help tells the flags of the script that was started.
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[name])
  if not any(re.match("--?help", argument) for argument in sys.argv[1:]):
    say.wait("importing", "JAX and Flax, which takes some seconds")
  try:
    app.run(main, flags_parser=parse)
  except Left as left:
    say(str(left))
    sys.exit(os.EX_TEMPFAIL)
  # The file system's own words: no space left, permission denied, ...
  except (InputError, OSError) as error:
    sys.exit(one_line(error))
