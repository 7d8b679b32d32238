"""Tables of runs: means over seeds as Markdown, and CSV files."""

from collections.abc import Iterable, Sequence
import csv
import io
import pathlib
import statistics

from fsr_jax.files import replacing


def markdown(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
  """A table of texts.

  Args:
    header: of its columns.
    body: rows, each as long as the header.
  """
  first, *rest = [f"| {' | '.join(texts)} |" for texts in [header, *body]]
  return "\n".join([first, "|" + "---|" * len(header), *rest])


def spread(values: Sequence[float | None], digits: int = 4) -> str:
  """Mean ± standard deviation of a sample, rounded.

  Args:
    values: one a seed; None where it is unknown.
    digits: behind the point.

  Returns:
    of one value itself, of a missing one or of none "–".
  """
  known = [value for value in values if value is not None]
  if not known or len(known) < len(values):
    return "–"
  mean = f"{statistics.mean(known):.{digits}f}"
  if len(known) == 1:
    return mean
  return f"{mean} ± {statistics.stdev(known):.{digits}f}"


def write_csv(path: pathlib.Path, rows: list[dict]) -> None:
  """Replaces `path` in one go; None becomes an empty cell."""
  columns = list({key: None for row in rows for key in row})
  text = io.StringIO()
  writer = csv.DictWriter(text, columns, lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  with replacing(path) as partial:
    partial.write_text(text.getvalue(), encoding="utf-8")
