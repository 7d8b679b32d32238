"""Which labels are wrong, and what they should be; NumPy only.

Of a run of this package the table stands in samples.csv. Of any other network:

    issues = find_label_issues(labels, pred_probs)
    issues["index"][issues["is_label_issue"]]   # The worst first.
"""

from collections.abc import Sequence

import numpy as np

from fsr_jax.errors import InputError, check
from fsr_jax.label_issues.confusion import anchors
from fsr_jax.label_issues.quality import label_quality
from fsr_jax.label_issues.table import LabelIssues, called, positions


def find_label_issues(
  labels: Sequence | np.ndarray,
  pred_probs: np.ndarray,
  *,
  class_names: Sequence[str] | None = None,
  anchor: np.ndarray | None = None,
  seen: np.ndarray | None = None,
  id: Sequence[str] | np.ndarray | None = None,
  filepath: Sequence[str] | np.ndarray | None = None,
  weight: np.ndarray | None = None,
  epochs_trusted: np.ndarray | None = None,
  clean_label: np.ndarray | None = None,
) -> LabelIssues:
  """Judges every label.

  Args:
    labels: [N] given labels: whole numbers 0..C-1 or, with class_names, names.
    pred_probs: float [N, C], what a network says of each example. Best of one
      that has not been trained on these very labels (cross-validation), or the
      mean over a whole training: a network that has learned a wrong label by
      heart finds nothing wrong with it.
    class_names: C names; None where classes are called by their numbers.
    anchor: int [N], classes of the examples that are beyond doubt, -1 for the
      others (`confusion.anchors`); None to take them from pred_probs.
    seen: bool [N], False where pred_probs says nothing; None for everywhere.
    id: [N], what the examples are called.
    filepath: str [N], where their files are.
    weight: float [N], their mean weight in training, 1 = plain training.
    epochs_trusted: int [N], for how many epochs each was in the dictionary.
    clean_label: int [N], true labels where they are known, else -1.

  Returns:
    LabelIssues, the worst label first.

  Raises:
    InputError: labels, probabilities or columns that do not fit together.

  >>> probs = np.array([[.9, .1]] * 30 + [[.1, .9]] * 30)
  >>> labels = np.repeat([0, 1], 30)
  >>> labels[7] = 1
  >>> issues = find_label_issues(labels, probs)
  >>> issues["index"][issues["is_label_issue"]], issues["predicted_label"][0]
  (array([7]), np.int64(0))
  """
  probs = _probabilities(pred_probs)
  size, num_classes = probs.shape
  names = (
    np.arange(num_classes) if class_names is None else np.array(class_names)
  )
  check(
    names.shape == (num_classes,),
    f"class_names has {names.size} names; pred_probs has {num_classes} columns",
  )
  given = _given(labels, names, size, class_names is not None)
  seen = np.ones(size, bool) if seen is None else np.asarray(seen, bool)
  score, matrix = np.full(size, np.nan), None
  if seen.any():
    known = anchors(probs[seen]) if anchor is None else np.asarray(anchor)[seen]
    quality = label_quality(given[seen], probs[seen], known)
    score[seen], matrix = quality.label_score, quality.transition
  issue = score < 0.5  # False where nothing is known.
  said = _said(given, probs, issue)
  columns = {
    "index": np.arange(size),
    "id": id,
    "filepath": filepath,
    "given_label": names[given],
    "predicted_label": names[said],
    "label_score": score,
    "is_label_issue": issue,
    "confidence": probs[np.arange(size), said],
    "weight": weight,
    "epochs_trusted": epochs_trusted,
    "clean_label": None
    if clean_label is None
    else called(np.asarray(clean_label), names),
  }
  there = {k: np.asarray(v) for k, v in columns.items() if v is not None}
  for name, column in there.items():
    check(
      column.shape == (size,),
      f"{name} is of shape {column.shape}; expected ({size},), as there are"
      f" {size} rows of pred_probs",
    )
  # NaN comes last.
  order = np.lexsort((np.arange(size), score))
  return LabelIssues({k: column[order] for k, column in there.items()}, matrix)


def _probabilities(pred_probs) -> np.ndarray:
  probs = np.asarray(pred_probs)
  check(
    probs.ndim == 2 and probs.dtype.kind == "f" and probs.shape[1] > 1,
    f"pred_probs is {probs.dtype} {probs.shape}; expected float [N, C], a row"
    " an example and a column a class, of two classes or more",
  )
  odd = ~(np.isfinite(probs) & (probs >= 0)).all(1)
  odd |= abs(probs.sum(1, dtype=np.float64) - 1) > 0.01
  check(
    not odd.any(),
    f"pred_probs: row {int(odd.argmax())} is not of probabilities (numbers from"
    " 0 that add up to 1); put logits through a softmax first",
  )
  return probs


def _given(labels, names, size: int, named: bool) -> np.ndarray:
  """int [N], 0..C-1."""
  labels = np.asarray(labels)
  check(
    labels.shape == (size,),
    f"labels are of shape {labels.shape}; expected ({size},), one for each row"
    " of pred_probs",
  )
  if labels.dtype.kind in "iu":
    wrong = (labels < 0) | (labels >= len(names))
    expected = f"0..{len(names) - 1}, the columns of pred_probs"
    given = labels.astype(np.int64)
  elif named:
    given = positions(labels, names.tolist())
    wrong, expected = given < 0, "one of class_names"
  else:
    raise InputError(
      f"labels are {labels.dtype}; expected whole numbers"
      f" 0..{len(names) - 1}, or names of classes with class_names="
    )
  first = int(wrong.argmax()) if wrong.any() else 0
  check(
    not wrong.any(),
    f"labels: {int(wrong.sum())} of {size} are no class, the first is that of"
    f" example {first}: {labels[first] if size else ''}; expected {expected}",
  )
  return given


def _said(given, probs, issue) -> np.ndarray:
  """The likeliest class, of a wrong label the likeliest other one."""
  said = probs.argmax(1)
  same = np.flatnonzero(issue & (said == given))
  others = probs[same].copy()
  others[np.arange(same.size), given[same]] = -1
  said[same] = others.argmax(1)
  return said


__all__ = ["LabelIssues", "find_label_issues"]
