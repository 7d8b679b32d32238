"""Means over seeds of runs that exist: any workdirs, from any commands.

    python -m benchmarks.aggregate runs/quickstart runs/plain_0 runs/plain_1
    python -m benchmarks.aggregate runs --csv=means.csv --runs=runs.csv

Every argument is a workdir, or a folder that has some below it: the --out of a
sweep, for example. Reads config.json and summary.json of each. Runs whose
configs differ only in the seed, or in what does not change a result, are one
group, named by the fields in which the groups differ; what a method sets
itself is not repeated beside its name. Prints a line a group: how many seeds,
and of each measure mean ± standard deviation. --csv writes the means of all
measures, --runs the single runs.

What cannot be used (a run that has not finished, a damaged file, a second run
of one config and seed) is left out, and a line on stderr says which and why.
The exit status is 1 where an argument has no run that can be used.
"""

from collections.abc import Iterable
import os
import pathlib
import statistics
import sys
from typing import Any, NamedTuple

from absl import app, flags

from benchmarks import report, tables
from fsr_jax import config as config_lib
from fsr_jax.config import stored
from fsr_jax.errors import InputError, check
from fsr_jax.run.workdir import Workdir

_CSV = flags.DEFINE_string("csv", None, "File of means and deviations.")
_RUNS = flags.DEFINE_string("runs", None, "File of the single runs.")
_COLUMNS = flags.DEFINE_list(
  "columns",
  [],
  "Keys of summary.json to print; by default those that a sweep prints.",
)

# A field that differs stands in this order in a name, then by the alphabet.
_FIRST = ("method", "data.dataset", "data.path", "network")


class Run(NamedTuple):
  """A finished run.

  Attributes:
    workdir: of it.
    config: field -> value, without those that do not change the result.
    seed: of it, which is not in `config`.
    summary: of its summary.json.
  """

  workdir: pathlib.Path
  config: dict[str, Any]
  seed: int
  summary: dict[str, Any]


Groups = dict[str, list[Run]]


def workdirs(place: pathlib.Path) -> list[pathlib.Path]:
  """Directories of runs: this one, or all below it.

  Raises:
    InputError: there is no such directory, or no run in it.
  """
  check(place.is_dir(), f"there is no directory {place}")
  found = []
  for folder, folders, files in os.walk(place):
    if "config.json" in files or "summary.json" in files:
      found.append(pathlib.Path(folder))
      folders.clear()
    folders.sort()
  check(bool(found), f"{place} has no run in it: no config.json is there")
  return found


def read(workdir: pathlib.Path) -> Run:
  """A run.

  Raises:
    InputError: it has not finished, or is damaged.
  """
  run = Workdir(str(workdir))
  config, summary = run.read_config(), run.read_summary()
  check(
    summary is not None or not (workdir / "summary.json").exists(),
    f"{workdir}/summary.json is damaged; evaluate the run again",
  )
  check(
    summary is not None,
    f"{workdir} has no summary.json: its run has not finished",
  )
  assert config is not None and summary is not None
  flat = config_lib.flatten(stored.completed(config)[0].to_dict())
  seed = flat.pop("seed")
  kept = {k: v for k, v in flat.items() if k not in config_lib.FREE_FIELDS}
  return Run(workdir, kept, seed, summary)


def collect(places: Iterable[str]) -> tuple[list[Run], list[str], int]:
  """Runs of workdirs and of folders of them.

  Returns:
    (runs, lines about what is left out, places without any run).
  """
  runs: dict[pathlib.Path, Run] = {}
  problems, empty = [], 0
  for place in places:
    here = 0
    try:
      for workdir in workdirs(pathlib.Path(place).expanduser()):
        try:
          runs.setdefault(workdir.resolve(), read(workdir))
          here += 1
        except (InputError, OSError) as error:
          problems.append(f"left out: {error}")
    except InputError as error:
      problems.append(f"left out: {error}")
    empty += not here
  return [*runs.values()], problems, empty


def grouped(runs: Iterable[Run]) -> tuple[list[list[Run]], list[str]]:
  """Runs that differ in nothing but their seed, in the order of their seeds.

  Returns:
    (groups, lines about runs whose config and seed another one has).
  """
  groups: dict[str, dict[int, Run]] = {}
  problems = []
  for run in runs:
    seeds = groups.setdefault(repr(sorted(run.config.items())), {})
    first = seeds.setdefault(run.seed, run)
    if first is not run:
      problems.append(
        f"left out: {run.workdir} has the config and the seed of"
        f" {first.workdir}"
      )
  return [
    [of_seed[seed] for seed in sorted(of_seed)] for of_seed in groups.values()
  ], problems


