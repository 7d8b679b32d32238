"""Every fault with how often it is tried; rows of a table."""

import collections
from collections.abc import Callable
import concurrent.futures
import os
import signal
import sys
import time
import traceback
from typing import NamedTuple
import zlib

from tests.faults import damaged, interrupted, limits, several, strangers
from tests.faults.ground import Ground, Lost, NotRun, Try
from tests.faults.left import left


class Fault(NamedTuple):
  """One row.

  Attributes:
    name: what happens.
    function: of a Try; returns words to be counted, raises Lost or NotRun.
    long, short: how often it is tried.
    soak: whether it is one of those of the soak.
  """

  name: str
  function: Callable[[Try], list[str]]
  long: int
  short: int = 0
  soak: bool = False


_KILLED, _SIGNALLED = interrupted.killed, interrupted.signalled
_CHECKPOINT, _FILE = damaged.checkpoint, damaged.file
FAULTS = (
  Fault("killed (-9) at any moment", _KILLED(interrupted.anywhere), 5, 1, True),
  Fault("killed while it trains", _KILLED(interrupted.steps), 5, 0, True),
  Fault("killed while it saves", _KILLED(interrupted.save), 6, 1, True),
  Fault("killed at an epoch's end", _KILLED(interrupted.epoch_end), 5, 0, True),
  Fault("killed in the last second", _KILLED(interrupted.finish), 5, 1, True),
  Fault("a signal at any moment", _SIGNALLED(None), 8, 1, True),
  Fault("a signal in the first second", _SIGNALLED(interrupted.begin), 2),
  Fault("two signals", _SIGNALLED(None, 2), 4, 1, True),
  Fault("three signals", _SIGNALLED(None, 3), 4, 0, True),
  Fault("paused, and started a second time", interrupted.paused, 2, 1, True),
  Fault("started twice at once", interrupted.at_once, 2),
  Fault("killed while a finished run is used", interrupted.used, 3),
  Fault("one of two processes killed", several.hit(signal.SIGKILL), 3),
  Fault("a signal to one of two processes", several.hit(signal.SIGTERM), 3),
  Fault("a bit of a checkpoint", _CHECKPOINT(damaged.flip), 20, 2),
  Fault("a checkpoint's file cut", _CHECKPOINT(damaged.cut), 5),
  Fault("a checkpoint's file gone", _CHECKPOINT(damaged.remove), 4),
  Fault("a checkpoint's file is noise", _CHECKPOINT(damaged.noise), 4),
  Fault("a checkpoint of another name", damaged.renamed_checkpoint, 1),
  Fault("a bit of another file", _FILE(damaged.flip), 20, 2),
  Fault("another file cut", _FILE(damaged.cut), 5),
  Fault("another file gone", _FILE(damaged.remove), 5),
  Fault("another file is noise", _FILE(damaged.noise), 3),
  Fault("odd lines in metrics.jsonl", damaged.metrics_lines, 1),
  Fault("a bit of a finished run in use", damaged.used, 8),
  Fault("a damaged picture, on_error=raise", damaged.pictures("raise"), 3),
  Fault("a damaged picture, on_error=skip", damaged.pictures("skip"), 3),
  Fault("a limit of file size", limits.file_size, 6, 1, True),
  Fault("such a limit and on_save_error=go_on", limits.goes_on, 3, 0, True),
  Fault("a full disk", limits.full_disk, 4, 1, True),
  Fault("a disk that others fill", limits.full_disk_of_others, 3, 0, True),
  Fault("few file descriptors", limits.descriptors, 5, 1),
  Fault("nobody reads its output", limits.one_line, 2),
  Fault("closed output", limits.closed_streams, 2, 1),
  Fault("output on a full disk", limits.full_output, 1),
  Fault("a workdir that becomes read-only", limits.read_only, 3),
  Fault("a workdir that is removed", limits.workdir_gone, 2),
  Fault("links in the place of files", strangers.links, 8, 1),
  Fault("code that a workdir names", strangers.code, 1),
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
    t.done()
    return result
  except NotRun as why:
    t.done()
    return Result([], "", str(why))
  # Of the harness itself, too: it has not seen that all is well.
  except Exception as error:
    if not isinstance(error, Lost):
      traceback.print_exc()
    print(
      f"LOST {fault.name}, {t.folder}: {error}", file=sys.stderr, flush=True
    )
    return Result([], f"{type(error).__name__}: {error}", "")


def row(fault: Fault, results: list[Result]) -> tuple[str, int, int]:
  """(a line of the table, tried, lost)."""
  why = [result.not_run for result in results if result.not_run]
  tried, lost = len(results) - len(why), sum(bool(r.lost) for r in results)
  words = collections.Counter(word for r in results for word in r.words)
  told = [f"{count} {word}" for word, count in sorted(words.items())]
  told += [f"not run: {why[0]}"] if why else []
  cells = fault.name, tried, tried - lost, lost, ", ".join(told)
  return f"| {' | '.join(map(str, cells))} |", tried, lost


def table(
  ground: Ground,
  faults: list[tuple[Fault, int]],
  seed: int,
  workers: int | None = None,
) -> int:
  """Tries so many of each, so many at a time, and prints the table.

  Returns:
    How many lost something.
  """
  began = time.monotonic()
  print("| fault | tried | survived | lost | |\n|---|---|---|---|---|")
  tried = lost = 0
  with concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count()) as pool:
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
      line, new, missing = row(fault, [future.result() for future in started])
      print(line, flush=True)
      tried, lost = tried + new, lost + missing
  gone = left(ground)
  cells = "nothing is left behind", 1, int(not gone), int(bool(gone))
  print(f"| {' | '.join(map(str, cells))} | {', '.join(gone)} |")
  tried, lost = tried + 1, lost + bool(gone)
  print(f"\n{time.monotonic() - began:.0f} s")
  print(f"{tried - lost} of {tried} survived", flush=True)
  return lost


def _seeds(fault: Fault, seed: int, count: int) -> list[int]:
  first = zlib.crc32(f"{fault.name} {seed}".encode())
  return [first + i for i in range(count)]
