"""What the files of a finished run say, read back for its page.

The page is made of the workdir alone, so that the end of a run and
`--mode=report` years later write the same one.
"""

import csv
import dataclasses
import io
import pathlib
from typing import Any, NamedTuple

import numpy as np

from fsr_jax.errors import check
from fsr_jax.files import read_file
from fsr_jax.run.use import description
from fsr_jax.run.use.description import Description
from fsr_jax.run.workdir import Workdir
from fsr_jax.spreadsheets import as_meant


@dataclasses.dataclass(frozen=True)
class Samples:
  """samples.csv: N training examples, the worst label first.

  Attributes:
    index: int [N], position among the training examples.
    id: str [N], what each is called; None where the source has no names, and
      a labels_file needs a row for every example.
    given, suggested: int [N], classes; the label, and what it should be.
    score: float [N], probability that the label is right; NaN where unknown.
    issue: bool [N], whether the label looks wrong.
    weight: float [N], mean weight in training, 1 = plain training.
    trusted: int [N], epochs in the dictionary; None without one.
    clean: int [N], true class, -1 where it is unknown; None where all are.
    filepath: str [N], of the picture; None where there are no files.
  """

  index: np.ndarray
  id: np.ndarray | None
  given: np.ndarray
  suggested: np.ndarray
  score: np.ndarray
  issue: np.ndarray
  weight: np.ndarray
  trusted: np.ndarray | None
  clean: np.ndarray | None
  filepath: np.ndarray | None

  def __len__(self) -> int:
    return self.index.size

  def name(self, row: int) -> str:
    """What an example is called: its id, its file or "example 12"."""
    if self.id is not None:
      return str(self.id[row])
    if self.filepath is not None:
      return pathlib.PurePath(self.filepath[row]).name
    return f"example {self.index[row]}"


class Transition(NamedTuple):
  """Pairs of classes; those that hardly occur are left out.

  Attributes:
    true, label: int [M], classes.
    probability: float [M], that an example of class `true` is labelled `label`.
  """

  true: np.ndarray
  label: np.ndarray
  probability: np.ndarray


class Finished(NamedTuple):
  """A run that is done, as its workdir has it.

  Attributes:
    path: of the workdir.
    ended: when the summary was written, seconds since 1970.
    summary: of summary.json.
    config: of config.json.
    network: Description of the network, with the names of the C classes.
    epochs: scalars of each epoch, as logged.
    samples: Samples; None where predictions were not kept.
    tested: column of per_class.csv -> float [C], NaN for unknown; None where
      nothing was tested.
    transition: which classes are taken for which, as it was estimated; None
      where it is not known.
  """

  path: pathlib.Path
  ended: float
  summary: dict[str, Any]
  config: dict[str, Any]
  network: Description
  epochs: list[dict[str, Any]]
  samples: Samples | None
  tested: dict[str, np.ndarray] | None
  transition: Transition | None

  @property
  def classes(self) -> tuple[str, ...]:
    """Names of the C classes."""
    return self.network.class_names


def read(workdir: Workdir) -> Finished:
  """Reads a workdir.

  Args:
    workdir: of a finished run.

  Raises:
    InputError: no run, one that is not finished, or a file of it is damaged.
  """
  path, config = workdir.path, workdir.read_config()
  check(config is not None, f"workdir {path} holds no run to report of")
  summary = workdir.read_summary()
  check(
    summary is not None,
    f"workdir {path} holds a run that is not finished: it has no readable"
    " summary.json; the command that began it continues it",
  )
  assert config is not None and summary is not None
  network = description.read(path)
  position = {name: c for c, name in enumerate(network.class_names)}
  return Finished(
    path=path,
    ended=(path / "summary.json").stat().st_mtime,
    summary=summary,
    config=config,
    network=network,
    epochs=[x for x in workdir.read_metrics() if x.get("epoch") is not None],
    samples=_samples(path / "samples.csv", position, summary),
    tested=_tested(path / "per_class.csv", len(position), summary),
    transition=_transition(path / "transition.csv", position),
  )


