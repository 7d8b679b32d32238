"""The list of wrong labels of a run, and what to say of it."""

import importlib.util
import pathlib

import numpy as np

from fsr_jax.data.dataset import Data
from fsr_jax.files import replacing
from fsr_jax.label_issues import LabelIssues, find_label_issues
from fsr_jax.maths.tables import debias, mean_probabilities
from fsr_jax.reweighting import ReweightingOptions, ReweightingState
from fsr_jax.run.watch.opening import plural, shown
from fsr_jax.spreadsheets import write_csv

# Pairs of classes named at the end of a run.
_NAMED = 3
# Probabilities below are left out of transition.csv.
_LEAST_PROBABILITY = 5e-4


def label_issues(
  reweighting: ReweightingState,
  data: Data,
  options: ReweightingOptions,
) -> tuple[LabelIssues, np.ndarray] | None:
  """Which training labels seem wrong.

  Args:
    reweighting: of the train state, numpy arrays.
    data: Data.
    options: of the reweighter.

  Returns:
    (LabelIssues, float32 [N, C]: what the network said of each example in the
    mean over the training); None where predictions were not kept.
  """
  tables, train = reweighting.tables, data.train
  if tables.mean_root is None or reweighting.anchors is None:
    return None
  probabilities = np.asarray(mean_probabilities(tables.mean_root))
  weight = debias(tables.mean_weight, tables.visits, options.score_momentum)
  anchors = reweighting.anchors
  issues = find_label_issues(
    train.label,
    probabilities,
    class_names=data.class_names,
    # Where none were settled, those of the means of all visits have to do.
    anchor=np.asarray(anchors.label) if anchors.settled else None,
    seen=np.asarray(tables.visits) > 0,
    id=train.id,
    filepath=train.filepath,
    weight=np.asarray(weight),
    epochs_trusted=(
      np.asarray(tables.trusted) if options.keeps_dictionary else None
    ),
    clean_label=train.clean_label,
  )
  return issues, probabilities


def write(
  workdir: pathlib.Path,
  issues: LabelIssues,
  probabilities: np.ndarray,
  class_names: tuple[str, ...],
) -> None:
  """Writes samples.csv, labels_suggested.csv, transition.csv, pred_probs.npy.

  Where pyarrow is installed, samples.parquet too.

  Args:
    workdir: path.
    issues, probabilities: from `label_issues`.
    class_names: of the C classes.
  """
  issues.write(workdir / "samples.csv")
  if importlib.util.find_spec("pyarrow") is not None:
    issues.write(workdir / "samples.parquet")
  issues.write_suggested(workdir / "labels_suggested.csv")
  _write_transition(workdir / "transition.csv", issues.transition, class_names)
  with (
    replacing(workdir / "pred_probs.npy") as partial,
    open(partial, "wb") as file,
  ):
    np.save(file, probabilities)


def _write_transition(
  path: pathlib.Path, matrix: np.ndarray | None, class_names: tuple[str, ...]
) -> None:
  """Writes which classes are taken for which, a row for each pair that counts:
  of thousands of classes a table of all would be large and nearly empty."""
  if matrix is None:
    return
  pairs = np.argwhere(matrix >= _LEAST_PROBABILITY).tolist()
  write_csv(
    path,
    ["class", "label", "probability"],
    [
      (class_names[i], class_names[j], round(float(matrix[i, j]), 6))
      for i, j in pairs
    ],
  )


def measure(issues: LabelIssues | None, data: Data) -> dict:
  """The list in a few numbers.

  Args:
    issues: LabelIssues; None where there is no list.
    data: Data.

  Returns:
    label_issues: how many labels seem wrong. expected_wrong: how many are, an
    estimate. Where the clean labels are known, label_issue_precision: the share
    of the first that are wrong; label_issue_recall: the share of the wrong
    labels that are among them (0-1). None where nothing is known.
  """
  result = dict.fromkeys(
    (
      "label_issues",
      "expected_wrong",
      "label_issue_precision",
      "label_issue_recall",
    )
  )
  if issues is None:
    return result
  result["label_issues"] = issues.num_issues
  result["expected_wrong"] = issues.expected_wrong
  if data.train.clean_label is None:
    return result
  wrong = (data.train.label != data.train.clean_label)[issues["index"]]
  found = issues["is_label_issue"]
  for name, of in (("precision", found), ("recall", wrong)):
    if of.any():
      result[f"label_issue_{name}"] = float((wrong & found).sum() / of.sum())
  return result


def remarks(issues: LabelIssues | None, settled: bool) -> list[str]:
  """What a person should know of the list, one line each.

  Args:
    issues: LabelIssues; None where there is no list.
    settled: whether the network became sure of the clear cases
      (`reweighting.noise.Anchors`); one that did not takes right labels for
      wrong ones, and many of them.
  """
  if issues is None:
    return [
      "note: there is no list of wrong labels, because the predictions of all"
      " samples take more than predictions_gb allows"
    ]
  count, size = issues.num_issues, len(issues)
  lines = [
    f"labels that look wrong: {count:,} of {size:,}"
    f" ({count / max(size, 1):.1%}); samples.csv lists all labels, the worst"
    " first, labels_suggested.csv what they should be"
  ]
  pairs = _pairs(issues)
  if pairs:
    lines.append(f"most often: {', '.join(pairs)}")
  if not settled:
    lines.append(
      "note: this network did not become sure of the clear cases, and such a"
      " one takes right labels for wrong ones: the worst labels come first, but"
      " fewer are wrong than look so"
    )
  return lines


def _pairs(issues: LabelIssues) -> list[str]:
  """The commonest wrong labels: "cat that looks like dog (12 times)"."""
  issue = issues["is_label_issue"]
  pair = np.stack(
    [issues["given_label"][issue], issues["predicted_label"][issue]], axis=1
  )
  found, count = np.unique(pair, axis=0, return_counts=True)
  order = np.argsort(-count, kind="stable")[:_NAMED]
  return [
    f"{shown(given)} that looks like {shown(said)}"
    f" ({plural(int(times), 'time')})"
    for (given, said), times in zip(found[order].tolist(), count[order])
  ]