def differing(configs: list[dict[str, Any]]) -> list[str]:
  """Fields that are not the same in all of the configs, as names have them."""
  fields = sorted({field for config in configs for field in config})
  found = [f for f in fields if len({repr(c.get(f)) for c in configs}) > 1]
  return sorted(found, key=lambda f: (f not in _FIRST, _place(f)))


def named(groups: list[list[Run]]) -> Groups:
  """Groups by what makes them differ: "method=plain mixup=True"."""
  configs = [runs[0].config for runs in groups]
  fields = differing(configs)
  texts = [
    _text(config, [f for f in fields if not _follows(f, config)])
    for config in configs
  ]
  names = [
    text if texts.count(text) == 1 else _text(config, fields)
    for text, config in zip(texts, configs)
  ]
  return dict(zip(names, groups))


def _place(field: str) -> tuple[int, str]:
  return (_FIRST.index(field) if field in _FIRST else 0), field


def _text(config: dict[str, Any], fields: list[str]) -> str:
  shown = fields or ["method"]
  return " ".join(f"{field}={config.get(field)}" for field in shown)


def _follows(field: str, config: dict[str, Any]) -> bool:
  """Whether other fields alone make this one what it is."""
  if field == "warmup_epochs":
    usual = config_lib.usual_warmup(config["num_epochs"])
    return config[field] == usual
  method = config_lib.METHODS.get(config["method"])
  if field not in config_lib.PARTS or method is None:
    # A method of another version: its name is all that can be told.
    return field in config_lib.PARTS
  default = config_lib.all_fields()[field][1].default
  return config.get(field) == method.fields.get(field, default)


def single(groups: Groups) -> list[dict]:
  """A row a run: its group, the fields that differ, seed, workdir, summary."""
  runs = [(name, run) for name, of in groups.items() for run in of]
  fields = differing([run.config for _, run in runs])
  return [
    {
      "cell": name,
      **{field: run.config.get(field) for field in fields},
      "seed": run.seed,
      "workdir": run.workdir,
      **{
        key: value
        for key, value in run.summary.items()
        if key not in ("seed", "method") and not isinstance(value, dict)
      },
    }
    for name, run in runs
  ]


def means(groups: Groups) -> list[dict]:
  """A row a group: fields, seeds, mean and `_sd` of what all its runs have."""
  fields = differing([runs[0].config for runs in groups.values()])
  rows = []
  for name, runs in groups.items():
    row: dict[str, Any] = {"cell": name}
    row |= {field: runs[0].config.get(field) for field in fields}
    row["n"] = len(runs)
    row["seeds"] = " ".join(str(run.seed) for run in runs)
    for key in runs[0].summary:
      values = [run.summary.get(key) for run in runs]
      if key != "seed" and all(_is_number(value) for value in values):
        row[key] = statistics.mean(values)
        row[f"{key}_sd"] = statistics.stdev(values) if values[1:] else None
    rows.append(row)
  return rows


def _is_number(value: Any) -> bool:
  return isinstance(value, int | float) and not isinstance(value, bool)


def main(argv):
  check(len(argv) > 1, "which workdirs? e.g. runs/quickstart, or runs")
  runs, problems, empty = collect(argv[1:])
  groups, twice = grouped(runs)
  for line in [*problems, *twice]:
    print(line, file=sys.stderr)
  check(bool(groups), "there is no finished run to take means of")
  found = named(groups)
  rows = single(found)
  for column in _COLUMNS.value:
    check(
      any(_is_number(row.get(column)) for row in rows),
      f"--columns: no run has a number called {column!r}",
    )
  print(report.markdown(rows, _COLUMNS.value or report.TABLE))
  for key in ("device", "versions"):
    told = dict.fromkeys(str(row[key]) for row in rows if row.get(key))
    print("\n".join(f"{key}: {text}" for text in told))
  for name, table in ((_CSV.value, means(found)), (_RUNS.value, rows)):
    if name:
      tables.write_csv(pathlib.Path(name).expanduser(), table)
      print(f"values: {name}")
  return 1 if empty else 0


if __name__ == "__main__":
  try:
    app.run(main)
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
