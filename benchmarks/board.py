"""Methods beside each other: one table and one figure of finished runs.

    python -m benchmarks.rivals --rival=plain,fsr,sop --out=runs/board
    python -m benchmarks.board runs/board/results.csv --svg=board.svg

Reads the CSV files of `benchmarks.rivals` (of one scale) and prints a table:
test accuracy in percent, mean ± standard deviation over seeds, a line a method,
the best mean first. In bold is what is best in a setting and what is no more
than a standard error below it (of the best row's mean). The figure (needs
matplotlib) has a column of points for every setting.
"""

import pathlib
import statistics
import sys

from absl import app, flags

from benchmarks import plots
from benchmarks.rivals import run
from fsr_jax.errors import InputError, check

_SVG = flags.DEFINE_string("svg", None, "File of the figure; None draws none.")
_METHODS = flags.DEFINE_list("methods", [], "Some of them; all by default.")

# method -> setting -> accuracies in percent, one a seed.
Scores = dict[str, dict[str, list[float]]]


def scores(rows: list[dict], methods: list[str]) -> Scores:
  """Accuracies of finished runs, the method with the best mean first.

  Args:
    rows: of `rivals.run.read`.
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
  shared = set.intersection(*(set(v) for v in chosen.values()))

  def mean(name):
    return statistics.mean(statistics.mean(chosen[name][s]) for s in shared)

  order = sorted(chosen, key=mean, reverse=True) if shared else [*chosen]
  return {name: chosen[name] for name in order}


def best(found: Scores, setting: str) -> set[str]:
  """Methods whose mean is the largest, or a standard error below it at most."""
  there = {k: v[setting] for k, v in found.items() if setting in v}
  top = max(there, key=lambda name: statistics.mean(there[name]))
  values = there[top]
  spread = statistics.stdev(values) if len(values) > 1 else 0.0
  least = statistics.mean(values) - spread / len(values) ** 0.5
  return {k for k, v in there.items() if statistics.mean(v) >= least}


def table(found: Scores) -> str:
  """Markdown: a line a method, a column a setting."""
  settings = list(dict.fromkeys(s for of in found.values() for s in of))
  winners = {setting: best(found, setting) for setting in settings}
  lines = [
    "| method | " + " | ".join(settings) + " |",
    "|---|" + "---|" * len(settings),
  ]
  for name, of in found.items():
    texts = []
    for setting in settings:
      values = of.get(setting)
      text = "–"
      if values:
        text = f"{statistics.mean(values):.1f}"
        if len(values) > 1:
          text += f" ± {statistics.stdev(values):.1f}"
      texts.append(f"**{text}**" if name in winners[setting] else text)
    lines.append(f"| `{name}` | " + " | ".join(texts) + " |")
  return "\n".join(lines)


def draw(found: Scores, path: pathlib.Path) -> None:
  """The figure: settings from left to right, a point a method."""
  import matplotlib

  matplotlib.use("Agg")
  from matplotlib import pyplot

  settings = list(dict.fromkeys(s for of in found.values() for s in of))
  figure, axes = pyplot.subplots(figsize=(10, 5), layout="constrained")
  for number, (name, of) in enumerate(found.items()):
    x = [settings.index(s) for s in of]
    y = [statistics.mean(values) for values in of.values()]
    ours = name == "fsr"
    axes.plot(
      x,
      y,
      plots.MARKERS[number % len(plots.MARKERS)],
      color=plots.COLOURS[number % len(plots.COLOURS)],
      markersize=10 if ours else 6,
      alpha=1.0 if ours else 0.7,
      label=name,
    )
  axes.set_xticks(range(len(settings)), settings, rotation=30, ha="right")
  axes.set_ylabel("test accuracy (%)")
  axes.grid(axis="y", alpha=0.3)
  axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
  figure.savefig(path, metadata={"Date": None})
  pyplot.close(figure)


def main(argv):
  check(len(argv) > 1, "which files? e.g. runs/rivals/results.csv")
  rows = []
  for name in argv[1:]:
    path = pathlib.Path(name)
    check(path.is_file(), f"there is no file {path}")
    rows += run.read(path)
  found = scores(rows, _METHODS.value)
  print(table(found))
  if _SVG.value:
    draw(found, pathlib.Path(_SVG.value))


if __name__ == "__main__":
  try:
    app.run(main)
  except InputError as error:
    sys.exit(f"error: {error}")
