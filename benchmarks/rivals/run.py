"""Rivals on settings and seeds, in one process, into one CSV.

A row of OUT/results.csv is a method in a setting on a seed; it is appended when
its training ended, and what is there already is not done again. All methods
see one seed of a setting, its data loaded once, before the next.
"""

from collections.abc import Sequence
import csv
import dataclasses
import os
import pathlib
import time

import jax

from benchmarks import scales, standings
from benchmarks import settings as settings_lib
from benchmarks.rivals import RIVALS
from benchmarks.rivals.protocol import Rival, Trial
from fsr_jax import config as config_lib
from fsr_jax.config import validation
from fsr_jax.errors import check, choose

_PLAIN = {"method": "plain"}


class Case:
  """One setting on one seed; its data are loaded once."""

  def __init__(self, scale: scales.Scale, fields: dict, seed: str):
    self._scale, self._fields, self._seed = scale, fields, seed
    _, options, data = validation.resolve_and_load(self._config(_PLAIN))
    self._trial = Trial.of(options.train, data, options.run.seed)

  def _config(self, fields: dict):
    chosen = {**self._fields, **fields, "seed": self._seed}
    return self._scale.config_of(chosen)

  def trial(self, rival: Rival) -> Trial:
    """The trial under the options of a method, checked.

    Raises:
      InputError: options that do not go together, or not with the data.
    """
    options = config_lib.typed(self._config({**_PLAIN, **rival.fields}))
    validation.validate(options)
    validation.validate_against_data(options, self._trial.data)
    if options.train == self._trial.options:
      return self._trial  # With all that was compiled for it.
    return dataclasses.replace(self._trial, options=options.train)


def measure(case: Case, rival: Rival) -> dict:
  """Accuracy after the last step, seconds with compiling, passes."""
  started = time.monotonic()
  trial = case.trial(rival)
  result = rival.train(trial)
  return {
    "test_top1": round(trial.accuracy(result), 5),
    "seconds": round(time.monotonic() - started, 1),
    "passes": round(result.passes, 2),
  }


def fill(
  path: pathlib.Path,
  scale_name: str,
  scale: scales.Scale,
  settings: settings_lib.Settings,
  seeds: Sequence[str],
  rivals: dict[str, Rival],
) -> None:
  """Does what results.csv has not got yet, and tells of each."""
  done = {
    tuple(row[k] for k in standings.COLUMNS[:3]) for row in standings.read(path)
  }
  path.parent.mkdir(parents=True, exist_ok=True)
  if not path.exists():
    path.write_text(",".join(standings.COLUMNS) + "\n", encoding="utf-8")
  with open(path, "a", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, standings.COLUMNS, lineterminator="\n")
    for seed in seeds:
      for setting, fields in settings.items():
        keys = {n: (scale_name, f"{setting}/{n}", seed) for n in rivals}
        wanted = [name for name in rivals if keys[name] not in done]
        case = Case(scale, fields, seed) if wanted else None
        for name in wanted:
          assert case is not None
          found = measure(case, rivals[name])
          writer.writerow({**dict(zip(standings.COLUMNS, keys[name])), **found})
          file.flush()
          print(
            f"{setting}/{name} seed {seed}: accuracy {found['test_top1']:.4f},"
            f" {found['seconds']} s",
            flush=True,
          )


def _chosen(kind: str, names: Sequence[str], known: dict) -> dict:
  for name in names:
    choose(kind, name, known)
  return {name: known[name] for name in known if name in names}


def work(
  rival: list[str],
  out: str | None,
  scale: str = "digits",
  data: str | None = None,
  labels: Sequence[str] = (),
  settings: Sequence[str] = (),
  seeds: Sequence[str] = ("0",),
) -> None:
  """What the flags of `__main__` ask for.

  Raises:
    InputError: one that is missing or wrong.
  """
  check(bool(out), "--out is missing: the directory of results.csv")
  check(bool(rival), f"--rival is missing; all, or: {', '.join(RIVALS)}")
  rivals = _chosen("rival", [*RIVALS] if rival == ["all"] else rival, RIVALS)
  choose("scale", scale, scales.SCALES)
  for seed in seeds:
    check(seed.isdecimal(), f"seed {seed!r} is not a number")
  size = scales.SCALES[scale].with_data(data).with_labels([*labels])
  known = settings_lib.settings(size)
  chosen = _chosen("setting", settings or [*known], known)
  assert out is not None
  path = pathlib.Path(out).expanduser().absolute() / "results.csv"
  if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    compiled = str(path.with_name("compiled"))
    jax.config.update("jax_compilation_cache_dir", compiled)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
  fill(path, scale, size, chosen, seeds, rivals)
  rows = [row for row in standings.read(path) if row["scale"] == scale]
  found = standings.scores(rows, [])
  print(standings.table(found, standings.passes(rows)))
