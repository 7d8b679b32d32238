"""Which layers decide the weights: gradient magnitudes by block (Figure 3).

    python main.py --config=configs/quickstart.py --workdir=runs/net \\
        --config.network=resnet8
    python benchmarks/gradients.py --workdir=runs/net --out=runs/net_gradients

For the newest checkpoint of an FSR run, whole network looked ahead, per block:
the norm of the training gradient, of the reward gradient v at Theta*, and the
block's part of the weights' gradient, mean_i |eta <v_l, grad_l l_i>|. Rewards
are drawn from the samples the run trusts, or from its held-out ones. Means over
batches. Writes OUT/gradients.csv and, with matplotlib, OUT/gradients.png.
"""

import csv
import functools
import pathlib
import re
import sys

from absl import app, flags, logging
import jax
import jax.numpy as jnp
import numpy as np

# Works without installing anything.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks import plots
from fsr_jax.errors import InputError, check
from fsr_jax.maths import collectives, losses, reweight
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.maths.randomness import StepKeys
from fsr_jax.reweighting import members
from fsr_jax.run.commands import restore
from fsr_jax.train import input as inputs
from fsr_jax.train.feeder import residents
from fsr_jax.train.step import context

_WORKDIR = flags.DEFINE_string("workdir", None, "Of a run.", required=True)
_OUT = flags.DEFINE_string("out", None, "Folder to write to.", required=True)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "If the data have moved.")
_BATCHES = flags.DEFINE_integer("batches", 20, "How many batches.")

COLUMNS = ("block", "training_gradient", "reward_gradient", "weight_gradient")


def by_block(tree) -> dict:
  """{"backbone blocks_0": parameters, ...}, from the image to the logits."""
  blocks = {}
  for part, children in sorted(tree.items()):
    for name, value in children.items():
      blocks[f"{part} {name}"] = value

  def position(name):
    number = re.search(r"\d+$", name)
    return (name.split()[0], int(number[0]) if number else 1 << 30)

  return {name: blocks[name] for name in sorted(blocks, key=position)}


def trusted(state, label: np.ndarray) -> Dictionary:
  """What rewards are drawn from.

  Args:
    state: TrainState of a run that learns weights.
    label: int32 [N], given labels of the training set.
  """
  if state.reweighting.dictionary is not None:
    return state.reweighting.dictionary
  index = np.flatnonzero(members(state.reweighting)).astype(np.int32)
  return Dictionary(index, label[index])


def magnitudes(ctx, state, chosen, data, index) -> dict:
  """{block: (three magnitudes)} of one batch; rewards are of `chosen`."""
  options = ctx.options
  keys = StepKeys.of(data.seed, state.step)
  statistics, eta = state.statistics, options.reweighting.lookahead_lr
  batch = inputs.gather(options, keys.batch, statistics, data, index)
  rewards = inputs.draw_rewards(options, keys, statistics, data, chosen)

  def losses_of(image, target):
    def of(params):
      features, stats = ctx.network.features(
        params, state.batch_stats, image, True
      )
      logits, _ = ctx.network.head(params["head"], stats, features, True)
      return losses.cross_entropy(logits, target)

    return of

  train_losses = losses_of(batch.unmixed_image, batch.target)
  gradient = jax.grad(lambda p: jnp.mean(train_losses(p)))(state.params)
  ahead = reweight.lookahead(train_losses, state.params, eta)
  _, v = reweight.reward_gradient(
    losses_of(rewards.image, rewards.target), ahead
  )
  gradients, vs = by_block(gradient), by_block(v)
  zero = jax.tree.map(jnp.zeros_like, v)

  def share(block):
    part, name = block.split()
    alone = {**zero, part: {**zero[part], name: v[part][name]}}
    g = reweight.weight_gradient(train_losses, state.params, alone, eta)
    return jnp.mean(jnp.abs(g))

  norm = collectives.global_norm
  return {
    block: (norm(gradients[block]), norm(vs[block]), share(block))
    for block in vs
  }


def plot(rows: list[dict], path: pathlib.Path) -> None:
  """Bars of the three magnitudes."""
  from matplotlib.figure import Figure  # Only the plot needs it.

  figure = Figure(figsize=(7, 7))
  axes = figure.subplots(3, 1, sharex=True)
  names = [row["block"] for row in rows]
  for axis, column, colour in zip(axes, COLUMNS[1:], plots.COLOURS):
    axis.bar(names, [row[column] for row in rows], color=colour)
    axis.set_ylabel(column.replace("_", " "))
  axes[0].set_title("Gradient magnitudes by block (Figure 3)")
  axes[-1].tick_params(axis="x", rotation=60)
  figure.tight_layout()
  figure.savefig(path, dpi=120)


def main(argv):
  del argv
  logging.set_verbosity(logging.WARNING)  # Orbax tells much.
  programs, state = restore(_WORKDIR.value, data_dir=_DATA_DIR.value)
  options = programs.options
  check(
    options.reweighting.learned,
    f"workdir {_WORKDIR.value} has weighting=uniform and no rewards; expected a"
    " run that learns weights",
  )
  ctx = context(options, programs.data.num_classes, programs.steps_per_epoch)
  # Of MixUp's draws and of the rewards: any will do.
  host, _ = residents(programs.data, options, seed=0)
  data, chosen = jax.device_put((host, trusted(state, host.label)))
  one = jax.jit(functools.partial(magnitudes, ctx))
  sums = None
  for number in range(_BATCHES.value):
    key = jax.random.fold_in(jax.random.key(0), number)
    index = jax.random.permutation(key, len(programs.data.train))
    moved = state.replace(step=jnp.int32(state.step + number))
    found = one(moved, chosen, data, index[: options.optimization.batch_size])
    sums = found if sums is None else jax.tree.map(jnp.add, sums, found)
  rows = []
  for block in by_block(state.params):
    means = [float(x) / _BATCHES.value for x in sums[block]]
    rows.append(dict(zip(COLUMNS, (block, *means))))
  out = pathlib.Path(_OUT.value)
  out.mkdir(parents=True, exist_ok=True)
  with open(out / "gradients.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
  for row in rows:
    print(
      "  ".join(
        f"{row[c]:.3g}" if c != "block" else f"{row[c]:<22}" for c in COLUMNS
      )
    )
  try:
    plot(rows, out / "gradients.png")
  except ImportError:
    print("no plot: pip install matplotlib")


if __name__ == "__main__":
  try:
    app.run(main)
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
