"""What finished runs say: CSV files and the table of means."""

from collections.abc import Iterable
import csv
import io
import json
import os
import pathlib
import statistics

# Columns of the printed table, in this order, where a run has them.
TABLE = (
  "test_top1",
  "test_top1_ema",
  "dictionary_purity",
  "dictionary_coverage",
  "wrong_weight_share",
  "effective_batch",
  "zero_weight_fraction_clean",
  "zero_weight_fraction_wrong",
  "seconds_per_step",
)


def rows(jobs: Iterable, fields: list[str]) -> list[dict]:
  """One row a finished run.

  Args:
    jobs: finished sweep.Job.
    fields: of the config, that the sweep varies.

  Returns:
    {"cell", those fields, "seed", the keys of summary.json}.
  """
  found = []
  for job in jobs:
    row = {"cell": job.cell, **{f: job.config.get(f) for f in fields}}
    row["seed"] = job.seed
    for key, value in job.summary().items():
      if not isinstance(value, dict):
        row.setdefault(key, value)
    found.append(row)
  return found


def curves(jobs: Iterable, series: tuple[str, ...]) -> list[dict]:
  """One row a run and epoch: {"cell", "seed", "epoch", the series}."""
  found = []
  for job in jobs:
    lines = (job.workdir / "metrics.jsonl").read_text().splitlines()
    for scalars in map(json.loads, lines):
      if "epoch" in scalars:  # An epoch cut short has none.
        found.append(
          {
            "cell": job.cell,
            "seed": job.seed,
            "epoch": scalars["epoch"],
            **{name: scalars.get(name) for name in series},
          }
        )
  return found


def write_csv(path: pathlib.Path, table: list[dict]) -> None:
  """Replaces `path` in one go; None becomes an empty cell."""
  columns = list({key: None for row in table for key in row})
  text = io.StringIO()
  writer = csv.DictWriter(text, columns, lineterminator="\n")
  writer.writeheader()
  writer.writerows(table)
  partial = path.with_name(path.name + ".part")
  partial.write_text(text.getvalue(), encoding="utf-8")
  os.replace(partial, path)


def spread(values: list[float | None]) -> str:
  """Mean ± standard deviation, of one value itself, of a missing one "–"."""
  if None in values or not values:
    return "–"
  mean = f"{statistics.mean(values):.4f}"
  if len(values) == 1:
    return mean
  return f"{mean} ± {statistics.stdev(values):.4f}"


def markdown(table: list[dict]) -> str:
  """Means over seeds: a line a cell, columns without any value left out."""
  cells = {}
  for row in table:
    cells.setdefault(row["cell"], []).append(row)
  columns = [c for c in TABLE if any(row.get(c) is not None for row in table)]
  lines = [
    "| cell | seeds | " + " | ".join(columns) + " |",
    "|---|---|" + "---|" * len(columns),
  ]
  for cell, of_cell in cells.items():
    texts = [spread([row.get(c) for row in of_cell]) for c in columns]
    lines.append(f"| {cell} | {len(of_cell)} | " + " | ".join(texts) + " |")
  return "\n".join(lines)
