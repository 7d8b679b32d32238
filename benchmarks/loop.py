"""What a run's loop costs beside its compiled step, and when it compiles.

    python benchmarks/loop.py
    python benchmarks/loop.py --rows=digits,features --pairs=20

Throughput of an epoch as main.py trains it (order of the examples, calls,
progress, refresh and measures at the end; data on the device, nothing
evaluated or saved) over that of the bare compiled step, called in a Python loop
on the same batches. Paired: in every round each runs once, and the median over
rounds of the ratio counts.

Then main.py's own run of the digits, from a cold cache: seconds to the first
call of training steps done, and how many programs were compiled by then, after
the first epoch and at the end.
"""

from collections.abc import Callable
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from absl import app, flags, logging
import jax
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # Works without installing anything.

from benchmarks import scales  # noqa: E402
from fsr_jax.errors import InputError, choose  # noqa: E402
from fsr_jax.maths import randomness  # noqa: E402
from fsr_jax.run.loop import Run  # noqa: E402
from fsr_jax.train.metrics import Metrics  # noqa: E402

FILE = "folder.py:{}"
# name -> (config below configs/, fields, shape of random inputs if any).
ROWS = {
  "digits": ("quickstart.py", {}, None),
  "features": (FILE, {}, (50_000, 256)),
  "resnet8": (FILE, {"network": "resnet8"}, (1_000, 32, 32, 3)),
}
# Neither the end of the run nor an evaluation nor a checkpoint comes near.
_FAR = 10_000
_QUIET = {
  "num_epochs": _FAR,
  "warmup_epochs": 0,
  "eval_every_epochs": _FAR,
  "checkpoint_every_epochs": _FAR,
  "checkpoint_every_minutes": 0.0,
}

_ROWS = flags.DEFINE_list("rows", list(ROWS), "Which rows.")
_PAIRS = flags.DEFINE_integer("pairs", 10, "Rounds of each row.")
_EPOCHS = flags.DEFINE_integer("epochs", 6, "Of the digits' own run.")


class Pair(NamedTuple):
  """An epoch two ways.

  Attributes:
    whole: trains one as a run does, and waits for it.
    bare: calls the compiled step as often on the same batches, and waits.
    states: () -> (TrainState of the one, of the other).
  """

  whole: Callable[[], None]
  bare: Callable[[], None]
  states: Callable[[], tuple]


def random_file(folder: pathlib.Path, shape: tuple[int, ...]) -> pathlib.Path:
  """Random inputs of ten classes in the form that configs/folder.py takes."""
  rng, path = np.random.default_rng(0), folder / f"{len(shape)}.npz"
  if len(shape) == 2:
    image = rng.normal(size=shape).astype(np.float32)
  else:
    image = rng.integers(0, 256, shape, dtype=np.uint8)
  label = np.arange(len(image)) % 10
  tests = {"test_image": image[:100], "test_label": label[:100]}
  np.savez(path, image=image, label=label, **tests)
  return path


def begin(row: tuple, workdir: pathlib.Path) -> Run:
  """The run of a row of ROWS, of which nothing is trained yet."""
  file, fields, shape = row
  if shape is not None:
    file = file.format(random_file(workdir.parent, shape))
  arguments = [f"--config={ROOT / 'configs' / file}"]
  arguments += scales.as_flags({**_QUIET, **fields, "num_devices": 1})
  return Run(scales.load(arguments), str(workdir))


