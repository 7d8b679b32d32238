"""Tables of text: .csv, .tsv, .jsonl and .parquet files with named columns."""

import collections
import csv
import io
import json
import pathlib
from typing import NamedTuple

from fsr_jax.errors import InputError, check
from fsr_jax.files import check_size
from fsr_jax.spreadsheets import as_meant

# Columns that mean something, whatever their capitals -> what others call them.
COLUMNS: dict[str, tuple[str, ...]] = {
  "path": (
    "filepath",
    "file_path",
    "filename",
    "file_name",
    "file",
    "image",
    "image_path",
    "img",
    "img_path",
  ),
  "label": (
    "class",
    "class_name",
    "target",
    "category",
    "given_label",
    "label_name",
  ),
  "label_index": (),
  "clean_label": ("true_label",),
  "clean_label_index": (),
  "split": (),
  "id": (),
}
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
# Bytes that a short value takes as text, at least.
_VALUE = 50
_DELIMITERS = ",;\t|"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Table(NamedTuple):
  """Columns of text.

  Attributes:
    columns: name -> values, of one length; a missing value is "".
    called: of the COLUMNS that go by another name there, that name.
  """

  columns: dict[str, list[str]]
  called: dict[str, str]

  def note(self, file: pathlib.Path) -> tuple[str, ...]:
    """What was guessed about it, for the opening lines."""
    if not self.called:
      return ()
    words = ", ".join(f"{ours}: {name}" for ours, name in self.called.items())
    return (f"columns of {file.name} that are read as others: {words}",)


def read_table(file: pathlib.Path, required: tuple[str, ...]) -> Table:
  """Reads a table, every value as text.

  Args:
    file: .parquet; .jsonl, an object a line; else text with a header, its
      values separated by commas, semicolons, tabs or bars, as UTF-8 or, with a
      byte order mark, UTF-16.
    required: names of COLUMNS that must be there, by these or other names.

  Returns:
    Table of at least one row; names of COLUMNS in lower case, spaces around
    values removed.

  Raises:
    InputError: unreadable, a required column is missing or could be several,
      a column is there twice, ragged or empty.
  """
  check(file.is_file(), f"{file} is no file; expected a table in one")
  check_size(file, file.stat().st_size)
  reader = {".parquet": _parquet, ".jsonl": _json_lines}
  try:
    names, rows = reader.get(file.suffix.lower(), _csv)(file)
  except UnicodeDecodeError as error:
    raise InputError(
      f"cannot read {file} ({error}); expected text in UTF-8: save it as such"
    ) from error
  except (OSError, csv.Error) as error:
    raise InputError(f"cannot read {file} ({error})") from error
  names = [name.strip() for name in names]
  names = [n.lower() if n.lower() in COLUMNS else n for n in names]
  twice = [n for n, count in collections.Counter(names).items() if count > 1]
  check(not twice, f"{file} has the column {', '.join(twice)} more than once")
  columns = {name: list(values) for name, values in zip(names, zip(*rows))}
  called = _called(file, columns, required)
  missing = [n for n in required if n not in columns and n not in called]
  check(
    not missing,
    f"{file} has no column {', '.join(missing)} or no rows; it has:"
    f" {', '.join(names) or 'nothing'}",
  )
  ours = {name: ours for ours, name in called.items()}
  columns = {ours.get(name, name): x for name, x in columns.items()}
  return Table(columns, called)


def _called(
  file: pathlib.Path, columns: dict, required: tuple[str, ...]
) -> dict[str, str]:
  """The one other name of each of COLUMNS that is not there by its own."""
  called = {}
  for ours, others in COLUMNS.items():
    found = [name for name in columns if name.strip().lower() in others]
    # label_index stands for label.
    if ours in columns or f"{ours}_index" in columns or not found:
      continue
    check(
      len(found) == 1 or ours not in required,
      f"{file} has no column {ours}, and several that could be it:"
      f" {', '.join(found)}; call one of them {ours}",
    )
    if len(found) == 1:
      called[ours] = found[0]
  return called


def _csv(file: pathlib.Path):
  """(names, rows of text)."""
  blob = file.read_bytes()
  text = blob.decode("utf-16" if blob.startswith(_UTF16) else "utf-8-sig")
  header = text.split("\n", 1)[0]
  delimiter = max(_DELIMITERS, key=header.count)
  lines = io.StringIO(text, newline="")
  rows = list(
    csv.reader(lines, strict=True, skipinitialspace=True, delimiter=delimiter)
  )
  rows = [[as_meant(value.strip()) for value in row] for row in rows if row]
  names = rows[0] if rows else []
  for number, row in enumerate(rows[1:], start=2):
    check(
      len(row) == len(names),
      f"{file}, row {number}: {len(row)} values; the header has"
      f" {len(names)} columns",
    )
  return names, rows[1:]


def _json_lines(file: pathlib.Path):
  """(names, rows of text); what an object has not is missing."""
  names: dict[str, None] = {}
  objects = []
  for number, line in enumerate(
    file.read_text(encoding="utf-8-sig").splitlines(), start=1
  ):
    if not line.strip():
      continue
    try:
      row = json.loads(line)
    except (ValueError, RecursionError) as error:
      raise InputError(
        f"cannot read {file}, line {number} ({error})"
      ) from error
    check(
      isinstance(row, dict),
      f"{file}, line {number}: {line[:40]} is no object; expected"
      ' {"COLUMN": VALUE, ...}',
    )
    objects.append(row)
    names |= dict.fromkeys(row)
  rows = [[_text(row.get(name)) for name in names] for row in objects]
  return list(names), rows


def _parquet(file: pathlib.Path):
  """(names, rows of text)."""
  try:
    # Imported here: only this format needs it, and it is large.
    from pyarrow import ArrowException, parquet
  except ImportError as error:
    raise InputError(
      f"{file}: reading Parquet needs pyarrow (pip install pyarrow); or use"
      " a .csv file"
    ) from error
  try:
    about = parquet.read_metadata(file)
    check_size(file, about.num_rows * about.num_columns * _VALUE)
    sizes = (about.row_group(i) for i in range(about.num_row_groups))
    check_size(file, sum(group.total_byte_size for group in sizes))
    table = parquet.read_table(file)
  except ArrowException as error:
    raise InputError(f"cannot read {file} ({error})") from error
  columns = [[_text(x) for x in column.to_pylist()] for column in table.columns]
  return table.column_names, list(zip(*columns))


def _text(value) -> str:
  """A value of a table as text; "" where there is none."""
  if value is None or value != value:  # NaN is not itself.
    return ""
  return str(value).strip()
