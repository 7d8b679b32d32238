"""Tables of text: .csv and .parquet files with named columns."""

import collections
import csv
import pathlib

from fsr_jax.errors import InputError, check

# Columns that mean something, whatever their capitals.
COLUMNS = ("path", "label", "clean_label", "split", "id")


def read_table(
  file: pathlib.Path, required: tuple[str, ...]
) -> dict[str, list[str]]:
  """Columns of a .csv or .parquet file, every value as text.

  Args:
    file: read as UTF-8 where it is no .parquet file.
    required: columns that must be there.

  Returns:
    {column: values}, all of one length, at least 1; names of COLUMNS in lower
    case, spaces around values removed, "" where a value is missing.

  Raises:
    InputError: unreadable, a required column is missing, a column is there
      twice, ragged or empty.
  """
  try:
    parquet = file.suffix.lower() == ".parquet"
    names, rows = (_parquet if parquet else _csv)(file)
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    raise InputError(f"cannot read {file} ({error})") from error
  names = [name.strip() for name in names]
  names = [n.lower() if n.lower() in COLUMNS else n for n in names]
  twice = [n for n, count in collections.Counter(names).items() if count > 1]
  check(not twice, f"{file} has the column {', '.join(twice)} more than once")
  columns = {name: list(values) for name, values in zip(names, zip(*rows))}
  missing = [name for name in required if name not in columns]
  check(
    not missing,
    f"{file} has no column {', '.join(missing)} or no rows; it has:"
    f" {', '.join(names) or 'nothing'}",
  )
  return columns


def _csv(file):
  """(names, rows of text)."""
  with open(file, newline="", encoding="utf-8-sig") as lines:
    rows = list(csv.reader(lines, strict=True, skipinitialspace=True))
  rows = [[value.strip() for value in row] for row in rows if row]
  names = rows[0] if rows else []
  for number, row in enumerate(rows[1:], start=2):
    check(
      len(row) == len(names),
      f"{file}, row {number}: {len(row)} values; the header has"
      f" {len(names)} columns",
    )
  return names, rows[1:]


def _parquet(file):
  """(names, rows of text)."""
  try:
    # Imported here: only this format needs it, and it is large.
    from pyarrow import ArrowInvalid, parquet
  except ImportError as error:
    raise InputError(
      f"{file}: reading Parquet needs pyarrow (pip install pyarrow); or use"
      " a .csv file"
    ) from error
  try:
    table = parquet.read_table(file)
  except ArrowInvalid as error:
    raise InputError(f"cannot read {file} ({error})") from error
  columns = [
    [
      "" if value is None or value != value else str(value).strip()
      for value in column.to_pylist()
    ]  # NaN is not itself.
    for column in table.columns
  ]
  return table.column_names, list(zip(*columns))
