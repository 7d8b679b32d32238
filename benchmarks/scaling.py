"""What the state of a run and the end of an epoch cost, by number of examples.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --measure=1e5,1e6,1e7 --repeats=3

Bytes are computed from the shapes of the state as a run creates it, memory of
the end of an epoch is the compiler's own analysis (nothing is allocated), and
times are measured here: the median of some rounds, after one that is left out.
"""

from collections.abc import Callable, Sequence
import functools
import math
import os
import pathlib
import statistics
import sys
import time

from absl import app, flags
import jax
import jax.numpy as jnp
import numpy as np

# Works without installing anything.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks import tables
from fsr_jax import reweighting
from fsr_jax.data.dataset import Data, Split
from fsr_jax.errors import InputError, check
from fsr_jax.maths import randomness
from fsr_jax.run import monitor

# Ways to trust samples, as the options of a reweighter.
ROWS = {
  "queue": {"rewards": "queue"},
  "dictionary": {"rewards": "dictionary"},
  "dictionary, no share": {"rewards": "dictionary", "dictionary_share": 0.0},
}
# Arrays beside the state, bytes an example: on every device, then on the host.
DEVICE = {"given labels": 4, "widths over heights": 4}
HOST = {
  "given labels": 4,
  "clean labels": 4,
  "positions of pictures": 8,
  "order of an epoch": 4,
}
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))

_EXAMPLES = flags.DEFINE_list(
  "examples", ["1e6", "1e7", "1e8", "1e9"], "N, computed."
)
_CLASSES = flags.DEFINE_list("classes", ["1e2", "1e3", "1e4"], "C.")
_DEVICES = flags.DEFINE_list(
  "devices", ["8", "64", "512"], "Devices that the rows are shared out to."
)
_FEATURES = flags.DEFINE_integer("features", 512, "F, of a sample.")
_MEASURE = flags.DEFINE_list("measure", [], "N, measured; none: no times.")
_REPEATS = flags.DEFINE_integer("repeats", 3, "Timed calls.")
_MEASURED_CLASSES = flags.DEFINE_integer("measured_classes", 1000, "C of them.")


def text(size: float) -> str:
  """A number of bytes, in the unit that it is at least one of."""
  for unit, name in _UNITS:
    if size >= unit:
      return f"{size / unit:.3g} {name}"
  return f"{size:g} B"


def whole(number: str) -> int:
  """An int of a text such as 1e6."""
  try:
    found = float(number)
  except ValueError:
    found = -1.0
  check(
    1 <= found < math.inf and found == int(found),
    f"{number!r} is no whole number; expected one as 1e6 or 1000000",
  )
  return int(found)


def state(
  num_examples: int,
  num_classes: int,
  features: int,
  relabels: bool = False,
  **fields,
) -> reweighting.ReweightingState:
  """Shapes of a state as a run creates it; nothing is allocated."""
  options = reweighting.ReweightingOptions(predictions_gb=1e9, **fields)
  ours = reweighting.reweighter(options, num_classes=num_classes)
  return jax.eval_shape(
    lambda label: ours.init(
      label, feature_shape=(features,), keep_predictions=relabels
    ),
    jax.ShapeDtypeStruct((num_examples,), jnp.int32),
  )


def size_of(tree) -> int:
  """Bytes of all its leaves."""
  return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def pieces(
  num_examples: int, num_classes: int, features: int
) -> dict[str, tuple[int, bool]]:
  """Name -> (bytes, whether there is a row an example), of all that can be."""
  drawn = state(num_examples, num_classes, features, True, rewards="dictionary")
  full = state(num_examples, num_classes, features, True)
  seen = full.tables
  averages = ("pseudo_label", "mean_root")
  found = {
    f"tables.{name}": (size_of(leaf), True)
    for name, leaf in seen._asdict().items()
    if name not in averages
  }
  found["trusted"] = size_of(full.trusted), True
  found["anchors.label"] = size_of(full.anchors.label), True
  for name, width in DEVICE.items():
    found[name] = width * num_examples, True
  for name in averages:
    found[f"tables.{name}"] = size_of(getattr(seen, name)), True
  found["dictionary"] = size_of(drawn.dictionary), False
  found["queue"] = size_of(full.queue), False
  found["noise"] = size_of(full.noise), False
  return found


def per_example(
  sizes: Sequence[int], features: int
) -> tuple[list[str], list[list[str]]]:
  """(header, rows) of all with a row an example and no column a class."""
  found = pieces(sizes[0], 2, features)
  narrow = {
    name: size // sizes[0]
    for name, (size, rows) in found.items()
    if rows and name not in ("tables.pseudo_label", "tables.mean_root")
  }
  narrow["together"] = sum(narrow.values())
  host = {f"host: {name}": width for name, width in HOST.items()}
  body = [
    [name, str(width), *(text(width * n) for n in sizes)]
    for name, width in (narrow | host).items()
  ]
  return ["array", "bytes an example", *(f"{n:.0e}" for n in sizes)], body


def per_class(
  sizes: Sequence[int], classes: Sequence[int], devices: Sequence[int]
) -> tuple[list[str], list[list[str]]]:
  """(header, rows) of one [N, C] table, whole and shared out."""
  body = []
  for c in classes:
    for n in sizes:
      size, _ = pieces(n, c, 1)["tables.mean_root"]
      body.append(
        [f"{n:.0e}", str(c), text(size), *(text(size / p) for p in devices)]
      )
  header = ["N", "C", "on every device"]
  return [*header, *(f"a device of {p}" for p in devices)], body


