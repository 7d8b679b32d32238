"""What a step of each method costs beside plain training (Figure 4, left).

    python benchmarks/cost.py --network=resnet8
    python benchmarks/cost.py --network=wrn28_10 --rounds=0 --json=cost.json

Every row is compiled as a run compiles it: one step on one device, its state
donated. On random images. Operations and memory (arguments and temporaries) are
the compiler's own analysis, free of noise. Time is paired: in every round every
row runs once, in turn, so that a change of the machine's speed meets all rows
alike, and the median over rounds of the ratio within a round counts. Ratios are
to plain training with MixUp.
"""

import functools
import json
import pathlib
import statistics
import sys
import time
from typing import Any, NamedTuple

from absl import app, flags
import jax
import jax.numpy as jnp
import numpy as np

# Works without installing anything.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks import tables
from fsr_jax import config as config_lib
from fsr_jax.errors import InputError
from fsr_jax.train import state as states
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.options import TrainOptions
from fsr_jax.train.parallel import Devices
from fsr_jax.train.programs import train_steps
from fsr_jax.train.step import context

ROWS = {
  "plain": {"method": "plain"},
  "plain + MixUp": {"method": "plain", "mixup": True},
  "fsr": {"method": "fsr"},
  "fsr_exact": {"method": "fsr_exact"},
  "fsr_released": {"method": "fsr_released"},
  "l2r": {"method": "l2r"},
  "mwn": {"method": "mwn"},
}
BASE = "plain + MixUp"
_CLASSES = 10

_NETWORK = flags.DEFINE_string("network", "resnet32", "A key of NETWORKS.")
_BATCH = flags.DEFINE_integer("batch_size", 100, "B.")
_REWARDS = flags.DEFINE_integer("reward_batch_size", 200, "Q.")
_SIZE = flags.DEFINE_integer("image_size", 32, "Pixels a side.")
_ROUNDS = flags.DEFINE_integer(
  "rounds", 10, "Timed steps a row; 0 = nothing is run."
)
_JSON = flags.DEFINE_string("json", None, "File for the figures.")


class Row(NamedTuple):
  """A row of the table, compiled.

  Attributes:
    step: the compiled step.
    create: () -> its first state.
    operations: floating-point operations of a step.
    memory: of its arguments and temporaries, bytes.
  """

  step: Any
  create: Any
  operations: float
  memory: int


def options_of(
  fields: dict, network: str, batch_size: int, reward_batch_size: int
) -> TrainOptions:
  """Options of a row, weights learned from the first step on."""
  config = config_lib.base()
  config.update(
    network=network,
    batch_size=batch_size,
    reward_batch_size=reward_batch_size,
    dictionary_size=reward_batch_size,
    warmup_epochs=0,
    **fields,
  )
  return config_lib.typed(config_lib.resolve(config)).train


def images(count: int, side: int) -> states.Resident:
  """A training set of noise, its examples set aside as clean ones too."""
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
  aspect = np.ones(count, np.float32)
  label = np.arange(count, dtype=np.int32) % _CLASSES
  return states.Resident(
    image,
    aspect,
    label,
    np.bincount(label, minlength=_CLASSES),
    np.uint32(0),
    held_out=states.HeldOut(image, aspect, label),
  )


def compiled(options: TrainOptions, data: states.Resident) -> Row:
  """A row as a run compiles it; nothing of it is run."""
  if options.reweighting.rewards != "held_out":
    data = data.replace(held_out=None)
  ctx = context(options, _CLASSES, steps_per_epoch=10)
  statistics_ = states.Statistics(*np.full((2, 3), 0.5, np.float32))
  create = jax.jit(
    functools.partial(
      states.create, options, ctx.network, ctx.reweighter, ctx.tx
    )
  )
  step = Devices(1).compile(
    train_steps,
    donate_first=True,
    ctx=ctx,
    rewarded=options.reweighting.draws_rewards,
  )
  index = jax.ShapeDtypeStruct((1, options.optimization.batch_size), jnp.int32)
  step = step.lower(
    jax.eval_shape(create, data, statistics_),
    jax.eval_shape(Metrics.zero),
    data,
    index,
  ).compile()
  memory = step.memory_analysis()
  return Row(
    step,
    functools.partial(create, data, statistics_),
    step.cost_analysis()["flops"],
    memory.argument_size_in_bytes + memory.temp_size_in_bytes,
  )