def _columns(path: pathlib.Path) -> dict[str, tuple[str, ...]]:
  """Columns of a table of ours, name -> values; {} where there is no table."""
  if not path.exists():
    return {}
  # Names of files need not be UTF-8 (spreadsheets.write_csv).
  text = read_file(path).decode("utf-8", "surrogateescape")
  rows = list(csv.reader(io.StringIO(text, newline="")))
  check(
    len(rows) > 0 and len({len(row) for row in rows}) == 1,
    f"{path} is not the table that a run writes: its rows are of different"
    " lengths; the run's own command, repeated, writes it anew",
  )
  names = [as_meant(name) for name in rows[0]]
  values = zip(*rows[1:]) if len(rows) > 1 else [()] * len(names)
  return dict(zip(names, values))


def _numbers(path: pathlib.Path, name: str, values) -> np.ndarray:
  """float [N] of text, NaN for nothing."""
  try:
    return np.array([float(x) if x else np.nan for x in values], np.float64)
  except ValueError as error:
    check(False, f"{path}: {name} is not all numbers ({error})")
    raise


def _samples(
  path: pathlib.Path, position: dict[str, int], summary: dict
) -> Samples | None:
  columns = _columns(path)
  # A list that another form of the run left there is not of this one.
  if not columns or summary.get("label_issues") is None:
    return None
  needed = ("index", "given_label", "predicted_label", "label_score", "weight")
  missing = [name for name in needed if name not in columns]
  check(not missing, f"{path} has no column {', '.join(missing)}")

  def classes(name: str) -> np.ndarray:
    found = [position.get(as_meant(x), -1) for x in columns[name]]
    return np.array(found, np.int64)

  def texts(name: str) -> np.ndarray | None:
    if name not in columns:
      return None
    return np.array([as_meant(x) for x in columns[name]], object)

  def numbers(name: str) -> np.ndarray:
    return _numbers(path, name, columns[name])

  given, suggested = classes("given_label"), classes("predicted_label")
  check(
    bool(((given >= 0) & (suggested >= 0)).all()),
    f"{path} has labels that are no class of the run; an edited table belongs"
    " elsewhere (data.labels_file)",
  )
  score, trusted = numbers("label_score"), "epochs_trusted"
  return Samples(
    index=numbers("index").astype(np.int64),
    id=texts("id"),
    given=given,
    suggested=suggested,
    score=score,
    issue=score < 0.5,
    weight=numbers("weight"),
    trusted=numbers(trusted).astype(int) if trusted in columns else None,
    clean=classes("clean_label") if "clean_label" in columns else None,
    filepath=texts("filepath"),
  )


def _tested(
  path: pathlib.Path, num_classes: int, summary: dict
) -> dict[str, np.ndarray] | None:
  columns = _columns(path)
  if summary.get("test_top1") is None or not columns:
    return None
  names = ("test_examples", "accuracy", "accuracy_ema", "precision")
  found = {n: _numbers(path, n, columns[n]) for n in names if n in columns}
  fits = len(found) == len(names) and len(found["accuracy"]) == num_classes
  return found if fits else None


def _transition(
  path: pathlib.Path, position: dict[str, int]
) -> Transition | None:
  """What `issues.write` wrote; runs of earlier versions have none."""
  columns, names = _columns(path), ("class", "label", "probability")
  if not columns:
    return None
  check(set(names) <= columns.keys(), f"{path} is not what a run writes")
  true, label = (
    np.array([position.get(as_meant(x), -1) for x in columns[name]], np.int64)
    for name in names[:2]
  )
  check(
    bool(((true >= 0) & (label >= 0)).all()),
    f"{path} names classes that the run has not",
  )
  share = _numbers(path, names[2], columns[names[2]])
  return Transition(true, label, share)
