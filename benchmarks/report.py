"""What the finished runs of a sweep say: rows, curves, the table of means."""

from collections.abc import Iterable
import json

from benchmarks import tables

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


def markdown(table: list[dict], measures: Iterable[str] = TABLE) -> str:
  """Means over seeds: a line a cell, columns without any value left out.

  Args:
    table: a row a run, with its "cell".
    measures: columns, in order.
  """
  cells: dict[str, list[dict]] = {}
  for row in table:
    cells.setdefault(row["cell"], []).append(row)
  columns = [
    c for c in measures if any(row.get(c) is not None for row in table)
  ]
  return tables.markdown(
    ["cell", "seeds", *columns],
    [
      [
        cell,
        str(len(of_cell)),
        *(tables.spread([row.get(c) for row in of_cell]) for c in columns),
      ]
      for cell, of_cell in cells.items()
    ],
  )