def pair(name: str, folder: pathlib.Path) -> Pair:
  """An epoch of a row, both ways, on states of their own."""
  run = begin(ROWS[name], folder / name)
  programs, per_epoch = run.programs, run.programs.steps_per_epoch
  seed, epoch = run.options.run.seed, iter(range(_FAR))
  step = programs._compiled.steps[programs.rewarded(0)]
  size = programs.steps_per_call(run._state.params)
  order = randomness.epoch_order(
    seed, 0, len(run.data.train), len(run.data.train) // per_epoch
  )
  chunks = [order[i : i + size] for i in range(0, per_epoch, size)]
  held = [programs.devices.put(programs.create_state())]
  writer = run._keeper.open_scalars(0)

  def whole():
    run.step = per_epoch * (number := next(epoch))
    run._train_epoch(number)
    run._end_epoch(number, writer)
    jax.block_until_ready(run._state)

  def bare():
    totals = programs.devices.put(Metrics.zero())
    state = held.pop()
    for chunk in chunks:
      state, totals = step(state, totals, programs._train, chunk, None)
    held.append(jax.block_until_ready(state))

  return Pair(whole, bare, lambda: (run._state, held[0]))


def seconds(function: Callable[[], None]) -> float:
  """Wall time of a call."""
  started = time.perf_counter()
  function()
  return time.perf_counter() - started


def compare(two: Pair, rounds: int) -> tuple[float, float, float]:
  """(throughput ratio, seconds of an epoch, of the bare steps), medians.

  Two rounds before them, in which programs are compiled, do not count.
  """
  times = [(seconds(two.whole), seconds(two.bare)) for _ in range(rounds + 2)][
    2:
  ]
  return (
    statistics.median(bare / whole for whole, bare in times),
    statistics.median(whole for whole, _ in times),
    statistics.median(bare for _, bare in times),
  )


# main.py with a line for every program compiled.
_TOLD = """
import runpy, sys
import jax
def heard(event, seconds, **unused):
  if event == "/jax/core/compile/backend_compile_duration":
    print("compiled", flush=True)
jax.monitoring.register_event_duration_secs_listener(heard)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def compilations(epochs: int, workdir: str) -> tuple[float, dict[str, int]]:
  """A run of the digits in a process of its own, its cache cold.

  Args:
    epochs: of it.
    workdir: of it.

  Returns:
    (seconds to the first call of steps done, programs compiled by then
    ("first call"), after each epoch ("epoch 1", ...) and at the "end").

  Raises:
    InputError: it failed.
  """
  environment = dict(os.environ)
  environment.pop("JAX_COMPILATION_CACHE_DIR", None)
  fields = {"num_epochs": epochs, "warmup_epochs": 1, "log_every_seconds": 0.0}
  started, first, count, found = time.perf_counter(), None, 0, {}
  with subprocess.Popen(
    [
      *(sys.executable, "-c", _TOLD, str(ROOT / "main.py")),
      f"--config={ROOT / 'configs' / 'quickstart.py'}",
      f"--workdir={workdir}",
      *scales.as_flags(fields),
    ],
    stdout=subprocess.PIPE,
    text=True,
    env=environment,
  ) as child:
    for line in child.stdout:
      if line == "compiled\n":
        count += 1
      elif match := re.match(r"epoch +(\d+)/", line):
        if first is None:
          first = time.perf_counter() - started
          found["first call"] = count
        found[f"epoch {match[1]}"] = count
  if child.returncode or first is None:
    raise InputError(f"main.py ended with {child.returncode}")
  return first, {**found, "end": count}


def main(argv):
  del argv
  logging.set_verbosity(logging.ERROR)  # Orbax tells much.
  for name in _ROWS.value:
    choose("row", name, ROWS)
  print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}\n")
  print("| row | throughput, share of the bare step's | epoch | bare |")
  print("|---|---|---|---|")
  with tempfile.TemporaryDirectory() as folder:
    for name in _ROWS.value:
      two = pair(name, pathlib.Path(folder))
      ratio, whole, bare = compare(two, _PAIRS.value)
      print(f"| {name} | {ratio:.3f} | {whole:.4f} s | {bare:.4f} s |")
    first, counts = compilations(_EPOCHS.value, f"{folder}/own")
  print(f"\nmain.py on the digits: {first:.1f} s to the first steps done;")
  told = ", ".join(f"{n} {where}" for where, n in counts.items())
  print(f"programs compiled: {told}")


if __name__ == "__main__":
  try:
    app.run(main)
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
