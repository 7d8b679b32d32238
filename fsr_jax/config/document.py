"""Writes the tables of docs/methods.md from the options and the methods.

    python -m fsr_jax.config.document docs/methods.md

Replaces what stands between `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

from collections.abc import Callable
import dataclasses
import pathlib
import re
import sys
from typing import Any

from fsr_jax.config.methods import METHODS, PARTS
from fsr_jax.config.options import DATA, TOP
from fsr_jax.data.options import DataOptions
from fsr_jax.errors import InputError, check


def _row(*cells: str) -> str:
  return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(value: Any) -> str:
  return "–" if value is None else f"`{value}`"


def methods() -> str:
  """One row a method."""
  rows = [
    _row("method", "what it is", "needs", "options that differ", "source"),
    "|---|---|---|---|---|",
  ]
  for name, method in METHODS.items():
    rows.append(
      _row(
        f"`{name}`", method.about, method.needs, _differ(name), method.source
      )
    )
  return "\n".join(rows)


def _differ(name: str) -> str:
  """The options of a method, as what it adds to the nearest one before it."""
  fields, before = METHODS[name].fields.items(), list(METHODS)
  known = [
    other
    for other in before[: before.index(name)]
    if METHODS[other].fields.items() <= fields
  ]
  nearest = max(known, key=lambda o: len(METHODS[o].fields), default=None)
  if nearest is None:
    return "–"
  added = fields - METHODS[nearest].fields.items()
  listed = [f"`{k}={v}`" for k, v in fields if (k, v) in added]
  return f"`{nearest}`'s and " + ", ".join(listed)


def _allowed(entry: dataclasses.Field) -> str:
  """What a field may be, in words."""
  if entry.metadata["choices"] is not None:
    return ", ".join(f"`{choice}`" for choice in entry.metadata["choices"])
  bound = entry.metadata["bound"]
  usual = entry.metadata["usual"]
  words = [] if bound is None else [bound.words]
  words += [] if usual is None else [f"usually {usual.words}"]
  if entry.metadata["unit"] and entry.metadata["unit"] != "share 0-1":
    words.append(entry.metadata["unit"])
  if entry.type is bool or entry.type == "bool":
    words.append("`True`, `False`")
  return ", ".join(words) or "–"


def options() -> str:
  """One table a group of options."""
  tables = []
  for group in (*TOP, DataOptions):
    prefix = DATA if group is DataOptions else ""
    rows = [
      f"### {group.__name__}",
      "",
      str(group.__doc__),
      "",
      _row("option", "default", "allowed", "meaning", "source"),
      "|---|---|---|---|---|",
    ]
    for entry in dataclasses.fields(group):
      name = f"`{prefix}{entry.name}`" + (" \\*" if entry.name in PARTS else "")
      rows.append(
        _row(
          name,
          _value(entry.default),
          _allowed(entry),
          entry.metadata["about"],
          entry.metadata["source"] or "–",
        )
      )
    tables.append("\n".join(rows))
  return "\n\n".join(tables)


BLOCKS: dict[str, Callable[[], str]] = {
  "table of methods": methods,
  "table of options": options,
}


def renewed(text: str) -> str:
  """`text` with every block of BLOCKS as it is now.

  Raises:
    InputError: a block without its markers.
  """
  for name, block in BLOCKS.items():
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    check(
      begin in text and end in text,
      f"the page has no {begin} ... {end} for a table to be put between",
    )
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    # A backslash in a replacement would be an escape.
    new = f"{begin}\n\n{block()}\n\n{end}".replace("\\", "\\\\")
    text = re.sub(pattern, new, text, flags=re.DOTALL)
  return text


def main(arguments: list[str]) -> None:
  """Renews the pages named."""
  check(bool(arguments), "which page? e.g. docs/methods.md")
  for argument in arguments:
    page = pathlib.Path(argument)
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
  try:
    main(sys.argv[1:])
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
