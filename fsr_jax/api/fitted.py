"""What `fit` gives back: the wrong labels, and the network to be used."""

from collections.abc import Callable
import dataclasses
import json
import os
import pathlib
from typing import Any

import numpy as np

from fsr_jax import archives
from fsr_jax.api.inputs import as_trained, is_place
from fsr_jax.data.sources.pixels import Form
from fsr_jax.data.table import read_table
from fsr_jax.errors import InputError, check
from fsr_jax.files import place, read_file, replacing
from fsr_jax.label_issues import LabelIssues
from fsr_jax.label_issues.table import called, positions
from fsr_jax.run.remote import at_hand
from fsr_jax.run.use.inputs import load as load_inputs
from fsr_jax.run.use.model import Model
from fsr_jax.run.workdir import Workdir

# What is kept beside the files of the model, in a folder of its own or in the
# workdir of the run.
_NAME, _TABLE = "fitted.json", "label_issues.npz"
_FORMAT = "fsr_jax fitted 1"
# The table as a run writes it.
_SAMPLES = "samples.csv"

# Columns of the table that name classes.
CLASSES = ("given_label", "predicted_label", "clean_label")


@dataclasses.dataclass(frozen=True, repr=False)
class Fitted:
  """A finished training.

  Attributes:
    issues: LabelIssues; None where predictions_gb was too little for them.
    classes_: [C], the classes in the order of the probabilities' columns, of
      the dtype that the labels had.
    summary: what summary.json of a run has: accuracies, times, versions.
    notes: what was left out, guessed or changed, one line each.
    model: Model, the network and its description.
    form: the form that the inputs were in.
    dtype: that they had.
  """

  issues: LabelIssues | None
  classes_: np.ndarray
  summary: dict[str, Any]
  notes: tuple[str, ...]
  model: Model
  form: Form
  dtype: str

  @property
  def label_issues(self) -> LabelIssues:
    """Which labels seem wrong: a row for each training example, worst first.

    Its `id` is the row of x, unless ids were given; its `index`, the position
    among those trained on, is the same if all of x is (without test_share,
    held_out, max_examples, imbalance_ratio, num_classes).

    Raises:
      InputError: predictions were not kept; says how they are.
    """
    if self.issues is None:
      raise InputError(
        "there is no list of wrong labels, because the predictions of all"
        " samples take more memory than predictions_gb allows; set it higher"
      )
    return self.issues

  def __repr__(self) -> str:
    classes, found = f"classes: {len(self.classes_):,}", self.issues
    if found is None:
      return f"Fitted({classes})"
    return (
      f"Fitted({classes}, labels: {len(found):,}, of which seem wrong:"
      f" {found.num_issues:,})"
    )

  def predict_proba(
    self, x: Any, prior: np.ndarray | None = None
  ) -> np.ndarray:
    """Probabilities of the classes.

    Args:
      x: images or vectors like those that were trained on, [n, ...], or the
        path of a folder, list or file of arrays.
      prior: float [C], shares of the classes where the network is used, if
        they are not those of the training labels.

    Returns:
      float32 [n, C], columns in the order of `classes_`.

    Raises:
      InputError: inputs of another kind or size.
    """
    if is_place(x):
      split, _ = load_inputs(
        os.fspath(x), self.model.description, "raise", labelled=False
      )
      x = split.image
    else:
      x = as_trained(x, self.form, self.dtype)
    return self.model.predict_proba(x, prior=prior)

  def predict(self, x: Any, prior: np.ndarray | None = None) -> np.ndarray:
    """The likeliest class of each input, [n], as the labels call it.

    Args, Raises: as `predict_proba`.
    """
    return self.classes_[self.predict_proba(x, prior).argmax(-1)]

  def save(self, path: str) -> None:
    """Writes everything to a folder, over a model that is there.

    Args:
      path: of the folder, made if it is missing: model.json and
        model.safetensors (the network), fitted.json and label_issues.npz.

    Raises:
      InputError: a file of another kind, or a run, is there.
    """
    self.model.save(str(path))
    write(place(str(path)), self)


