"""Plots of a sweep, drawn from its CSV files and nothing else.

Every function takes the folder with the CSV files, the PNG to write and its
title. Error bars and bands are the standard deviation over seeds.
"""

import csv
import pathlib
import statistics

# Okabe and Ito's colours, told apart by colour-blind eyes too.
COLOURS = (
  "#0072B2",
  "#E69F00",
  "#009E73",
  "#CC79A7",
  "#D55E00",
  "#56B4E9",
  "#000000",
  "#F0E442",
)
MARKERS = "osD^vPX*"

_LABELS = {
  "test_top1": "test accuracy (0-1)",
  "test_top1_ema": "test accuracy,\naveraged weights (0-1)",
  "dictionary_purity": "dictionary purity (0-1)",
  "zero_weight_fraction_clean": "weight 0 among\nright labels (0-1)",
  "zero_weight_fraction_wrong": "weight 0 among\nwrong labels (0-1)",
  "train_loss": "under Θ",
  "lookahead_loss": "under Θ*, after the look-ahead",
}


def read(path: pathlib.Path) -> list[dict[str, str]]:
  """Rows of a CSV file."""
  with open(path, newline="", encoding="utf-8") as file:
    return list(csv.DictReader(file))


def spread(rows: list[dict], column: str) -> tuple[float, float] | None:
  """(mean, standard deviation) of a column; None where a value is missing."""
  values = [row.get(column, "") for row in rows]
  if not values or "" in values:
    return None
  values = [float(value) for value in values]
  return (
    statistics.mean(values),
    statistics.stdev(values) if len(values) > 1 else 0.0,
  )


def by(rows: list[dict], key) -> dict[str, list[dict]]:
  """Rows with the same key(row), in the order of appearance."""
  groups = {}
  for row in rows:
    groups.setdefault(key(row), []).append(row)
  return groups


def group(row: dict) -> str:
  """What stands before the slash of a cell's name; "" without one."""
  return row["cell"].rpartition("/")[0]


def member(row: dict) -> str:
  """What stands after the slash."""
  return row["cell"].rpartition("/")[2]


def _figure(columns, rows, width, height, title, sharey=False):
  """(figure, grid of axes); `width` and `height` of one panel, in inches."""
  # Imported here: a sweep needs it for its plot only.
  from matplotlib.figure import Figure

  # Room for the labels beside and the title above.
  size = max(7, width * columns + 0.5), height * rows + 0.7
  figure = Figure(size, layout="constrained")
  figure.suptitle(title, wrap=True, fontsize=11)
  axes = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
  for ax in axes.flat:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.3, linewidth=0.6)
    ax.set_axisbelow(True)
  return figure, axes


def _seeds(rows: list[dict], words: str) -> str:
  """Second line of a title."""
  numbers = {len(some) for some in _seeds_of(rows).values()}
  if numbers == {1}:
    return "\none seed"
  # A sweep in progress has more seeds of some cells.
  least, most = min(numbers), max(numbers)
  number = f"{most}" if least == most else f"{least} to {most}"
  return f"\n{number} seeds, {words}"


def _seeds_of(rows: list[dict]) -> dict[str, set[str]]:
  """Seeds of each cell."""
  cells = {}
  for row in rows:
    cells.setdefault(row["cell"], set()).add(row["seed"])
  return cells


def _legend(figure, ax) -> None:
  """Beside the panels, where it hides nothing."""
  figure.legend(*ax.get_legend_handles_labels(), loc="outside right center")


def _bar_panel(ax, rows, measure, members, colour):
  """A bar for each of `members`, its value at the right edge."""
  for name, of_cell in by(rows, member).items():
    point, at = spread(of_cell, measure), members.index(name)
    if point is not None:
      mean, deviation = point
      ax.barh(at, mean, 0.75, color=colour, alpha=0.8)
      if len(of_cell) > 1:
        ax.errorbar(mean, at, xerr=deviation, color="black", capsize=2)
      ax.text(1.02, at, f"{mean:.3f}", va="center", fontsize=7)
  ax.set_ylim(len(members) - 0.4, -0.6)
  ax.set_yticks(range(len(members)), [])
  ax.set_xlim(0, 1)
  ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
  ax.set_xlabel(_LABELS.get(measure, measure))


def bars(folder, png, title, measures):
  """A bar a cell: a column of panels for each group, or for each measure."""
  rows = read(folder / "results.csv")
  measures = [m for m in measures if any(row.get(m) for row in rows)]
  members, groups = list(by(rows, member)), by(rows, group)
  upright = len(groups) > len(measures)
  shape = (
    (len(groups), len(measures)) if upright else (len(measures), len(groups))
  )
  figure, axes = _figure(
    *shape,
    2.7,
    0.6 + 0.24 * len(members),
    title + _seeds(rows, "mean ± std"),
  )
  for i, (name, of_group) in enumerate(groups.items()):
    for j, measure in enumerate(measures):
      ax = axes[j][i] if upright else axes[i][j]
      _bar_panel(ax, of_group, measure, members, COLOURS[j])
      ax.set_title(name, loc="left", fontsize=10)
  for ax in axes[:, 0]:
    ax.set_yticks(range(len(members)), members)
  figure.savefig(png, dpi=120)