def by_class(
  classes: Sequence[int], features: int
) -> tuple[list[str], list[list[str]]]:
  """(header, rows) of what does not grow with the examples."""
  names = ("dictionary", "queue", "noise")
  found = {c: pieces(10 * c, c, features) for c in classes}
  body = [[name, *(text(found[c][name][0]) for c in classes)] for name in names]
  return ["part", *(f"C = {c}" for c in classes)], body


def refresh(
  num_examples: int, num_classes: int, averages: bool = False, **fields
) -> tuple:
  """(the end of an epoch, what creates the state, shape of the labels); the
  state is donated.

  Args:
    num_examples: N.
    num_classes: C.
    averages: whether there is a table [N, C], mean_root.
    **fields: of ReweightingOptions.
  """
  options = reweighting.ReweightingOptions(
    predictions_gb=1e9 if averages else 0.0, **fields
  )
  ours = reweighting.reweighter(options, num_classes=num_classes)
  label = jax.ShapeDtypeStruct((num_examples,), jnp.int32)
  init = functools.partial(
    ours.init, feature_shape=(1,), keep_predictions=False
  )
  return jax.jit(ours.refresh, donate_argnums=0), init, label


def set_aside(num_examples: int, num_classes: int, **fields) -> int:
  """Bytes that the compiler sets aside for the end of an epoch."""
  function, init, label = refresh(num_examples, num_classes, **fields)
  compiled = function.lower(jax.eval_shape(init, label), label).compile()
  return compiled.memory_analysis().temp_size_in_bytes


def memory(sizes: Sequence[int], c: int) -> tuple[list[str], list[list[str]]]:
  """(header, rows) of `set_aside`."""
  rows = {
    **ROWS,
    "queue, with mean_root": {"rewards": "queue", "averages": True},
  }
  body = [
    [name, *(text(set_aside(n, c, **fields)) for n in sizes)]
    for name, fields in rows.items()
  ]
  return ["end of an epoch", *(f"{n:.0e}" for n in sizes)], body


def seconds(function: Callable[[], object], rounds: int) -> float:
  """Median time of a call."""
  function()
  spent = []
  for _ in range(rounds):
    began = time.perf_counter()
    jax.block_until_ready(function())
    spent.append(time.perf_counter() - began)
  return statistics.median(spent)


def times(num_examples: int, num_classes: int, rounds: int) -> dict[str, float]:
  """Seconds of what is done once an epoch, by its name."""
  rng = np.random.default_rng(1)
  label = np.arange(num_examples, dtype=np.int32) % num_classes
  rng.shuffle(label)
  score = rng.normal(size=num_examples).astype(np.float32)
  on_device, found = jnp.asarray(label), {}
  for name, fields in ROWS.items():
    function, init, _ = refresh(num_examples, num_classes, **fields)
    new = jax.jit(init)(on_device)
    table = new.tables._replace(
      score=jnp.asarray(score), visits=jnp.ones_like(new.tables.visits)
    )
    held = [new._replace(tables=table)]

    def once(function=function, held=held):
      held.append(function(held.pop(), on_device))
      return held[0].tables.trusted

    found[f"refresh: {name}"] = seconds(once, rounds)
    if name == "queue":
      there = jax.tree.map(np.array, held[0])
  split = Split(np.broadcast_to(np.float32(0), (num_examples, 1)), label)
  data = Data(split, split, tuple(map(str, range(num_classes))))
  options = reweighting.ReweightingOptions()
  found["host: measures of the tables"] = seconds(
    lambda: monitor.measure(there, data, options), rounds
  )
  found["host: a copy of the state"] = seconds(
    lambda: jax.tree.map(np.array, held[0]), rounds
  )
  found["host: order of an epoch"] = seconds(
    lambda: randomness.epoch_order(0, 1, num_examples, 100), rounds
  )
  return found


def main(argv):
  del argv
  sizes, classes, devices = (
    [whole(text) for text in flag.value]
    for flag in (_EXAMPLES, _CLASSES, _DEVICES)
  )
  features, c = _FEATURES.value, _MEASURED_CLASSES.value
  print("Bytes, computed: one row an example\n")
  print(tables.markdown(*per_example(sizes, features)))
  print("\nBytes, computed: one [N, C] table\n")
  print(tables.markdown(*per_class(sizes, classes, devices)))
  print(f"\nBytes, computed: by class, F = {features}\n")
  print(tables.markdown(*by_class(classes, features)))
  print(f"\nMemory, compiled: C = {c}\n")
  print(tables.markdown(*memory(sizes, c)))
  if not _MEASURE.value:
    return
  sizes = [whole(n) for n in _MEASURE.value]
  found = [times(n, c, _REPEATS.value) for n in sizes]
  body = [
    [name, *(f"{column[name]:.3g} s" for column in found)] for name in found[0]
  ]
  print(
    f"\nTimes, measured: C = {c},"
    f" {jax.devices()[0].device_kind}, {os.cpu_count()} cores, jax"
    f" {jax.__version__}, numpy {np.__version__}, median of"
    f" {_REPEATS.value}\n"
  )
  print(tables.markdown(["once an epoch", *(f"{n:.0e}" for n in sizes)], body))


if __name__ == "__main__":
  try:
    app.run(main)
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
