"""Full protocols on one accelerator, in as many minutes as there are.

    python -m benchmarks.accelerator --out=DIR --minutes=15 -- \\
        --config.data.data_dir=DATA
    python -m benchmarks.accelerator --out=DIR --miniature

ResNet-32 on CIFAR-10 with 40 % uniform and with instance-dependent noise,
plain training with MixUp and fsr, as main.py trains them, in bfloat16; what a
step of fsr costs, with a profile; plain steps beside PyTorch's (pip install
torch); then further seeds. First the steps are timed and it is told which rows
fit, in order of value; then they are done. --rows='cost,pytorch*' does only
those. What follows `--` goes to every run.

The same command continues what was cut off, until all calls together took
--minutes: DIR/plan.jsonl counts them. Ctrl-C, SIGTERM and the end of the time
save first (exit status 75). Writes DIR/results.csv and DIR/results.md after
every row; DIR/runs has the workdirs, DIR/profile the profiles, DIR/compiled
what was compiled. --miniature tries all of it on digits, on any machine.
"""

import math
import os
import pathlib
import sys
import time

from absl import app, flags, logging

from fsr_jax.errors import InputError, check

_BEGAN = time.monotonic()

_OUT = flags.DEFINE_string("out", None, "Folder of everything.")
_MINUTES = flags.DEFINE_float("minutes", 15.0, "Of all calls together.")
_CALL = flags.DEFINE_float(
  "call_minutes", math.inf, "Of this call, after which it leaves."
)
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the runs.")
_EPOCHS = flags.DEFINE_integer(
  "epochs", None, "A shorter protocol than the full one of 127 epochs."
)
_ROWS = flags.DEFINE_list("rows", ["*"], "Names or patterns of rows.")
_MINIATURE = flags.DEFINE_bool("miniature", False, "Only try the script.")


def main(argv):
  logging.set_verbosity(logging.ERROR)  # Orbax tells much.
  check(bool(_OUT.value), "--out is missing: the folder of everything")
  for flag in (_MINUTES, _CALL):
    check(flag.value > 0, f"--{flag.name}={flag.value}; expected above 0")
  check(math.isfinite(_MINUTES.value), "--minutes has to be a number")
  check(
    _EPOCHS.value is None or _EPOCHS.value > 0,
    f"--epochs={_EPOCHS.value}; expected above 0",
  )
  for seed in _SEEDS.value:
    check(seed.isdecimal(), f"seed {seed!r} is not a number")
  out = pathlib.Path(_OUT.value).expanduser().absolute()
  # Before JAX is imported. PyTorch shares the card in its turn; what is
  # compiled to be timed is not compiled again, in a later call neither.
  os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
  os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(out / "compiled"))
  os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
  from benchmarks.accelerator import rows, session, speed, work
  from benchmarks.accelerator.journal import Journal
  from fsr_jax.run.workdir import Workdir

  machine = speed.machine()
  print(speed.text(machine), flush=True)
  work.require_accelerator(machine, _MINIATURE.value)
  plan = rows.plan(out, _SEEDS.value, _EPOCHS.value, _MINIATURE.value, argv[1:])
  asked = rows.matching(plan, _ROWS.value)
  place = Workdir(str(out))
  place.lock()
  journal = Journal(out / "plan.jsonl", _BEGAN)
  for call in journal.find("call"):
    check(
      call["miniature"] == _MINIATURE.value,
      f"{out} is of a call with --miniature={call['miniature']}; choose"
      " another --out",
    )
  if _MINIATURE.value:
    print("note: a miniature on digits, whose numbers mean nothing")
  elif _EPOCHS.value:
    print(f"note: {_EPOCHS.value} epochs, not the full protocol")
  sizes = rows.SIZES[rows.MINIATURE if _MINIATURE.value else rows.SCALE]
  machine = {**machine, "miniature": _MINIATURE.value}
  return session.carry_out(
    session.Session(out, plan, sizes, journal, machine, asked),
    _MINUTES.value,
    _CALL.value,
  )


if __name__ == "__main__":
  try:
    app.run(main)
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
