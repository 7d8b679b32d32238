"""What `fit` gives back: the wrong labels, and the network to be used."""

import dataclasses
import json
import os
import pathlib
from typing import Any

import numpy as np

from fsr_jax.api.inputs import as_trained, is_place
from fsr_jax.data.sources.pixels import Form
from fsr_jax.errors import InputError, check
from fsr_jax.files import arrays_read, place, read_file, replacing, require_file
from fsr_jax.label_issues import LabelIssues
from fsr_jax.run.inputs import load as load_inputs
from fsr_jax.run.model import Model

# What is kept beside the files of the model, in a folder of its own or in the
# workdir of the run.
_NAME, _TABLE = "fitted.json", "label_issues.npz"
_FORMAT = "fsr_jax fitted 1"


@dataclasses.dataclass(frozen=True, repr=False)
class Fitted:
  """A finished training.

  Attributes:
    label_issues: LabelIssues, which labels seem wrong: a row for each training
      example, the worst first. Its `id` is the row of x, unless ids were given;
      its `index`, the position among those trained on, is the same if all of x
      is (without test_share, held_out, max_examples, imbalance_ratio,
      num_classes).
    classes_: [C], the classes in the order of the probabilities' columns, of
      the dtype that the labels had.
    summary: what summary.json of a run has: accuracies, times, versions.
    notes: what was left out, guessed or changed, one line each.
    model: Model, the network and its description.
    form: the form that the inputs were in.
    dtype: that they had.
  """

  label_issues: LabelIssues
  classes_: np.ndarray
  summary: dict[str, Any]
  notes: tuple[str, ...]
  model: Model
  form: Form
  dtype: str

  def __repr__(self) -> str:
    suspects = int(np.sum(self.label_issues["is_label_issue"]))
    return (
      f"Fitted(classes: {len(self.classes_):,}, labels:"
      f" {len(self.label_issues):,}, of which seem wrong: {suspects:,})"
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
        model.safetensors (the network), label_issues.npz, fitted.json.

    Raises:
      InputError: a file of another kind, or a run, is there.
    """
    self.model.save(str(path))
    write(place(str(path)), self)


def write(directory: pathlib.Path, fitted: Fitted) -> None:
  """Writes what is not the model's, over what is there."""
  columns: dict[str, Any] = {
    name: fitted.label_issues[name] for name in fitted.label_issues.columns
  }
  with (
    replacing(directory / _TABLE) as partial,
    open(partial, "wb") as file,
  ):
    np.savez_compressed(file, **columns)
  content = {
    "format": _FORMAT,
    "classes": fitted.classes_.tolist(),
    "classes_dtype": fitted.classes_.dtype.str,
    "summary": fitted.summary,
    "notes": fitted.notes,
    "form": fitted.form._asdict(),
    "dtype": fitted.dtype,
  }
  with replacing(directory / _NAME) as partial:
    partial.write_text(json.dumps(content, indent=2) + "\n")


def load(path: str) -> Fitted:
  """What `Fitted.save` saved, or what `fit` left in its workdir.

  Args:
    path: of the folder.

  Raises:
    InputError: nothing of that is there, or it is damaged.
  """
  directory = place(str(path))
  model = Model.load(str(path))
  check(
    (directory / _NAME).exists(),
    f"{directory} has no {_NAME}: it was not saved by fit; a run of the command"
    " line is used by --mode=predict",
  )
  try:
    found = json.loads(read_file(directory / _NAME))
    classes = np.array(found["classes"], found["classes_dtype"])
    form = Form(**found["form"])
    fields = found["summary"], tuple(found["notes"]), found["dtype"]
  except (ValueError, LookupError, TypeError, RecursionError) as error:
    raise InputError(
      f"cannot read {directory / _NAME} ({error}); expected what fit wrote"
    ) from error
  table = directory / _TABLE
  require_file(table)
  with arrays_read(table), np.load(table) as archive:
    columns = {name: archive[name] for name in archive.files}
  summary, notes, dtype = fields
  return Fitted(
    LabelIssues(columns), classes, summary, notes, model, form, dtype
  )
