"""The table of label issues, and how it is written."""

from collections.abc import Sequence
import pathlib
from typing import Any

import numpy as np

from fsr_jax.errors import InputError, check
from fsr_jax.files import replacing
from fsr_jax.spreadsheets import write_columns

# Rows that a table shows of itself.
_SHOWN = 10


class LabelIssues:
  """A row for every example, the worst label first.

  Columns, those that are known:
    index: int, position among the training examples.
    id: what the example is called.
    filepath: its file, absolute.
    given_label, predicted_label: classes; where the given label seems wrong
      the predicted one is the likeliest other class.
    label_score: float 0-1, probability that the given label is right: 0.5 is
      "as likely wrong as right"; NaN where nothing is known.
    is_label_issue: bool, label_score < 0.5.
    confidence: float 0-1, of the predicted label: its probability according to
      the network.
    weight: float, mean weight in training; 1 = that of plain training.
    epochs_trusted: int, for how many epochs it was in the dictionary.
    clean_label: the true class; "" where it is not known.

  Attributes:
    transition: float64 [C, C], in the order of the classes: entry (i, j) is the
      estimated probability that an example of class i is labelled j; None where
      it is not known.
  """

  def __init__(
    self,
    columns: dict[str, np.ndarray],
    transition: np.ndarray | None = None,
  ):
    """A table.

    Args:
      columns: name -> array [N], in the order of the rows.
      transition: as the attribute.
    """
    self._columns = dict(columns)
    self.transition = transition

  @property
  def columns(self) -> list[str]:
    """Names of the columns."""
    return list(self._columns)

  def __getitem__(self, column: str) -> np.ndarray:
    """A column [N], by its name.

    Raises:
      InputError: no such column; lists those that there are.
    """
    check(
      column in self._columns,
      f"no column {column!r}; there are: {', '.join(self._columns)}",
    )
    return self._columns[column]

  def __len__(self) -> int:
    """Number of examples."""
    return len(self._columns["label_score"])

  def __repr__(self) -> str:
    names = self.columns
    rows = [names] + [
      [_short(self._columns[name][i]) for name in names]
      for i in range(min(len(self), _SHOWN))
    ]
    width = [max(map(len, column)) for column in zip(*rows)]
    lines = [
      "  ".join(text.ljust(w) for text, w in zip(row, width)).rstrip()
      for row in rows
    ]
    if len(self) > _SHOWN:
      lines.append(f"... {len(self):,} rows")
    return "\n".join(lines)

  @property
  def num_issues(self) -> int:
    """How many labels seem wrong."""
    return int(self._columns["is_label_issue"].sum())

  @property
  def expected_wrong(self) -> float:
    """How many labels are wrong, an estimate: the sum of 1 - label_score."""
    return float(np.nansum(1 - self._columns["label_score"]))

  def suggested_labels(self) -> np.ndarray:
    """[N] in the order of the examples: the given label or, where it seems
    wrong, the predicted one."""
    c = self._columns
    rows = np.where(c["is_label_issue"], c["predicted_label"], c["given_label"])
    return rows[np.argsort(c["index"])]

  def to_pandas(self) -> Any:
    """pandas.DataFrame of all columns.

    Raises:
      InputError: pandas is not installed.
    """
    try:
      import pandas
    except ImportError as error:
      raise InputError("to_pandas needs pandas (pip install pandas)") from error
    return pandas.DataFrame(self._columns)

  def write(self, path: str | pathlib.Path) -> None:
    """Writes the table.

    Args:
      path: of a .csv file, of which no cell is run as a formula, or of a
        .parquet file; one that is there is replaced.

    Raises:
      InputError: another suffix, or pyarrow is not installed.
    """
    path = pathlib.Path(path)
    kinds = {".csv": self._write_csv, ".parquet": self._write_parquet}
    check(
      path.suffix in kinds,
      f"{path}: expected a name that ends in {' or '.join(kinds)}",
    )
    kinds[path.suffix](path)

  def write_suggested(self, path: pathlib.Path) -> None:
    """Writes a .csv file of suggested labels, in the order of the examples.

    Args:
      path: of the file, which data.labels_file takes: id (the index where
        examples have no ids), label, given_label.
    """
    order = np.argsort(self._columns["index"])
    ids = self._columns.get("id", self._columns["index"])[order]
    given = self._columns["given_label"][order]
    write_columns(
      path,
      {"id": ids, "label": self.suggested_labels(), "given_label": given},
    )

  def _write_csv(self, path: pathlib.Path) -> None:
    write_columns(path, self._columns)

  def _write_parquet(self, path: pathlib.Path) -> None:
    try:
      # Imported here: only this format needs it, and it is large.
      from pyarrow import parquet, table
    except ImportError as error:
      raise InputError(
        f"{path}: writing Parquet needs pyarrow (pip install pyarrow)"
      ) from error
    columns = {name: _as_text(x) for name, x in self._columns.items()}
    with replacing(path) as partial:
      parquet.write_table(table(columns), partial)


def _as_text(column: np.ndarray) -> np.ndarray | list:
  """A column for Parquet; names that are no UTF-8 with their bytes escaped."""
  if column.dtype.kind not in "UO":
    return column
  return [
    str(x)
    .encode("utf-8", "surrogateescape")
    .decode("utf-8", "backslashreplace")
    for x in column.tolist()
  ]


def _short(value: Any) -> str:
  if isinstance(value, float | np.floating):
    return f"{value:.3f}"
  text = ascii(str(value))[1:-1] if not str(value).isprintable() else str(value)
  return text if len(text) <= 40 else text[:37] + "..."


def positions(labels: np.ndarray, classes: Sequence) -> np.ndarray:
  """Position of each label among the classes, int64 [N]; -1 of none."""
  position = {name: c for c, name in enumerate(classes)}
  return np.array([position.get(x, -1) for x in labels.tolist()], np.int64)


def called(found: np.ndarray, classes: np.ndarray) -> np.ndarray:
  """What classes are called, the inverse of `positions`.

  Args:
    found: int [N], -1 where it is not known.
    classes: [C].

  Returns:
    [N], of the dtype of `classes` where all are known; what is not is "" among
    text, -1 among whole numbers and None among others.
  """
  if min(found, default=0) >= 0:
    return classes[found]
  unknown = {"U": "", "i": -1}.get(classes.dtype.kind)
  if unknown is None:
    classes = classes.astype(object)
  return np.concatenate([classes, np.array([unknown], classes.dtype)])[found]
