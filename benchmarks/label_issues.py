"""Lists of wrong labels, ours and others', on the same data.

    python -m benchmarks.label_issues --scale=digits --out=DIR --seeds=0,1,2

Ours take one training. cleanlab (pip install cleanlab) is given the out-of-fold
predictions of five: of the same network, trained as long and less, and of
logistic regression. Besides: the loss of a network that was trained plainly,
and the area under its margin (Pleiss et al. 2020). A row of DIR/lists.csv is
one list; what is there already is not made again.
"""

import collections
import csv
import dataclasses
import functools
import pathlib
import tempfile
import time
import warnings

from absl import app, flags, logging
import numpy as np

from benchmarks import scales, settings
from fsr_jax import config as config_lib
from fsr_jax.config.validation import resolve_and_load
from fsr_jax.errors import InputError, check, choose
from fsr_jax.label_issues import find_label_issues
from fsr_jax.label_issues.table import positions
from fsr_jax.maths.tables import debias
from fsr_jax.run.loop import Run
from fsr_jax.run.steps import epoch_steps
from fsr_jax.run.use.model import Model
from fsr_jax.train.parallel import devices_for
from fsr_jax.train.programs import Programs

_FOLDS, _BINS = 5, 15
# Classes whose right labels `rare_suspected` counts.
_RARE = 3
_OURS = {
  "fsr": {"method": "fsr"},
  "elr_mixup": {"method": "elr", "mixup": True},
  "plain": {"method": "plain"},
  "plain_mixup": {"method": "plain", "mixup": True},
}
_AUM = {
  "method": "plain",
  "pusher": "area_under_margin",
  "score_momentum": 0.999,
}
# Out-of-fold predictions -> share of the scale's epochs; 0 = no network.
_OUT_OF_FOLD = {"network": 1.0, "network_short": 0.4, "logistic": 0.0}
ROWS = (
  *_OURS,
  "loss",
  "area_under_margin",
  *(
    f"{kind}/{ranking}"
    for kind in _OUT_OF_FOLD
    for ranking in ("self_confidence", "normalized_margin", "ours")
  ),
)


class Case:
  """The data of one setting and seed, and what was computed on them."""

  def __init__(self, scale: scales.Scale, fields: dict, seed: str):
    self.scale, self.fields, self.seed = scale, fields, seed
    _, _, self.data = resolve_and_load(self.config({}))
    train = self.data.train
    clean = train.label if train.clean_label is None else train.clean_label
    self.label, self.clean = train.label, clean
    self.wrong = train.label != clean
    self.folds = functools.cache(self._folds)
    self.run = functools.cache(self._run)

  def config(self, fields: dict):
    """ConfigDict of a run with these fields."""
    chosen = {**self.fields, **fields, "seed": self.seed}
    return self.scale.config_of(chosen)

  def _run(self, row: str) -> tuple[Run, float]:
    """(a finished run, seconds)."""
    fields = {**_OURS, "area_under_margin": _AUM}[row]
    with tempfile.TemporaryDirectory() as folder:
      started = time.monotonic()
      run = Run(self.config(fields), folder, say=lambda line: None)
      run.train()
      return run, time.monotonic() - started

  def _folds(self, kind: str) -> tuple[np.ndarray, float]:
    """(out-of-fold predictions [N, C], seconds)."""
    from sklearn.model_selection import StratifiedKFold

    started, train = time.monotonic(), self.data.train
    probs = np.zeros((len(train), self.data.num_classes))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=int(self.seed))
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # A class with fewer examples than folds.
      split = [*folds.split(train.label, train.label)]
    for some, others in split:
      if kind == "logistic":
        model = _logistic(train.image[some], train.label[some])
        columns = np.ix_(others, model.classes_)
        probs[columns] = model.predict_proba(_flat(train.image[others]))
      else:
        model = self._network(some, _OUT_OF_FOLD[kind])
        probs[others] = model.predict_proba(train.image[others])
    return probs, time.monotonic() - started

  def _network(self, some: np.ndarray, share: float) -> Model:
    """Plain training on some of the examples."""
    options = config_lib.typed(self.config({"method": "plain"}))
    run, train = options.run, options.train
    changes = {
      "num_epochs": max(1, round(share * train.optimization.num_epochs)),
      "batch_size": min(train.optimization.batch_size, len(some)),
    }
    optimization = dataclasses.replace(train.optimization, **changes)
    train = dataclasses.replace(train, optimization=optimization)
    data = dataclasses.replace(self.data, train=self.data.train.take(some))
    programs = Programs(train, data, devices_for(train)[0], run.seed)
    state = programs.devices.put(programs.create_state())
    for epoch in range(optimization.num_epochs):
      *_, (_, after, _) = epoch_steps(programs, state, epoch, run.seed)
      state = programs.end_epoch(after, epoch)
    return Model.of(train, data, programs.devices.get(state))


