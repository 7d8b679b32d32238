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

from benchmarks import plots, standings
from fsr_jax.errors import InputError, check

_SVG = flags.DEFINE_string("svg", None, "File of the figure; None draws none.")
_METHODS = flags.DEFINE_list("methods", [], "Some of them; all by default.")


def draw(found: standings.Scores, path: pathlib.Path) -> None:
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
    rows += standings.read(path)
  found = standings.scores(rows, _METHODS.value)
  print(standings.table(found, standings.passes(rows)))
  if _SVG.value:
    draw(found, pathlib.Path(_SVG.value))


if __name__ == "__main__":
  try:
    app.run(main)
  except InputError as error:
    sys.exit(f"error: {error}")
