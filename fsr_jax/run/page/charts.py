"""Curves over the epochs, as SVG whose colours are those of the page.

Drawn by leather: it writes elements with classes and text as text, which the
style sheet colours for light and dark, and loads and draws in a few
milliseconds. matplotlib was tried: 0.5 s to load and 0.13 s a figure at the end
of every run, colours and fonts fixed in each element.
"""

import math
from typing import NamedTuple
import xml.etree.ElementTree as ET

from fsr_jax.run.page.finished import Finished
from fsr_jax.run.page.words import decimal, percent

_WIDTH, _HEIGHT = 380, 260
# More points than pixels show nothing more.
_MOST_POINTS = 300


class Curve(NamedTuple):
  """A scalar of metrics.jsonl.

  Attributes:
    words: what it is, for the legend.
    name: of the scalar.
  """

  words: str
  name: str


class Chart(NamedTuple):
  """A figure of the page.

  Attributes:
    title: of the figure.
    about: what is to be seen in it, a sentence or two.
    shares: whether values are shares, 0-1, which are shown as such.
    curves: that are drawn, those that are known.
  """

  title: str
  about: str
  shares: bool
  curves: tuple[Curve, ...]


class Figure(NamedTuple):
  """A chart, drawn.

  Attributes:
    title, about: of the Chart.
    spoken: the chart in words, for those who do not see it.
    svg: an <svg> element.
  """

  title: str
  about: str
  spoken: str
  svg: str


CHARTS = (
  Chart(
    "Accuracy",
    "The share of predictions that hit the label. On training labels some of"
    " which are wrong it should end near the share of right ones, not at 1.",
    True,
    (
      Curve("test", "test_top1"),
      Curve("test, EMA", "test_top1_ema"),
      Curve("validation", "val_top1"),
      Curve("validation, EMA", "val_top1_ema"),
      Curve("training, labels as given", "train_top1"),
    ),
  ),
  Chart(
    "Loss",
    "Mean cross entropy in nats: of the given labels and, as rewards, of the"
    " trusted examples that judge the weights.",
    False,
    (
      Curve("test", "test_loss"),
      Curve("validation", "val_loss"),
      Curve("training, labels as given", "train_loss"),
      Curve("rewards", "reward_loss"),
    ),
  ),
  Chart(
    "What training minimises",
    "The total loss of a step with all its terms; some may be below 0.",
    False,
    (Curve("total loss", "loss"),),
  ),
  Chart(
    "Weights",
    "The share of examples whose weight is 0, and how many examples of a batch"
    " have a say (1: all the same).",
    True,
    (
      Curve("weight 0", "zero_weight_fraction"),
      Curve("weight 0, label right", "zero_weight_fraction_clean"),
      Curve("weight 0, label wrong", "zero_weight_fraction_wrong"),
      Curve("effective batch", "effective_batch"),
      Curve("labels estimated wrong", "estimated_wrong_share"),
    ),
  ),
  Chart(
    "Dictionary",
    "The dictionary is the set of examples that the run trusts. Coverage: the"
    " share of all examples that were in it so far. New: the share of it that"
    " never was in it before. Purity, where true labels are known: the share of"
    " it whose label is right.",
    True,
    (
      Curve("coverage", "dictionary_coverage"),
      Curve("new", "dictionary_new"),
      Curve("purity", "dictionary_purity"),
    ),
  ),
  Chart(
    "Where the weight goes",
    "The mean weight of right and of wrong labels, where true labels are known"
    " (1: plain training).",
    False,
    (
      Curve("right labels", "weight_clean"),
      Curve("wrong labels", "weight_wrong"),
    ),
  ),
)


def figures(run: Finished) -> list[Figure]:
  """The charts of what a run has logged.

  Args:
    run: Finished.
  """
  found = (_figure(chart, run) for chart in CHARTS)
  return [figure for figure in found if figure is not None]


def _figure(chart: Chart, run: Finished) -> Figure | None:
  """None where nothing of the chart is known, or one epoch alone."""
  lines = [
    (curve.words, points)
    for curve in chart.curves
    if (points := _points(run, curve.name)) and len(points) > 1
  ]
  if not lines:
    return None
  return Figure(
    chart.title,
    chart.about,
    f"{chart.title} over {len(run.epochs)} epochs. {_spoken(lines, chart)}",
    _svg(lines, chart.shares),
  )


def _points(run: Finished, name: str) -> list[tuple[float, float]]:
  """(epoch, value) where it is known."""
  points = [
    (float(scalars["epoch"]), float(scalars[name]))
    for scalars in run.epochs
    if isinstance(scalars.get(name), int | float)
  ]
  step = max(1, math.ceil(len(points) / _MOST_POINTS))
  return points[:-1][::step] + points[-1:]


def _spoken(lines, chart: Chart) -> str:
  show = percent if chart.shares else decimal
  return " ".join(
    f"{words}: {show(points[0][1])} in epoch {points[0][0]:.0f},"
    f" {show(points[-1][1])} in epoch {points[-1][0]:.0f}."
    for words, points in lines
  )


def _svg(
  lines: list[tuple[str, list[tuple[float, float]]]], shares: bool
) -> str:
  # Imported here: only the page needs it.
  import leather

  values = [y for _, points in lines for _, y in points]
  epochs = [x for _, points in lines for x, _ in points]
  low, high = min(0.0, *values), max(values)
  chart = leather.Chart()
  chart.add_x_scale(min(epochs), max(epochs))
  chart.add_y_scale(low, 1.0 if shares and high <= 1 else max(high, low + 1e-6))
  chart.add_x_axis(tick_formatter=lambda x, *_: f"{x:g}")
  chart.add_y_axis(
    tick_formatter=lambda y, *_: f"{100 * y:.0f} %" if shares else f"{y:g}"
  )
  for i, (words, points) in enumerate(lines, start=1):
    chart.add_line(points, name=words, stroke_color=f"var(--s{i})")
  root = ET.Element(
    "svg",
    viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
    xmlns="http://www.w3.org/2000/svg",
    role="presentation",
  )
  root.append(chart.to_svg_group(_WIDTH, _HEIGHT))
  return ET.tostring(root, encoding="unicode")