def _flat(image: np.ndarray) -> np.ndarray:
  return image.reshape(len(image), -1).astype(np.float32)


def _logistic(image, label):
  from sklearn.linear_model import LogisticRegression
  from sklearn.pipeline import make_pipeline
  from sklearn.preprocessing import StandardScaler

  model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Not converged.
    return model.fit(_flat(image), label)


# label_score [N], low = bad; suspected bool [N] and suggested label [N], None
# where there are none; seconds.
List = collections.namedtuple("List", "score suspected said seconds")


def make(case: Case, row: str) -> List:
  """The list of one row."""
  if row in _OURS:
    run, seconds = case.run(row)
    return _in_order(run.label_issues, case, seconds)
  if row == "area_under_margin":
    run, seconds = case.run(row)
    tables = run.state.reweighting.tables
    margin = debias(tables.score, tables.visits, _AUM["score_momentum"])
    return List(margin, None, None, seconds)
  if row == "loss":
    run, seconds = case.run("plain")
    model = Model.of(run.options.train, run.data, run.state)
    probs = model.predict_proba(case.data.train.image)
    score = probs[np.arange(len(probs)), case.label]
    return List(score, None, probs.argmax(1), seconds)
  kind, ranking = row.split("/")
  probs, seconds = case.folds(kind)
  if ranking == "ours":
    issues = find_label_issues(case.label, probs / probs.sum(1, keepdims=True))
    return _in_order(issues, case, seconds)
  return _cleanlab(case, probs, ranking, seconds)


def _cleanlab(case: Case, probs: np.ndarray, ranking: str, seconds) -> List:
  from cleanlab import filter as cleanlab_filter
  from cleanlab import rank

  score = rank.get_label_quality_scores(case.label, probs, method=ranking)
  suspected = cleanlab_filter.find_label_issues(case.label, probs, n_jobs=1)
  return List(score, suspected, probs.argmax(1), seconds)


def _in_order(issues, case: Case, seconds: float) -> List:
  """Of a table, by example."""
  order = np.argsort(issues["index"])
  said = issues["predicted_label"][order]
  if said.dtype.kind == "U":
    said = positions(said, case.data.class_names)
  score = issues["label_score"][order]
  return List(score, issues["is_label_issue"][order], said, seconds)


def measure(case: Case, found: List) -> dict[str, float | None]:
  """What a list is worth.

  Returns:
    ap, auroc: of the wrong labels. at_wrong, at_100, at_1000: precision of the
    first, as many as are wrong, 100 and 1,000. suggestion: share of the wrong
    labels whose true class is suggested. calibration: mean distance between
    score and share of right labels, in 15 bins. expected: sum of 1 - score over
    the number of wrong labels. suspected: labels that are called wrong over
    the same. rare_suspected: of the right labels of the three rarest classes,
    the share that is called wrong. seconds. None where it has no meaning.
  """
  from sklearn.metrics import average_precision_score, roc_auc_score

  wrong, score = case.wrong, np.nan_to_num(found.score, nan=np.inf)
  order, count = np.argsort(score, kind="stable"), int(wrong.sum())
  rank = np.empty(len(score))
  rank[order] = np.arange(len(score))
  result: dict[str, float | None] = dict.fromkeys(COLUMNS)
  rare = np.argsort(np.bincount(case.clean, minlength=case.data.num_classes))
  right = np.isin(case.clean, rare[:_RARE]) & ~wrong
  if found.suspected is not None:
    result["rare_suspected"] = float(found.suspected[right].mean())
  result["seconds"] = found.seconds
  if np.all((score >= 0) & (score <= 1) | ~np.isfinite(score)):
    result["calibration"] = _calibration(score, wrong)
  if not count:
    return result
  result["ap"] = average_precision_score(wrong, -rank)
  result["auroc"] = roc_auc_score(wrong, -rank)
  for name, most in (("at_wrong", count), ("at_100", 100), ("at_1000", 1000)):
    if most <= len(score):
      result[name] = float(wrong[order[:most]].mean())
  if found.said is not None:
    result["suggestion"] = float((found.said == case.clean)[wrong].mean())
  if result["calibration"] is not None:
    result["expected"] = float(np.sum(1 - score[np.isfinite(score)]) / count)
  if found.suspected is not None:
    result["suspected"] = float(found.suspected.sum() / count)
  return result


