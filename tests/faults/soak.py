"""Hours of training with faults: memory stays flat, nothing is left behind."""

import os
import pathlib

from tests.faults.compare import left_behind
from tests.faults.ground import MARK, Ground


def processes() -> list[int]:
  """Processes of this harness that are alive, other than itself."""
  mark, found = f"{MARK}={os.getpid()}".encode(), []
  for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
      if mark in path.read_bytes().split(b"\0"):
        found.append(int(path.parent.name))
    except OSError:  # Ended meanwhile, or somebody else's.
      continue
  return found


def left(ground: Ground) -> list[str]:
  """Processes, and files in the folder of temporary ones, that are left."""
  found = [f"process {number}" for number in processes()]
  found += [str(path) for path in ground.temporary.rglob("*")]
  return found + left_behind(ground.reference)


def soak(ground: Ground, minutes: float, seed: int) -> int:
  raise NotImplementedError
