"""Methods beside each other in every setting, out of the rivals' results.csv.

A row of such a file is one training: a method in a setting on a seed.
"""

import csv
import pathlib
import statistics

from benchmarks import tables
from fsr_jax.errors import check

COLUMNS = ("scale", "cell", "seed", "test_top1", "seconds", "passes")

# method -> setting -> accuracies in percent, one a seed.
Scores = dict[str, dict[str, list[float]]]


def read(path: pathlib.Path) -> list[dict]:
  """The rows of results.csv; none where there is no such file.

  Raises:
    InputError: it has other columns.
  """
  if not path.exists():
    return []
  with open(path, newline="", encoding="utf-8") as file:
    reader = csv.DictReader(file)
    check(
      tuple(reader.fieldnames or ()) == COLUMNS,
      f"{path} has the columns {reader.fieldnames}; expected"
      f" {', '.join(COLUMNS)}: choose another --out",
    )
    return [*reader]


def scores(rows: list[dict], methods: list[str]) -> Scores:
  """Accuracies of finished runs, the method that is least behind first.

  Args:
    rows: from `read`.
    methods: some of them; none for all.

  Raises:
    InputError: rows of two scales, a method without a row.
  """
  scales = sorted({row["scale"] for row in rows})
  check(len(scales) == 1, f"rows of {scales or 'no scale'}; expected one scale")
  found: Scores = {}
  for row in rows:
    setting, method = row["cell"].split("/")
    of = found.setdefault(method, {}).setdefault(setting, [])
    of.append(100 * float(row["test_top1"]))
  for name in methods:
    check(name in found, f"--methods: no run of {name!r}")
  chosen = {k: v for k, v in found.items() if k in (methods or found)}
  top: dict[str, float] = {}
  for of in chosen.values():
    for setting, values in of.items():
      top[setting] = max(top.get(setting, 0.0), statistics.mean(values))

  def behind(name):
    gaps = [top[s] - statistics.mean(v) for s, v in chosen[name].items()]
    return statistics.mean(gaps)

  return {name: chosen[name] for name in sorted(chosen, key=behind)}


def best(found: Scores, setting: str) -> set[str]:
  """Methods whose mean is the largest, or a standard error below it at most."""
  there = {k: v[setting] for k, v in found.items() if setting in v}
  top = max(there, key=lambda name: statistics.mean(there[name]))
  values = there[top]
  spread = statistics.stdev(values) if len(values) > 1 else 0.0
  least = statistics.mean(values) - spread / len(values) ** 0.5
  return {k for k, v in there.items() if statistics.mean(v) >= least}


def passes(rows: list[dict]) -> dict[str, float]:
  """method -> forward and backward passes, 1 = plain training."""
  found: dict[str, list[float]] = {}
  for row in rows:
    method = row["cell"].split("/")[1]
    found.setdefault(method, []).append(float(row["passes"]))
  return {name: statistics.mean(values) for name, values in found.items()}


def table(found: Scores, passes_of: dict[str, float]) -> str:
  """Markdown: a line a setting, a column a method; the best in bold.

  Args:
    found: from `scores`.
    passes_of: from `passes`.
  """
  settings = list(dict.fromkeys(s for of in found.values() for s in of))
  body = [["passes", *(f"{passes_of[name]:.1f}" for name in found)]]
  for setting in settings:
    winners, texts = best(found, setting), [setting]
    for name, of in found.items():
      text = tables.spread(of.get(setting, []), digits=1)
      texts.append(f"**{text}**" if name in winners else text)
    body.append(texts)
  return tables.markdown(["setting", *(f"`{name}`" for name in found)], body)
