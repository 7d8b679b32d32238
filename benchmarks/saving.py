"""What checkpoints within an epoch cost: seconds that a run loses to a save.

    python benchmarks/saving.py
    python benchmarks/saving.py --saves=20

Of a save as main.py does it in mid-epoch: how long the steps are held up, which
is all that it costs where an accelerator computes them; and how long it takes
until all is on the disk with nothing else going on. The latter is the most that
it can cost where the steps and what is written share their cores. Medians over
saves, the latter over `checkpoint_every_minutes` is the share of throughput.
"""

import pathlib
import statistics
import sys
import tempfile
import time

from absl import app, flags, logging
import jax

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # Works without installing anything.

from benchmarks import loop  # noqa: E402
from fsr_jax.config.options import RunOptions  # noqa: E402
from fsr_jax.run.loop import Run  # noqa: E402

# As in `loop`.
ROWS = loop.ROWS | {"large tables": (loop.FILE, {}, (500_000, 32))}
_SAVES = flags.DEFINE_integer("saves", 10, "Saves of each row.")


def measure(run: Run, rounds: int) -> tuple[float, float]:
  """Seconds that a save (holds the steps up, takes), medians."""
  keeper, pairs = run._keeper, []
  keeper.open_scalars(0)
  for _ in range(rounds):
    # As if one step more were done.
    run.step += 1
    run._state = run._state.replace(step=run._state.step + 1)
    jax.block_until_ready(run._state)
    started = time.perf_counter()
    run._save()
    held = time.perf_counter() - started
    keeper._checkpoints.wait()
    pairs.append((held, time.perf_counter() - started))
  keeper.close()
  held, taken = zip(*pairs)
  return statistics.median(held), statistics.median(taken)


def main(argv):
  del argv
  logging.set_verbosity(logging.ERROR)
  every = RunOptions().checkpoint_every_minutes
  print(
    f"{'on ' + jax.devices()[0].device_kind:12}  {'state':>9}  held up"
    f"  a save  at most, every {every:g} min"
  )
  for name, row in ROWS.items():
    with tempfile.TemporaryDirectory() as folder:
      run = loop.begin(row, pathlib.Path(folder) / "run")
      size = sum(x.nbytes for x in jax.tree.leaves(run.state)) / 1e6
      held, taken = measure(run, _SAVES.value)
    print(
      f"{name:12}  {size:6.1f} MB  {held:5.3f} s  {taken:4.2f} s "
      f" {taken / (60 * every):.2%}",
      flush=True,
    )


if __name__ == "__main__":
  app.run(main)
