"""What the page says, gathered from a finished run: pure data."""

import datetime
import pathlib
from typing import Any, NamedTuple
import zlib

import numpy as np

from fsr_jax.data.dataset import Split
from fsr_jax.run.page import charts, health, listed, pictures, settings, tables
from fsr_jax.run.page.finished import Finished, Samples
from fsr_jax.run.page.headline import headline
from fsr_jax.run.page.words import plural
from fsr_jax.run.remote import called

_PARTS = (
  ("worst", "Worst labels"),
  ("review", "Correct them"),
  ("noise", "What is taken for what"),
  ("classes", "Classes"),
  ("training", "Training"),
  ("dictionary", "Dictionary"),
  ("health", "Health"),
  ("next", "Go on"),
  ("settings", "Settings"),
)


class Card(NamedTuple):
  """An example that is shown.

  Attributes:
    row: of run.samples.
    name: what it is called.
    uri: of its picture; None where there is none.
    alt: the picture in words.
    given, suggested: names of classes.
    score: probability that the label is right.
    clean: true class where it is known, else "".
  """

  row: int
  name: str
  uri: str | None
  alt: str
  given: str
  suggested: str
  score: float
  clean: str


class Group(NamedTuple):
  """Examples of a class.

  Attributes:
    name: of the class.
    issues: its labels that look wrong.
    cards: some of its examples.
  """

  name: str
  issues: int
  cards: list[Card]


def content(
  run: Finished, split: Split | None, why_no_pictures: str
) -> dict[str, Any]:
  """Variables of templates/page.html.

  Args:
    run: Finished.
    split: the training part, in its order; None where it is not there.
    why_no_pictures: a sentence for the page, where it has none.
  """
  worst, dictionary = listed.worst(run), listed.dictionary(run)
  shown, rest = _rows(worst), _rows(dictionary)
  rows = np.empty(0, int)
  if run.samples is not None:
    rows = listed.rows(run.samples, shown)
  images: dict[int, str] = {}
  if split is not None and run.samples is not None:
    wanted = np.concatenate([shown, rest, rows[: listed.PICTURED]])
    found = pictures.thumbnails(split, run.samples.index[wanted])
    images = {
      row: found[index]
      for row, index in zip(wanted.tolist(), run.samples.index[wanted].tolist())
      if index in found
    }
  missing = why_no_pictures
  if images and (lost := len({*shown.tolist()} - images.keys())):
    missing = f"{plural(lost, 'picture')} could not be read, or had no room."
  return {
    "head": headline(run),
    "name": run.path.name,
    "path": called(str(run.path)),
    "versions": run.summary.get("versions") or "",
    "facts": _facts(run),
    "parts": [p for p in _PARTS if run.samples is not None or p[0] != "review"],
    "has_list": run.samples is not None,
    "has_clean": run.samples is not None and run.samples.clean is not None,
    "pictured": bool(images),
    "missing": missing,
    "groups": _groups(run, worst, images),
    "dictionary": _groups(run, dictionary, images),
    "no_dictionary": _no_dictionary(run),
    "listed": _listed(run, rows),
    "file": settings.CORRECTIONS,
    "data": _data(run, rows, images, shown),
    **_tables(run),
    "figures": charts.figures(run),
    "checks": health.checks(run),
    "commands": settings.commands(run),
    "noise_note": _noise_note(run),
    "settings": settings.settings(run),
    "summary": sorted(run.summary.items()),
  }


def _rows(groups: list[tuple[int, np.ndarray]]) -> np.ndarray:
  """The rows of all classes, the first of each before the second of any."""
  most = max((len(rows) for _, rows in groups), default=0)
  found = [rows[i] for i in range(most) for _, rows in groups if i < len(rows)]
  return np.array(found, int)


def _groups(run: Finished, groups, images: dict[int, str]) -> list[Group]:
  samples = run.samples
  if samples is None:
    return []
  count = np.bincount(
    samples.given[samples.issue], minlength=len(run.classes)
  ).tolist()
  return [
    Group(
      run.classes[c],
      count[c],
      [_card(run, samples, row, images.get(row)) for row in rows.tolist()],
    )
    for c, rows in groups
  ]


def _card(run: Finished, samples: Samples, row: int, uri: str | None) -> Card:
  given, said = (
    run.classes[of[row]] for of in (samples.given, samples.suggested)
  )
  alt = f"{samples.name(row)}, labelled {given}"
  if samples.issue[row]:
    alt += f", looks like {said}"
  clean = ""
  if samples.clean is not None and samples.clean[row] >= 0:
    clean = run.classes[samples.clean[row]]
  score = float(samples.score[row])
  return Card(row, samples.name(row), uri, alt, given, said, score, clean)