def write(directory: pathlib.Path, fitted: Fitted) -> None:
  """Writes what is not the model's, over what is there."""
  classes = fitted.classes_.tolist()
  if fitted.issues is None:
    (directory / _TABLE).unlink(missing_ok=True)
  else:
    _write_table(directory / _TABLE, fitted.issues, classes)
  content = {
    "format": _FORMAT,
    "classes": classes,
    "classes_dtype": fitted.classes_.dtype.str,
    "summary": fitted.summary,
    "notes": fitted.notes,
    "form": fitted.form._asdict(),
    "dtype": fitted.dtype,
  }
  with replacing(directory / _NAME) as partial:
    text = json.dumps(content, indent=2, default=_plain)
    partial.write_text(text + "\n")


def _write_table(
  path: pathlib.Path, issues: LabelIssues, classes: list
) -> None:
  """Classes as their positions, because they may be any objects."""
  columns: dict[str, Any] = {name: issues[name] for name in issues.columns}
  for name in CLASSES:
    if name in columns:
      columns[name] = positions(columns[name], classes)
  with replacing(path) as partial, open(partial, "wb") as file:
    np.savez_compressed(file, **columns)


def _plain(value: Any) -> Any:
  """A class, of an array of any objects, as JSON has it."""
  return value.item() if isinstance(value, np.generic) else str(value)


def load(
  path: str, allow_code: bool = False, parameters: str = "last"
) -> Fitted:
  """What `Fitted.save` saved, or a run in its workdir.

  Args:
    path: of the folder, or its address in a bucket (gs://, s3://).
    allow_code: whether a network that is package.module:function, code that
      the folder names, may be imported and run; nothing else there is run.
    parameters: of a run, that predict: "last" of the last step, "ema" their
      moving average, "best" or "best_ema" of the epoch that keep_best kept.

  Returns:
    Fitted; of a run of the command line classes are called by their names.

  Raises:
    InputError: nothing of that is there, it is damaged, the run is not done,
      or its network is code that is not allowed.
  """
  with at_hand(os.fspath(path)) as folder:
    return _loaded(place(folder), allow_code, parameters)


def _loaded(
  directory: pathlib.Path, allow_code: bool, parameters: str
) -> Fitted:
  model = Model.load(str(directory), parameters, allow_code)
  if not (directory / _NAME).exists():
    return _of_workdir(directory, model)
  try:
    found = json.loads(read_file(directory / _NAME))
    classes = np.array(found["classes"], found["classes_dtype"])
    form = Form(**found["form"])
    fields = found["summary"], tuple(found["notes"]), found["dtype"]
  except (ValueError, LookupError, TypeError, RecursionError) as error:
    raise InputError(
      f"cannot read {directory / _NAME} ({error}); expected what fit wrote"
    ) from error
  issues = _read_table(directory / _TABLE, classes)
  return Fitted(issues, classes, fields[0], fields[1], model, form, fields[2])


def _read_table(path: pathlib.Path, classes: np.ndarray) -> LabelIssues | None:
  """What `_write_table` wrote; None where there is nothing."""
  if not path.exists():
    return None
  columns = archives.npz(path)
  for name in CLASSES:
    if name in columns:
      columns[name] = called(columns[name], classes)
  return LabelIssues(columns)


def _of_workdir(directory: pathlib.Path, model: Model) -> Fitted:
  """A finished run of the command line."""
  summary = Workdir(str(directory)).read_summary()
  file = directory / _SAMPLES
  check(
    summary is not None and file.is_file(),
    f"the run in workdir {directory} is not done: it has no summary.json or no"
    f" {_SAMPLES}; the same command continues it",
  )
  read = read_table(file, required=())
  columns: dict[str, np.ndarray] = {}
  for ours, values in read.columns.items():
    name = read.called.get(ours, ours)
    convert = _TYPES.get(name, str)
    try:
      columns[name] = np.array([convert(value) for value in values])
    except ValueError as error:
      raise InputError(f"cannot read {file}: {name} ({error})") from error
  vectors = model.description.vectors
  return Fitted(
    issues=LabelIssues(columns),
    classes_=np.array(model.description.class_names),
    summary=summary or {},
    notes=(),
    model=model,
    form=Form(vectors=vectors),
    dtype=np.dtype(np.float32 if vectors else np.uint8).str,
  )


def _number(text: str) -> float:
  """NaN of nothing."""
  return float(text or "nan")


# Column of samples.csv -> what its text is; of others it is text.
_TYPES: dict[str, Callable[[str], Any]] = {
  "index": int,
  "label_score": _number,
  "is_label_issue": lambda text: text in ("True", "1"),
  "confidence": _number,
  "weight": _number,
  "epochs_trusted": lambda text: int(float(text)),
}
