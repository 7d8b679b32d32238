"""What a step of FSR costs beside a step of plain training.

    python benchmarks/cost.py --network=resnet32
    python benchmarks/cost.py --network=resnet8 --rounds=20

On random 32 x 32 images. Operations and memory are the compiler's own
analysis, free of noise. Time is the median over rounds in which every row runs
once, in turn, so that a change of the machine's speed meets all rows alike.
Everything is given as a ratio to the first row.
"""

import functools
import pathlib
import statistics
import sys
import time

from absl import app, flags
import jax
import jax.numpy as jnp
from ml_collections import FrozenConfigDict
import numpy as np

# Works without installing anything.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from fsr_jax import config as config_lib
from fsr_jax.step import state as states
from fsr_jax.step.train import context, train_step

ROWS = {
  "plain": {"method": "plain"},
  "plain + MixUp": {"method": "plain", "mixup": True},
  "FSR, no MixUp, no re-labelling": {
    "mixup": False,
    "pseudo_loss_weight": 0.0,
  },
  "FSR, MixUp": {"pseudo_loss_weight": 0.0},
  "FSR, MixUp + re-labelling": {},
  "FSR, pseudo_loss_on_mixed": {"pseudo_loss_on_mixed": True},
  "L2R": {"method": "l2r"},
  "Meta-Weight-Net": {"method": "mwn"},
}

_NETWORK = flags.DEFINE_string("network", "resnet32", "A key of NETWORKS.")
_BATCH = flags.DEFINE_integer("batch_size", 100, "B.")
_REWARDS = flags.DEFINE_integer("reward_batch_size", 200, "Q.")
_ROUNDS = flags.DEFINE_integer("rounds", 10, "Timed steps a row.")


def compiled_step(fields: dict, data: states.Resident, num_classes: int):
  """(compiled train step, its state) of one row."""
  config = config_lib.base()
  config.update(
    network=_NETWORK.value,
    batch_size=_BATCH.value,
    reward_batch_size=_REWARDS.value,
    dictionary_size=_REWARDS.value,
    **fields,
  )
  config = FrozenConfigDict(config_lib.resolve(config))
  ctx = context(config, num_classes, steps_per_epoch=10, axis_name=None)
  create = functools.partial(states.create, config, ctx.network, ctx.tx)
  state = jax.jit(create)(data)
  step = jax.jit(functools.partial(train_step, ctx=ctx, active=True))
  index = jnp.arange(_BATCH.value)
  return step.lower(state, data, index).compile(), state


def seconds(step, *arguments) -> float:
  """Wall time of one step."""
  started = time.perf_counter()
  jax.block_until_ready(step(*arguments))
  return time.perf_counter() - started


def main(argv):
  del argv
  rng, num_classes = np.random.default_rng(0), 10
  size = max(_BATCH.value, _REWARDS.value)
  data = states.Resident(
    jnp.array(rng.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8)),
    jnp.ones(size),
    jnp.arange(size, dtype=jnp.int32) % num_classes,
    jnp.full(3, 0.5),
    jnp.full(3, 0.25),
    jnp.full(num_classes, size // num_classes),
    jnp.uint32(0),
  )
  data = data.replace(
    held_out=states.HeldOut(data.image, data.aspect, data.label)
  )
  index = jnp.arange(_BATCH.value)
  steps = {
    name: compiled_step(fields, data, num_classes)
    for name, fields in ROWS.items()
  }
  times = {name: [] for name in ROWS}
  for step, state in steps.values():  # Not counted.
    seconds(step, state, data, index)
  for _ in range(_ROUNDS.value):
    for name, (step, state) in steps.items():
      times[name].append(seconds(step, state, data, index))

  def figures(name):
    step, _ = steps[name]
    memory = step.memory_analysis()
    return (
      step.cost_analysis()["flops"],
      memory.temp_size_in_bytes + memory.argument_size_in_bytes,
      statistics.median(times[name]),
    )

  first = figures(next(iter(ROWS)))
  print(
    f"{_NETWORK.value}, B = {_BATCH.value}, Q = {_REWARDS.value},"
    f" {jax.devices()[0].device_kind}, jax {jax.__version__};"
    f" plain step {first[2]:.4f} s"
  )
  print("| row | operations | memory | time |\n|---|---|---|---|")
  for name in ROWS:
    ratios = [x / y for x, y in zip(figures(name), first)]
    print(f"| {name} | " + " | ".join(f"{r:.2f}" for r in ratios) + " |")


if __name__ == "__main__":
  app.run(main)
