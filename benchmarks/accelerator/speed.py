"""How fast compiled training steps are, and on what."""

from collections.abc import Iterable
import math
import statistics
import subprocess
import time
from typing import NamedTuple

import jax
import numpy as np

from benchmarks import cost
from fsr_jax.data.dataset import Data, Split
from fsr_jax.run.watch.stopwatch import versions
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.options import TrainOptions
from fsr_jax.train.parallel import Devices
from fsr_jax.train.programs import Programs

# Timed steps at least, and timed calls.
_STEPS, _CALLS = 48, 3


class Speed(NamedTuple):
  """Of one program.

  Attributes:
    images_per_second: median over timed calls.
    steps_per_call: training steps of one compiled call.
    compile_seconds: of the first call, compiling included.
  """

  images_per_second: float
  steps_per_call: int
  compile_seconds: float


def measure(
  options: TrainOptions, data: Data, full_calls: bool = False
) -> Speed:
  """Speed of the training steps, with weights learned where they are.

  They are compiled as a run compiles them; a run of the same options in this
  process does not compile them again.

  Args:
    options: TrainOptions.
    data: Data that fit on the device.
    full_calls: take the batches again where an epoch is shorter than a call;
      a run does not.
  """
  programs = Programs(options, data, Devices(1), seed=0)
  state = programs.devices.put(programs.create_state())
  totals = programs.devices.put(Metrics.zero())
  epoch = options.reweighting.warmup_epochs
  batches = programs.batches(epoch, seed=0)
  size = programs.steps_per_call(state.params)
  if not full_calls:
    size = min(size, len(batches))
  batches = np.resize(batches, (size, batches.shape[1]))
  seconds = []
  for _ in range(1 + max(_CALLS, math.ceil(_STEPS / size))):
    started = time.perf_counter()
    state, totals = programs.step(state, totals, batches, None, epoch)
    jax.block_until_ready(state)
    seconds.append(time.perf_counter() - started)
  first, *others = seconds
  return Speed(batches.size / statistics.median(others), size, first)


def plain(network: str, batch_size: int) -> TrainOptions:
  """Plain training in bfloat16, images as they are."""
  fields = {
    "method": "plain",
    "compute_dtype": "bfloat16",
    "data": {"crop_padding": 0, "flip": False},
  }
  return cost.options_of(fields, network, batch_size, batch_size)


def noise(batch_size: int, side: int, num_classes: int) -> Data:
  """Random images, four batches of them."""
  rng, count = np.random.default_rng(0), 4 * batch_size
  image = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
  split = Split(image, np.arange(count, dtype=np.int32) % num_classes)
  names = tuple(str(c) for c in range(num_classes))
  return Data(split, split.take(np.arange(batch_size)), names)


def machine() -> dict[str, str]:
  """What this is measured on.

  Returns:
    {"platform": "gpu", "device": its name, "driver": of NVIDIA's cards, else
    "", "versions": of the libraries}.
  """
  device = jax.devices()[0]
  return {
    "platform": device.platform,
    "device": device.device_kind,
    "driver": _driver(),
    "versions": versions(),
  }


def _driver() -> str:
  query = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
  try:
    found = subprocess.run(
      query, capture_output=True, text=True, timeout=20, check=True
    )
  except (OSError, subprocess.SubprocessError):
    return ""
  return next(iter(found.stdout.splitlines()), "").strip()


def text(machine_: dict[str, str]) -> str:
  """The machine on one line."""
  parts: Iterable[str] = (
    machine_["device"],
    machine_["driver"] and f"driver {machine_['driver']}",
    machine_["versions"],
  )
  return ", ".join(filter(None, parts))