def _facts(run: Finished) -> list[tuple[str, str]]:
  """Short answers under the headline."""
  summary, network = run.summary, run.network
  ended = datetime.datetime.fromtimestamp(run.ended)
  examples = sum(network.class_counts)
  trained = network.network
  if network.extractor is not None:
    trained += " on features of a frozen backbone"
  found = [
    ("Method", summary.get("method")),
    ("Data", _data_name(run)),
    ("Training examples", f"{examples:,}"),
    ("Classes", f"{len(run.classes):,}"),
    ("Network", f"{trained}, {summary.get('parameters') or 0:,} parameters"),
    ("Epochs", summary.get("epochs")),
    ("Seed", summary.get("seed")),
    ("Device", summary.get("device")),
    ("Finished", f"{ended:%Y-%m-%d %H:%M}"),
  ]
  return [(term, str(value)) for term, value in found if value is not None]


def _data_name(run: Finished) -> str:
  data = run.config["data"]
  path = data.get("path")
  of = f", {pathlib.PurePath(path).name}" if path else ""
  return f"{data.get('dataset')}{of}"


def _tables(run: Finished) -> dict[str, Any]:
  rows = tables.class_rows(run)
  left_out = len(run.classes) - len(rows)
  return {
    "classes": run.classes,
    "matrix": tables.matrix(run),
    "pairs": tables.likeliest(run),
    "class_rows": rows,
    "most_examples": max((row.examples for row in rows), default=1) or 1,
    "tested": run.tested is not None,
    "class_note": (
      f"{plural(left_out, 'class', 'classes')} with fewer labels that look"
      " wrong are left out; per_class.csv in the workdir has all."
      if left_out
      else ""
    ),
  }


def _no_dictionary(run: Finished) -> str:
  if run.samples is None:
    return "Without a list of the examples none can be shown."
  if run.samples.trusted is None:
    return (
      f"The method {run.summary.get('method')} trusts no examples of its own:"
      " it keeps no dictionary."
    )
  return (
    "No example was in a dictionary in use: the run ended before its warm-up"
    " did."
  )


def _listed(run: Finished, rows: np.ndarray) -> str:
  """How much of the list the page has."""
  if run.samples is None:
    return ""
  size = len(run.samples)
  text = f"The list has {'all ' if len(rows) == size else ''}{len(rows):,}"
  if len(rows) == size:
    return f"{text} labels, the worst first."
  return (
    f"{text} of {size:,} labels, the worst ones; the other"
    f" {size - len(rows):,} stand in samples.csv in the workdir."
  )


def _noise_note(run: Finished) -> str:
  noise = run.config["data"].get("noise")
  if noise in (None, "none"):
    return ""
  return (
    f"The labels of this run were made wrong on purpose (data.noise={noise})."
    " Examples without a row in the table of corrections get the label that the"
    " data themselves have, so that the last two commands switch this off."
  )


def _data(
  run: Finished, rows: np.ndarray, images: dict[int, str], shown: np.ndarray
) -> dict[str, Any]:
  """What the script reads; see templates/page.js."""
  samples = run.samples
  if samples is None:
    return {}
  elsewhere = set(shown.tolist())
  return {
    # Of this list: other ticks are those of another run.
    "key": f"{zlib.crc32(_digest(run.path, samples)):08x}",
    "file": settings.CORRECTIONS,
    "classes": run.classes,
    "names": samples.id is not None,
    "labels": listed.labels(samples),
    "clean": samples.clean is not None,
    "rows": [_row(samples, row) for row in rows.tolist()],
    "pictures": {
      row: images[row]
      for row in rows.tolist()
      if row in images and row not in elsewhere
    },
  }


def _row(samples: Samples, row: int) -> list:
  clean = None if samples.clean is None else int(samples.clean[row])
  return [
    row,
    int(samples.index[row]),
    samples.name(row),
    int(samples.given[row]),
    int(samples.suggested[row]),
    _number(samples.score[row], 6),
    _number(samples.weight[row], 3),
    None if clean is None or clean < 0 else clean,
  ]


def _number(value: float, digits: int) -> float | None:
  return round(float(value), digits) if np.isfinite(value) else None


def _digest(path, samples: Samples) -> bytes:
  text = str(path).encode("utf-8", "surrogateescape")
  return text + samples.index.tobytes() + samples.given.tobytes()


__all__ = ["content"]