COLUMNS = (
  "ap",
  "auroc",
  "at_wrong",
  "at_100",
  "at_1000",
  "suggestion",
  "calibration",
  "expected",
  "suspected",
  "rare_suspected",
  "seconds",
)


def _calibration(score: np.ndarray, wrong: np.ndarray) -> float:
  known = np.isfinite(score)
  score, right = score[known], ~wrong[known]
  of = np.minimum((score * _BINS).astype(int), _BINS - 1)
  count, sums, rights = (
    np.bincount(of, weights, _BINS) for weights in (None, score, right)
  )
  return float(np.sum(np.abs(sums - rights)) / np.sum(count))


_SCALE = flags.DEFINE_string("scale", "digits", "digits or features.")
_DATA = flags.DEFINE_string("data", None, "File of the scale features.")
_OUT = flags.DEFINE_string("out", None, "Directory of lists.csv.")
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds.")
_SETTINGS = flags.DEFINE_list("settings", [], "Some of the settings.")
_ROWS = flags.DEFINE_list("rows", [], f"Some of {', '.join(ROWS)}.")


def main(argv):
  del argv
  logging.set_verbosity(logging.ERROR)
  try:
    check(bool(_OUT.value), "--out is missing: the directory of lists.csv")
    choose("scale", _SCALE.value, ("digits", "features"))
    scale = scales.SCALES[_SCALE.value].with_data(_DATA.value)
    known = settings.settings(scale)
    for name in _SETTINGS.value:
      choose("setting", name, known)
    for name in _ROWS.value:
      choose("row", name, ROWS)
    chosen = {k: v for k, v in known.items() if k in (_SETTINGS.value or known)}
    path = pathlib.Path(_OUT.value).expanduser() / "lists.csv"
    fill(path, scale, chosen, _SEEDS.value, _ROWS.value or ROWS)
  except InputError as error:
    raise SystemExit(f"error: {error}") from error


def fill(
  path: pathlib.Path, scale, chosen: settings.Settings, seeds, rows
) -> None:
  """Makes the lists that lists.csv has not got yet, and tells of each."""
  path.parent.mkdir(parents=True, exist_ok=True)
  done, new = set(), not path.exists()
  if not new:
    with open(path, newline="") as file:
      done = {(r["setting"], r["row"], r["seed"]) for r in csv.DictReader(file)}
  with open(path, "a", newline="") as file:
    names = ["scale", "setting", "row", "seed", *COLUMNS]
    writer = csv.DictWriter(file, names)
    if new:
      writer.writeheader()
    for setting, fields in chosen.items():
      for seed in seeds:
        wanted = [row for row in rows if (setting, row, seed) not in done]
        case = Case(scale, fields, seed) if wanted else None
        for row in wanted:
          assert case is not None
          values = measure(case, make(case, row))
          shown = {
            k: None if v is None else round(v, 4) for k, v in values.items()
          }
          key = dict(zip(names, (_SCALE.value, setting, row, seed)))
          writer.writerow({**key, **shown})
          file.flush()
          print(setting, seed, row, shown, flush=True)


if __name__ == "__main__":
  app.run(main)
