"""Plain training, its controls and FSR with each pusher, over several seeds.

    python benchmarks/noise.py --out=runs/digits --config=configs/quickstart.py
    python benchmarks/noise.py --out=runs/cifar --rows=plain,negative_loss \\
        --config=configs/cifar_noise.py --seeds=0,1,2 -- \\
        --config.network=resnet8 --config.data.data_dir=DIR

What follows `--` goes to every run. Each run is `main.py` in OUT/ROW/SEED; runs
that are finished are not done again, one that was cut off continues. Writes
OUT/results.csv and prints a table of mean ± standard deviation over seeds.
"""

import csv
import json
import pathlib
import statistics
import subprocess
import sys

from absl import app, flags

ROOT = pathlib.Path(__file__).resolve().parent.parent

_NO_REGULARIZERS = {"mixup": False, "pseudo_loss_weight": 0}

# name -> fields of the config.
ROWS = {
    "plain": {"method": "plain"},
    "plain_mixup": {"method": "plain", "mixup": True},
    "plain_mixup_relabel": {
        "method": "plain", "mixup": True, "pseudo_loss_weight": 2,
    },
    "negative_loss": {"pusher": "negative_loss"},
    "area_under_margin": {"pusher": "area_under_margin"},
    "mixed_margin": {"pusher": "mixed_margin"},
    "mixed_margin_momentum": {
        "pusher": "mixed_margin", "lookahead_momentum": 0.9,
    },
    "meta_margin": {"pusher": "meta_margin"},
    "negative_loss_mixup": {
        "pusher": "negative_loss", "pseudo_loss_weight": 0,
    },
    "mixed_margin_mixup": {"pusher": "mixed_margin", "pseudo_loss_weight": 0},
    "negative_loss_raw": {"pusher": "negative_loss", **_NO_REGULARIZERS},
    "area_under_margin_raw": {
        "pusher": "area_under_margin", **_NO_REGULARIZERS,
    },
    "meta_margin_raw": {"pusher": "meta_margin", **_NO_REGULARIZERS},
}

COLUMNS = (
    "test_top1", "test_top1_ema", "dictionary_purity",
    "zero_weight_fraction_clean", "zero_weight_fraction_wrong",
    "seconds_per_step",
)

_CONFIG = flags.DEFINE_string("config", None, "As for main.py.", required=True)
_OUT = flags.DEFINE_string("out", None, "Directory of the runs.", required=True)
_ROWS = flags.DEFINE_list("rows", list(ROWS), "Which rows of ROWS.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds.")


def run(row: str, seed: str, extra: list[str]) -> dict | None:
  """The summary of one run, trained first if need be; None if it failed."""
  workdir = pathlib.Path(_OUT.value) / row / seed
  summary = workdir / "summary.json"
  if not summary.exists():
    workdir.mkdir(parents=True, exist_ok=True)
    fields = {**ROWS[row], "seed": seed}
    command = [
        sys.executable, str(ROOT / "main.py"), f"--config={_CONFIG.value}",
        f"--workdir={workdir}", *extra,
        *(f"--config.{name}={value}" for name, value in fields.items()),
    ]
    with open(workdir / "log.txt", "a", encoding="utf-8") as log:
      subprocess.run(command, stdout=log, stderr=log, check=False)
  if not summary.exists():
    print(f"{row} seed {seed} is not finished: {workdir / 'log.txt'}")
    return None
  return json.loads(summary.read_text())


def spread(values: list[float | None]) -> str:
  """Mean ± standard deviation; "-" where there is nothing to average."""
  if None in values or not values:
    return "-"
  deviation = statistics.stdev(values) if len(values) > 1 else 0.0
  return f"{statistics.mean(values):.4f} ± {deviation:.4f}"


def main(argv):
  results = {}
  for seed in _SEEDS.value:
    for row in _ROWS.value:
      summary = run(row, seed, argv[1:])
      if summary is not None:
        results[row, seed] = summary
  with open(
      pathlib.Path(_OUT.value) / "results.csv", "w", encoding="utf-8"
  ) as file:
    writer = csv.writer(file)
    writer.writerow(("row", "seed", *COLUMNS))
    for (row, seed), summary in results.items():
      writer.writerow((row, seed, *(summary[c] for c in COLUMNS)))
  print("| row | seeds |", " | ".join(COLUMNS), "|")
  print("|---|---|" + "---|" * len(COLUMNS))
  for row in _ROWS.value:
    of_row = [s for (name, _), s in results.items() if name == row]
    cells = [spread([s[column] for s in of_row]) for column in COLUMNS]
    print(f"| {row} | {len(of_row)} |", " | ".join(cells), "|")


if __name__ == "__main__":
  app.run(main)
