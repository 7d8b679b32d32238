"""Hours of training with faults: memory stays flat, nothing is left behind."""

import itertools
import os
import pathlib
import signal
import statistics
import threading
import time
from typing import NamedTuple

import numpy as np

from tests.faults.ground import Ground, Running, Try
from tests.faults.left import left
from tests.faults.table import FAULTS, attempt, row

# Of the run that goes on all the time: it has more steps an epoch, since every
# epoch is written. It saves every two seconds: the first 300 saves take some
# 30 MB that later ones use again, and are over when it is warm.
_ENDLESS = {
  "num_epochs": 10_000_000,
  "batch_size": 20,
  "checkpoint_every_epochs": 10_000_000,
  "checkpoint_every_minutes": 0.03,
  "log_every_seconds": 10,
}
_EVERY = 5.0  # seconds between samples
# Descriptors and threads that it may have more at the end: of a save.
_SOME = 3
# Share of the time after which it is warm, and memory at that time is taken
# over as long a share as at the end.
_WARM, _SHARE = 0.2, 0.2
_FLAT = 0.02
_MIB = 2.0**20


class Sample(NamedTuple):
  """What a process holds.

  Attributes:
    seconds: since it began.
    memory: resident, bytes.
    descriptors, threads: how many.
  """

  seconds: float
  memory: int
  descriptors: int
  threads: int


def _sample(number: int, seconds: float) -> Sample:
  path = pathlib.Path(f"/proc/{number}")
  pages = int((path / "statm").read_text().split()[1])
  return Sample(
    seconds,
    pages * os.sysconf("SC_PAGE_SIZE"),
    len(list((path / "fd").iterdir())),
    len(list((path / "task").iterdir())),
  )


def _watch(running: Running, over: threading.Event) -> list[Sample]:
  """Samples until it is over, or the process has ended."""
  began, samples = time.monotonic(), []
  while not over.wait(_EVERY) and running.process.poll() is None:
    samples.append(_sample(running.process.pid, time.monotonic() - began))
  return samples


def _flat(samples: list[Sample]) -> list[str]:
  """Prints what it held; what grew, in words."""
  whole, grown = samples[-1].seconds, []
  warm = [x for x in samples if _WARM <= x.seconds / whole <= _WARM + _SHARE]
  last = [x for x in samples if x.seconds / whole >= 1 - _SHARE]
  for field in ("memory", "descriptors", "threads"):
    a, b = (
      statistics.median(getattr(x, field) for x in part)
      for part in (warm, last)
    )
    most = max(getattr(x, field) for x in samples)
    unit = _MIB if field == "memory" else 1
    text = (
      f"{field}{' in MiB' * (field == 'memory')}: {a / unit:,.1f} when warm,"
      f" {b / unit:,.1f} at the end ({b / a - 1:+.2%}), at most"
      f" {most / unit:,.1f}"
    )
    print(text)
    if b > a + (_FLAT * a if field == "memory" else _SOME):
      grown.append(text)
  return grown


def soak(ground: Ground, minutes: float, seed: int) -> int:
  """Trains one run all the time, and beside it others with random faults.

  Returns:
    How many of them, and of the questions asked at the end, are lost.
  """
  endless = Try(ground, "endless", seed)
  running = endless.start(*(f"--config.{k}={v}" for k, v in _ENDLESS.items()))
  over, samples = threading.Event(), []
  watcher = threading.Thread(
    target=lambda: samples.extend(_watch(running, over))
  )
  watcher.start()
  faults = [fault for fault in FAULTS if fault.soak]
  rng, end = np.random.default_rng(seed), time.monotonic() + 60 * minutes
  results: dict[str, list] = {fault.name: [] for fault in faults}
  for i in itertools.count():
    if time.monotonic() > end:
      break
    fault = faults[rng.integers(len(faults))]
    results[fault.name].append(attempt(ground, fault, seed + i))
  over.set()
  watcher.join()
  running.send(signal.SIGTERM)
  ended = running.wait()
  lines = len((endless.workdir / "metrics.jsonl").read_bytes().splitlines())
  endless.done()
  return _told(ground, results, samples, ended, lines, minutes)


def _told(ground, results, samples, ended, lines, minutes) -> int:
  """Prints the table of a soak; returns what was lost."""
  tried = lost = 0
  print("| fault | tried | survived | lost | |\n|---|---|---|---|---|")
  for fault in FAULTS:
    if results.get(fault.name):
      line, new, gone = row(fault, results[fault.name])
      print(line)
      tried, lost = tried + new, lost + gone
  print(f"\n{minutes:g} minutes; the run beside them did {lines:,} epochs")
  questions = {
    "memory, descriptors and threads are flat": _flat(samples),
    "the run beside them leaves as it should": []
    if ended.status == 75 and not ended.err
    else [ended.told()],
    "nothing is left behind": left(ground),
  }
  for question, wrong in questions.items():
    print(f"{question}: {'; '.join(wrong) or 'yes'}")
    tried, lost = tried + 1, lost + bool(wrong)
  print(f"{tried - lost} of {tried} survived", flush=True)
  return lost