def scatter(folder, png, title, x, y):
  """A point a run, one colour a cell."""
  rows = read(folder / "results.csv")
  figure, [[ax]] = _figure(1, 1, 6.5, 4, title + _seeds(rows, "a point each"))
  for i, (cell, of_cell) in enumerate(by(rows, lambda r: r["cell"]).items()):
    points = [(float(r[x]), float(r[y])) for r in of_cell if r[x] and r[y]]
    if not points:
      continue
    ax.scatter(
      *zip(*points),
      label=cell,
      color=COLOURS[i % len(COLOURS)],
      marker=MARKERS[i % len(MARKERS)],
      s=45,
      alpha=0.8,
    )
  ax.set_xlabel(_LABELS.get(x, x))
  ax.set_ylabel(_LABELS.get(y, y))
  _legend(figure, ax)
  figure.savefig(png, dpi=120)


def lines(folder, png, title, measures, xlabel):
  """A line a group over its members, evenly spaced; a panel a measure."""
  rows = read(folder / "results.csv")
  measures = [m for m in measures if any(row.get(m) for row in rows)]
  figure, axes = _figure(
    len(measures), 1, 5, 3.6, title + _seeds(rows, "mean ± std")
  )
  ticks, groups = list(by(rows, member)), by(rows, group)
  for ax, measure in zip(axes[0], measures):
    for i, (name, some) in enumerate(groups.items()):
      # Side by side, so that no error bar hides another.
      aside = 0.08 * (i - (len(groups) - 1) / 2)
      points = [
        (ticks.index(value) + aside, *spread(of_value, measure))
        for value, of_value in by(some, member).items()
        if spread(of_value, measure) is not None
      ]
      if points:
        at, mean, deviation = zip(*points)
        ax.errorbar(
          at,
          mean,
          deviation,
          capsize=3,
          label=name,
          color=COLOURS[i],
          marker=MARKERS[i],
        )
    ax.set_xticks(range(len(ticks)), ticks)
    low, high = ax.get_ylim()  # Of fractions: not beyond 1, not too close up.
    ax.set_ylim(min(low, 0.95), min(high, 1.01))
    ax.set_xlabel(xlabel)
    ax.set_ylabel(_LABELS.get(measure, measure))
  _legend(figure, axes[0][0])
  figure.savefig(png, dpi=120)


def facets(folder, png, title, measure, default):
  """A panel a group over its members and the cell that belongs to all."""
  rows = read(folder / "results.csv")
  shared = [row for row in rows if row["cell"] == default]
  groups = by([row for row in rows if row["cell"] != default], group)
  columns = min(4, len(groups))
  figure, axes = _figure(
    columns,
    -(-len(groups) // columns),
    3,
    2.6,
    title + _seeds(rows, f"mean ± std; diamond: {default}"),
    sharey=True,
  )
  for ax in axes.flat[len(groups) :]:
    ax.set_visible(False)
  for ax, (field, some) in zip(axes.flat, groups.items()):
    values = by(some + shared, lambda row, f=field: float(row[f]))
    ticks = sorted(values)
    for at, value in enumerate(ticks):
      point = spread(values[value], measure)
      if point is None:
        continue
      is_default = values[value][0] in shared
      ax.errorbar(
        at,
        *point,
        capsize=3,
        marker="oD"[is_default],
        color=COLOURS[4 * is_default],
      )
      ax.annotate(
        f"{point[0]:.3f}",
        (at, point[0]),
        (5, 3),
        fontsize=7,
        textcoords="offset points",
      )
    ax.set_xticks(range(len(ticks)), [f"{value:g}" for value in ticks])
    ax.set_xlim(-0.5, len(ticks) - 0.5)
    ax.set_xlabel(field)
  for ax in axes[:, 0]:
    ax.set_ylabel(_LABELS.get(measure, measure))
  figure.savefig(png, dpi=120)


def epochs(folder, png, title, measures):
  """Losses over epochs: a panel a cell, a line a measure."""
  rows = read(folder / "curves.csv")
  cells = by(rows, lambda row: row["cell"])
  figure, axes = _figure(
    len(cells), 1, 4.5, 3.6, title + _seeds(rows, "mean ± std")
  )
  for ax, (cell, of_cell) in zip(axes[0], cells.items()):
    for i, measure in enumerate(measures):
      points = [
        (int(epoch), *spread(at, measure))
        for epoch, at in by(of_cell, lambda row: row["epoch"]).items()
        if spread(at, measure) is not None
      ]
      if not points:
        continue
      at, mean, deviation = zip(*sorted(points))
      ax.plot(
        at,
        mean,
        color=COLOURS[i],
        label=_LABELS.get(measure, measure),
        linestyle=("-", "--")[i % 2],
      )
      ax.fill_between(
        at,
        [m - d for m, d in zip(mean, deviation)],
        [m + d for m, d in zip(mean, deviation)],
        color=COLOURS[i],
        alpha=0.2,
        linewidth=0,
      )
    ax.set_title(cell, loc="left")
    ax.set_xlabel("epoch")
    ax.set_ylabel("cross entropy of given labels (nats)")
    ax.locator_params("x", integer=True)
    ax.legend()
  figure.savefig(png, dpi=120)
