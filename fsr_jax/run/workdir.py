"""The workdir: which run lives there, and its files."""

from collections.abc import Iterable
import fcntl
import itertools
import json
import os
import pathlib
import shutil
from typing import IO, Any, NamedTuple

from fsr_jax import config as config_lib
from fsr_jax.config import places, stored
from fsr_jax.errors import InputError, check
from fsr_jax.files import (
  MOST_JSON,
  no_link,
  read_file,
  replacing,
  require_file,
  sync,
)
from fsr_jax.run.checkpoint import has_checkpoint
from fsr_jax.run.watch.events import Scalars, finite, lines_of, logged
from fsr_jax.spreadsheets import write_csv

# Names of files that are not UTF-8 are written as they are.
_ODD_NAMES = "surrogateescape"

# Files that are opened where they are there: a pipe would never end.
_OPENED = (
  ".lock",
  "config.json",
  "data.json",
  "labels.npz",
  "metrics.jsonl",
  "summary.json",
)


class Table(NamedTuple):
  """A table to be written.

  Attributes:
    names: of its columns.
    rows: of as many values each: text, numbers or None.
  """

  names: list[str]
  rows: Iterable[Iterable[Any]]


class Workdir:
  """Paths and files of one run.

  Attributes:
    path: of the directory.
    checkpoints: path of the checkpoints' directory.
    best: path of that of the best checkpoint, see `best.Best`.
  """

  def __init__(self, path: str):
    check(
      "://" not in path,
      f"workdir {path}: only local or mounted directories can be used",
    )
    self.path = pathlib.Path(os.path.expanduser(path)).absolute()
    check(
      not self.path.exists() or self.path.is_dir(),
      f"workdir {self.path} is a file; expected a directory",
    )
    for name in _OPENED:
      if (self.path / name).exists():
        require_file(self.path / name)
    self.checkpoints = self.path / "checkpoints"
    check(
      not self.checkpoints.exists() or self.checkpoints.is_dir(),
      f"{self.checkpoints} is a file; expected a directory",
    )
    self.best = self.path / "best"
    self._lock: IO[str] | None = None
    self._config = self.path / "config.json"
    self._metrics = self.path / "metrics.jsonl"
    self._summary = self.path / "summary.json"

  def read_config(self) -> dict | None:
    """Fields of the run that lives here; None where there is no run.

    Raises:
      InputError: files of a run without a readable config.json.
    """
    if not self._config.exists():
      for path in (self.checkpoints, self._metrics, self._summary):
        check(
          not path.exists(),
          f"workdir {self.path} has {path.name} but no config.json; choose"
          " another workdir",
        )
      return None
    config = _read_json(self._config)
    stored.check_types(self._config, config)
    return config

  @property
  def holds_progress(self) -> bool:
    """Whether something of a run would be lost if another one began here."""
    return self._summary.exists() or self.has_checkpoint

  @property
  def has_checkpoint(self) -> bool:
    """Whether a checkpoint was saved here."""
    return has_checkpoint(self.checkpoints)

  def lock(self) -> None:
    """Makes the directory this process's own until the process ends.

    Raises:
      InputError: another process trains here.
    """
    if self._lock is not None:
      return
    self.path.mkdir(parents=True, exist_ok=True)
    sync(self.path.parent)
    path = self.path / ".lock"
    self._lock = open(path, "a", opener=no_link)  # noqa: SIM115
    try:
      fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      self.unlock()
      raise InputError(
        f"another process trains in workdir {self.path}"
      ) from error
    except OSError:
      pass  # A file system without locks, a mounted bucket for example.

  def unlock(self) -> None:
    """Gives the directory back."""
    if self._lock is not None:
      self._lock.close()
      self._lock = None

  def differing(self, config) -> dict[str, str]:
    """Fields in which a config is not that of the run that lives here.

    Args:
      config: resolved.

    Returns:
      field -> "learning_rate 0.1 there, 0.2 now", without those that may
      change (config.FREE_FIELDS); {} where no run lives here.
    """
    before = self.read_config()
    if before is None:
      return {}
    ours = config_lib.flatten(_plain(config))
    completed, _ = stored.completed(before)
    theirs = config_lib.flatten(_plain(places.absolute(completed)))
    return {
      field: f"{field} {theirs.get(field)!r} there, {ours.get(field)!r} now"
      for field in sorted(ours.keys() | theirs.keys())
      if field not in config_lib.FREE_FIELDS
      and theirs.get(field) != ours.get(field)
    }

  def check_config(self, config, allow_change: bool) -> None:
    """Refuses to mix two runs.

    Args:
      config: resolved.
      allow_change: let fields differ that the state does not depend on.

    Raises:
      InputError: a run with another config lives here; names the differing
        fields (those of config.FREE_FIELDS may differ).
    """
    differing = self.differing(config)
    head = f"workdir {self.path} holds a run with another config"
    # Epochs, steps and the per-sample tables mean something else with these.
    fixed = [
      text
      for field, text in differing.items()
      if field == "batch_size" or field.startswith("data.")
    ]
    check(not fixed, f"{head} ({'; '.join(fixed)}); choose another workdir")
    check(
      allow_change or not differing,
      f"{head} ({'; '.join(differing.values())}); choose another workdir, or"
      " continue that run with these fields by --allow_config_change",
    )

  def write_config(self, config) -> None:
    """Writes config.json; a different one before it is kept under a number."""
    text = json.dumps(_plain(config), indent=2, sort_keys=True) + "\n"
    self.path.mkdir(parents=True, exist_ok=True)
    if self._config.exists() and self._config.read_bytes() != text.encode():
      names = (self.path / f"config.{i}.json" for i in itertools.count())
      free = next(name for name in names if not os.path.lexists(name))
      with replacing(free) as partial:
        shutil.copy2(self._config, partial)
    _write(self._config, text)

  def write_summary(self, summary: dict) -> None:
    """Writes summary.json, flat keys, null for what is unknown."""
    _write(self._summary, json.dumps(finite(summary), indent=2) + "\n")

  def read_summary(self) -> dict | None:
    """The summary of a finished run; None where there is no readable one."""
    summary = _read_json(self._summary)
    return summary if isinstance(summary, dict) else None

  def read_metrics(self) -> list[dict]:
    """Scalars of the epochs logged so far, without lines that are damaged."""
    return [scalars for scalars in self.logged() if scalars is not None]

  def metrics_of(self, step: int) -> dict:
    """Scalars logged of a step; {} where there are none."""
    found = (line for line in self.read_metrics() if line["step"] == step)
    return next(found, {})

  def logged(self) -> list[dict | None]:
    """Scalars of every line of metrics.jsonl; None where it is damaged."""
    return [logged(line) for line in lines_of(self._metrics)]

  def write_table(self, name: str, table: Table) -> None:
    """Writes a table as CSV that spreadsheets can open, under this name."""
    write_csv(self.path / name, table.names, table.rows)

  def write_skipped(self, reasons: tuple[str, ...]) -> None:
    """Writes skipped.txt: a line for each image left out, if there are any."""
    if reasons:
      _write(self.path / "skipped.txt", "".join(f"{r}\n" for r in reasons))

  def open_scalars(self, step: int) -> Scalars:
    """Writer of scalars that continues after `step`."""
    return Scalars(self.path, self._metrics, step)


def _read_json(path: pathlib.Path) -> Any:
  """What the file holds; None where there is none or it is no JSON."""
  if not path.exists():
    return None
  content = read_file(path, MOST_JSON)
  try:
    return json.loads(content)
  except (ValueError, RecursionError):
    return None


def _plain(config) -> dict:
  """The config as JSON has it (tuples become lists)."""
  return json.loads(json.dumps(config.to_dict()))


def _write(path: pathlib.Path, text: str) -> None:
  with replacing(path) as partial:
    partial.write_text(text, encoding="utf-8", errors=_ODD_NAMES)
