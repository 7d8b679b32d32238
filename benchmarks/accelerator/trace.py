"""Which operations of a step take the time, from a profile of it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp

from benchmarks import cost
from fsr_jax.errors import check
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.state import Resident

# Steps before the profile, and in it.
_WARM, _STEPS = 3, 10


class Operation(NamedTuple):
  """Of a compiled program, or a kernel of the device.

  Attributes:
    name: of it.
    seconds: in all that was profiled, without operations within it.
    count: how often it ran.
  """

  name: str
  seconds: float
  count: int


def record(
  row: cost.Row, data: Resident, batch_size: int, folder: pathlib.Path
) -> list[Operation]:
  """Profiles some steps of a compiled row; TensorBoard and Perfetto read it.

  Args:
    row: cost.Row that needs no held-out samples.
    data: that it was compiled for.
    batch_size: B.
    folder: for the profile.

  Returns:
    Its operations, those that take most first.
  """
  data = jax.device_put(data.replace(held_out=None))
  state, totals = row.create(), Metrics.zero()
  index = jnp.arange(batch_size)[None]
  options = jax.profiler.ProfileOptions()
  options.python_tracer_level = 0  # Python's calls are not asked for.

  def steps(count, state, totals):
    for _ in range(count):
      state, totals = row.step(state, totals, data, index)
    return jax.block_until_ready((state, totals))

  state, totals = steps(_WARM, state, totals)
  with jax.profiler.trace(str(folder), profiler_options=options):
    steps(_STEPS, state, totals)
  return operations(newest(folder))


def newest(folder: pathlib.Path) -> jax.profiler.ProfileData:
  """The newest profile in a folder.

  Raises:
    InputError: there is none.
  """
  found = sorted(folder.rglob("*.xplane.pb"), key=lambda p: p.stat().st_mtime)
  check(bool(found), f"no profile was written to {folder}")
  return jax.profiler.ProfileData.from_file(str(found[-1]))


def operations(profile: jax.profiler.ProfileData) -> list[Operation]:
  """Operations of a profile, those that take most first."""
  seconds: dict[str, float] = defaultdict(float)
  count: dict[str, int] = defaultdict(int)
  for events in _lines(list(profile.planes)):
    for name, own in own_times(events):
      seconds[name] += own / 1e9
      count[name] += 1
  names = sorted(seconds, key=seconds.__getitem__, reverse=True)
  return [Operation(name, seconds[name], count[name]) for name in names]


def _lines(planes: list) -> Iterator[list[tuple[str, float, float]]]:
  """(name, start, duration) of the events of each line, in ns.

  Of accelerators all that ran; of a CPU what is an operation of a program.
  """
  devices = [p for p in planes if p.name.startswith("/device:")]
  for plane in devices or planes:
    lines = list(plane.lines)
    # A TPU tells the same time by step, by program and by operation.
    chosen = [line for line in lines if line.name == "XLA Ops"] or lines
    for line in chosen:
      events = []
      for event in line.events:
        operation = dict(event.stats).get("hlo_op")
        if devices or operation:
          name = str(operation or event.name)
          events.append((name, event.start_ns, event.duration_ns))
      yield events


def own_times(
  events: Iterable[tuple[str, float, float]],
) -> Iterator[tuple[str, float]]:
  """(name, duration without that of events within it) of each event.

  Args:
    events: (name, start, duration) of one line.
  """
  open_: list[list] = []  # [name, end, own duration], each within the last.
  for name, start, duration in sorted(events, key=lambda e: (e[1], -e[2])):
    while open_ and open_[-1][1] <= start:
      closed = open_.pop()
      yield closed[0], closed[2]
    if open_:  # Kernels of a graph may overlap without lying within another.
      open_[-1][2] -= min(duration, open_[-1][1] - start)
    open_.append([name, start + duration, duration])
  for name, _, own in open_:
    yield name, own
