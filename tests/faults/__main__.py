"""Tries faults, and prints a row for each."""

import argparse
import collections
from collections.abc import Callable
import concurrent.futures
import os
import pathlib
import shutil
import sys
import tempfile
import time
from typing import NamedTuple
import zlib

# This process reads checkpoints, and needs no accelerator for it.
os.environ["JAX_PLATFORMS"] = "cpu"

from tests.faults import damaged, interrupted, limits, soak, strangers  # noqa: E402
from tests.faults.ground import Ground, Lost, NotRun, Try  # noqa: E402


class Fault(NamedTuple):
  """One row.

  Attributes:
    name: what happens.
    function: of a Try; returns words to be counted, raises Lost or NotRun.
    short, long: how often it is tried.
  """

  name: str
  function: Callable[[Try], list[str]]
  short: int
  long: int


def _not_yet(why: str) -> Callable[[Try], list[str]]:
  def fault(t: Try) -> list[str]:
    raise NotRun(why)

  return fault


_KILLED, _SIGNALLED = interrupted.killed, interrupted.signalled
FAULTS = (
  Fault("killed (-9) at any moment", _KILLED(interrupted.anywhere), 1, 12),
  Fault("killed while it trains", _KILLED(interrupted.steps), 1, 12),
  Fault("killed while it saves", _KILLED(interrupted.save), 2, 16),
  Fault("killed at an epoch's end", _KILLED(interrupted.epoch_end), 1, 12),
  Fault("killed while results are written", _KILLED(interrupted.finish), 1, 12),
  Fault("a signal at any moment", _SIGNALLED(None), 2, 24),
  Fault(
    "a signal in the first second",
    _SIGNALLED(interrupted.first_second),
    1,
    8,
  ),
  Fault("two signals", _SIGNALLED(None, 2), 1, 12),
  Fault("three signals", _SIGNALLED(None, 3), 1, 12),
  Fault("paused, and started a second time", interrupted.paused, 1, 4),
  Fault("started twice at once", interrupted.at_once, 0, 4),
  Fault("killed while a finished run is used", interrupted.used, 0, 8),
  Fault("a bit of a checkpoint", damaged.checkpoint(damaged.flip), 3, 60),
  Fault("a checkpoint's file cut", damaged.checkpoint(damaged.cut), 1, 20),
  Fault("a checkpoint's file gone", damaged.checkpoint(damaged.remove), 1, 20),
  Fault(
    "a checkpoint's file is noise", damaged.checkpoint(damaged.noise), 0, 20
  ),
  Fault("a checkpoint of another name", damaged.renamed_checkpoint, 1, 3),
  Fault("a bit of another file", damaged.file(damaged.flip), 3, 60),
  Fault("another file cut", damaged.file(damaged.cut), 1, 20),
  Fault("another file is noise", damaged.file(damaged.noise), 0, 10),
  Fault("odd lines in metrics.jsonl", damaged.metrics_lines, 1, 3),
  Fault("a bit of a finished run in use", damaged.used, 0, 40),
  Fault("a damaged picture, raise", damaged.pictures("raise"), 1, 8),
  Fault("a damaged picture, skip", damaged.pictures("skip"), 1, 8),
  Fault("a limit of file size", limits.file_size, 2, 24),
  Fault("a full disk", limits.full_disk, 1, 16),
  Fault("a disk that others fill", limits.full_disk_of_others, 0, 12),
  Fault("few file descriptors", limits.descriptors, 1, 16),
  Fault("nobody reads its output", limits.one_line, 1, 6),
  Fault("closed output", limits.closed_streams, 1, 4),
  Fault("output on a full disk", limits.full_output, 0, 2),
  Fault("a workdir that becomes read-only", limits.read_only, 1, 8),
  Fault("a workdir that is removed", limits.workdir_gone, 0, 4),
  Fault("links in the place of files", strangers.links, 2, 32),
  Fault("code that a workdir names", strangers.code, 0, 1),
  Fault("one of two processes killed", _not_yet("not written yet"), 0, 1),
)


class Result(NamedTuple):
  """Of one try."""

  words: list[str]
  lost: str
  not_run: str


def attempt(ground: Ground, fault: Fault, seed: int) -> Result:
  """Tries it once; the folder of one that lost something is kept."""
  t = Try(ground, fault.name, seed)
  try:
    result = Result(fault.function(t), "", "")
  except Lost as lost:
    print(f"LOST {fault.name}, {t.folder}: {lost}", file=sys.stderr, flush=True)
    return Result([], str(lost), "")
  except NotRun as why:
    result = Result([], "", str(why))
  t.done()
  return result


def row(fault: Fault, results: list[Result]) -> tuple[str, int, int]:
  """(a line of the table, tried, lost)."""
  why = [result.not_run for result in results if result.not_run]
  tried, lost = len(results) - len(why), sum(bool(r.lost) for r in results)
  words = collections.Counter(word for r in results for word in r.words)
  told = [f"{count} {word}" for word, count in sorted(words.items())]
  told += [f"not run: {why[0]}"] if why else []
  cells = fault.name, tried, tried - lost, lost, ", ".join(told)
  return f"| {' | '.join(map(str, cells))} |", tried, lost


def table(ground: Ground, faults: list[tuple[Fault, int]], seed: int) -> int:
  """Tries so many of each, prints the table.

  Returns:
    How many lost something.
  """
  began = time.monotonic()
  print("| fault | tried | survived | lost | |\n|---|---|---|---|---|")
  tried = lost = 0
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    futures = [
      (
        fault,
        [
          pool.submit(attempt, ground, fault, s) for s in _seeds(fault, seed, n)
        ],
      )
      for fault, n in faults
    ]
    for fault, started in futures:
      line, new, gone = row(fault, [future.result() for future in started])
      print(line, flush=True)
      tried, lost = tried + new, lost + gone
  left = soak.left(ground)
  cells = "nothing is left behind", 1, int(not left), int(bool(left))
  print(f"| {' | '.join(map(str, cells))} | {', '.join(left)} |")
  tried, lost = tried + 1, lost + bool(left)
  print(f"\n{time.monotonic() - began:.0f} s")
  print(f"{tried - lost} of {tried} survived", flush=True)
  return lost


def _seeds(fault: Fault, seed: int, count: int) -> list[int]:
  first = zlib.crc32(f"{fault.name} {seed}".encode())
  return [first + i for i in range(count)]


def main() -> int:
  parser = argparse.ArgumentParser(
    prog="python -m tests.faults", description=__doc__
  )
  add = parser.add_argument
  add("--long", action="store_true", help="every fault, many times")
  add("--soak", type=float, help="minutes of training with random faults")
  add("--only", default="", help="faults with these words in their name")
  add("--tries", type=int, help="of each fault")
  add("--seed", type=int, default=0)
  options = parser.parse_args()
  folder = pathlib.Path(tempfile.mkdtemp(prefix="fsr_jax_faults_"))
  began = time.monotonic()
  ground = Ground(folder)
  print(f"prepared in {time.monotonic() - began:.0f} s", file=sys.stderr)
  if options.soak:
    lost = soak.soak(ground, options.soak, options.seed)
  else:
    faults = []
    for fault in FAULTS:
      count = fault.long if options.long else fault.short
      if options.only:
        count = (options.only in fault.name) * (count or 1)
      count = min(count, 1) * options.tries if options.tries else count
      if count:
        faults.append((fault, count))
    lost = table(ground, faults, options.seed)
  if not lost:
    shutil.rmtree(folder)
  return bool(lost)


if __name__ == "__main__":
  sys.exit(main())
