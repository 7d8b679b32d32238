"""Processes and files that should be gone when all is done."""

import contextlib
import os
import pathlib
import signal
import subprocess

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


def end_all(folder: pathlib.Path) -> None:
  """Ends what is left of the processes, and of small disks."""
  for number in processes():
    with contextlib.suppress(ProcessLookupError):
      os.kill(number, signal.SIGKILL)
  for line in pathlib.Path("/proc/mounts").read_text().splitlines():
    if line.split()[1].startswith(str(folder)):
      subprocess.run(["umount", "-l", line.split()[1]], check=False)


def left(ground: Ground) -> list[str]:
  """Processes, and files in the folder of temporary ones, that are left."""
  found = [f"process {number}" for number in processes()]
  found += [str(path) for path in ground.temporary.rglob("*")]
  return found + left_behind(ground.reference)