def timed(
  rows: dict[str, Row], data: states.Resident, batch_size: int, rounds: int
) -> dict[str, list[float]]:
  """Seconds of a step of each row, one a round; a first round is left out."""
  index = jnp.arange(batch_size)[None]
  plain, whole = jax.device_put((data.replace(held_out=None), data))
  states_ = {name: row.create() for name, row in rows.items()}
  totals = {name: Metrics.zero() for name in rows}
  seconds = {name: [] for name in rows}
  for _ in range(rounds + 1):
    for name, row in rows.items():
      held_out = ROWS[name]["method"] in ("l2r", "mwn")
      used = whole if held_out else plain
      started = time.perf_counter()
      after = row.step(states_[name], totals[name], used, index)
      states_[name], totals[name] = jax.block_until_ready(after)
      seconds[name].append(time.perf_counter() - started)
  return {name: values[1:] for name, values in seconds.items()}


def figures(
  rows: dict[str, Row], seconds: dict[str, list[float]]
) -> list[dict]:
  """What --json writes.

  Args:
    rows: BASE among them.
    seconds: of each row, by round; [] where nothing was run.

  Returns:
    [{"row", "operations", "memory", "time": ratios to BASE, "absolute": the
    same in operations, bytes and seconds}]; None for the time of no round.
  """
  base, found = rows[BASE], []
  for name, row in rows.items():
    own, other = seconds[name], seconds[BASE]
    ratios = [a / b for a, b in zip(own, other)]
    found.append(
      {
        "row": name,
        "operations": row.operations / base.operations,
        "memory": row.memory / base.memory,
        "time": statistics.median(ratios) if ratios else None,
        "absolute": {
          "operations": row.operations,
          "memory": row.memory,
          "time": statistics.median(own) if own else None,
        },
      }
    )
  return found


def markdown(found: list[dict]) -> str:
  """The figures as a table, the absolute ones of BASE below."""
  body = []
  for entry in found:
    values = [entry[key] for key in ("operations", "memory", "time")]
    texts = ["–" if x is None else f"{x:.3f}" for x in values]
    body.append([entry["row"], *texts])
  base = next(e["absolute"] for e in found if e["row"] == BASE)
  spent = "" if base["time"] is None else f", {base['time']:.4f} s"
  table = tables.markdown(["row", "operations", "memory", "time"], body)
  return (
    f"{table}\n\n{BASE}: {base['operations']:.4g} operations,"
    f" {base['memory'] / 1e6:.1f} MB{spent}"
  )


def main(argv):
  del argv
  data = images(max(_BATCH.value, _REWARDS.value), _SIZE.value)
  rows = {
    name: compiled(
      options_of(fields, _NETWORK.value, _BATCH.value, _REWARDS.value), data
    )
    for name, fields in ROWS.items()
  }
  seconds = {name: [] for name in ROWS}
  if _ROUNDS.value:
    seconds = timed(rows, data, _BATCH.value, _ROUNDS.value)
  found = figures(rows, seconds)
  print(
    f"{_NETWORK.value}, {_SIZE.value} pixels, B = {_BATCH.value},"
    f" Q = {_REWARDS.value}, {_ROUNDS.value} rounds,"
    f" {jax.devices()[0].device_kind}, jax {jax.__version__}\n"
  )
  print(markdown(found))
  if _JSON.value:
    text = json.dumps(found, indent=2) + "\n"
    pathlib.Path(_JSON.value).write_text(text, encoding="utf-8")


if __name__ == "__main__":
  try:
    app.run(main)
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
