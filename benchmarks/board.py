"""Methods beside each other: one table and one figure of finished runs.

    python -m benchmarks.rivals --rival=plain,fsr,sop --out=runs/board
    python -m benchmarks.board runs/board/results.csv --svg=board.svg

Reads the CSV files of `benchmarks.rivals` (of one scale) and prints a table:
test accuracy in percent, mean ± standard deviation over seeds, a line a
setting, a column a method. The method comes first that is least behind the best
of every setting, in the mean of the settings that it was run in. In bold is
what is best in a setting, and what is no more than a standard error of that
mean below it. The figure (needs matplotlib) has a column of points for every
setting.
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
  """Accuracies of finished runs, the method that is least behind first.

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


def table(found: Scores, passes: dict[str, float]) -> str:
  """Markdown: a line a setting, a column a method.

  Args:
    found: from `scores`.
    passes: method -> forward and backward passes, 1 = plain training.
  """
  settings = list(dict.fromkeys(s for of in found.values() for s in of))
  lines = [
    "| setting | " + " | ".join(f"`{name}`" for name in found) + " |",
    "|---|" + "---|" * len(found),
    "| passes | " + " | ".join(f"{passes[name]:.1f}" for name in found) + " |",
  ]
  for setting in settings:
    winners = best(found, setting)
    texts = []
    for name, of in found.items():
      text = _shown(of.get(setting, []))
      texts.append(f"**{text}**" if name in winners else text)
    lines.append(f"| {setting} | " + " | ".join(texts) + " |")
  return "\n".join(lines)


def _shown(values: list[float]) -> str:
  if not values:
    return "–"
  text = f"{statistics.mean(values):.1f}"
  return text + (f" ± {statistics.stdev(values):.1f}" if values[1:] else "")


def _passes(rows: list[dict]) -> dict[str, float]:
  found: dict[str, list[float]] = {}
  for row in rows:
    method = row["cell"].split("/")[1]
    found.setdefault(method, []).append(float(row["passes"]))
  return {name: statistics.mean(values) for name, values in found.items()}


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
    # Where colours begin anew, markers do not.
    turn, colour = divmod(number, len(plots.COLOURS))
    axes.plot(
      x,
      y,
      plots.MARKERS[(number + turn) % len(plots.MARKERS)],
      color=plots.COLOURS[colour],
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
  print(table(found, _passes(rows)))
  if _SVG.value:
    draw(found, pathlib.Path(_SVG.value))


if __name__ == "__main__":
  try:
    app.run(main)
  except InputError as error:
    sys.exit(f"error: {error}")
