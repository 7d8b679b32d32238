"""Tries faults, and prints a row for each."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile

# This process reads checkpoints, and needs no accelerator for it.
os.environ["JAX_PLATFORMS"] = "cpu"

from absl import logging  # noqa: E402

from tests.faults.ground import Ground  # noqa: E402
from tests.faults.left import end_all  # noqa: E402
from tests.faults.soak import soak  # noqa: E402
from tests.faults.table import FAULTS, table  # noqa: E402


def _tried(ground: Ground, options: argparse.Namespace) -> int:
  """What is asked for; returns how many tries lost something."""
  if options.soak:
    return soak(ground, options.soak, options.seed)
  faults = []
  for fault in FAULTS:
    count = fault.long if options.long else fault.short
    if options.only:
      count = (options.only in fault.name) * (count or 1)
    count = min(count, 1) * options.tries if options.tries else count
    if count:
      faults.append((fault, count))
  return table(ground, faults, options.seed, options.workers)


def main() -> int:
  parser = argparse.ArgumentParser(
    prog="python -m tests.faults", description=__doc__
  )
  parser.add_argument(
    "--long", action="store_true", help="every fault, many times"
  )
  parser.add_argument(
    "--soak", type=float, help="minutes of training with random faults"
  )
  parser.add_argument(
    "--only", default="", help="faults with these words in their name"
  )
  parser.add_argument("--tries", type=int, help="of each fault")
  parser.add_argument(
    "--workers", type=int, help="tries at a time; by default one a core"
  )
  parser.add_argument("--seed", type=int, default=0)
  options = parser.parse_args()
  logging.set_verbosity(logging.FATAL)  # Orbax, of checkpoints that it reads.
  folder = pathlib.Path(tempfile.mkdtemp(prefix="fsr_jax_faults_"))

  def leave(number, frame):
    del number, frame
    # Of tries that are cut off, nothing is said.
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    end_all(folder)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)

  for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, leave)
  try:
    lost = _tried(Ground(folder), options)
  finally:
    end_all(folder)
  if not lost:
    shutil.rmtree(folder)
  return bool(lost)


if __name__ == "__main__":
  sys.exit(main())
