"""`fit`: a run of the command line as one call."""

from collections.abc import Iterator
import contextlib
import functools
import os
import signal
import tempfile
from typing import Any

from absl import logging
import numpy as np

from fsr_jax import fields as field_lib
from fsr_jax import processes
from fsr_jax.api import fitted as fitted_lib
from fsr_jax.api.fitted import Fitted
from fsr_jax.api.inputs import WHERE, arrays, is_place
from fsr_jax.api.settings import (
  errors_in_keywords,
  in_keywords,
  name_place,
  settings,
)
from fsr_jax.config.validation import notices
from fsr_jax.data.labels.classes import by_name, lookup
from fsr_jax.data.labels.column import column
from fsr_jax.data.labels.values import as_list, spelled
from fsr_jax.data.sources.arrays import assembled
from fsr_jax.data.sources.pixels import Form
from fsr_jax.errors import choose
from fsr_jax.label_issues import LabelIssues
from fsr_jax.label_issues.table import called, positions
from fsr_jax.run import account
from fsr_jax.run.loop import Run
from fsr_jax.run.remote import at_hand
from fsr_jax.run.use.kept_parameters import PARAMETERS
from fsr_jax.run.use.model import Model
from fsr_jax.run.watch.screen import Screen

# SIGTERM is left to the program that calls.
_SIGNALS: tuple[int, ...] = (signal.SIGINT,)


def fit(
  x: Any,
  labels: Any = None,
  *,
  x_test: Any = None,
  labels_test: Any = None,
  x_val: Any = None,
  labels_val: Any = None,
  clean_labels: Any = None,
  ids: Any = None,
  filepaths: Any = None,
  workdir: str | None = None,
  allow_config_change: bool = False,
  parameters: str = "last",
  progress: bool = True,
  **fields: Any,
) -> Fitted:
  """Trains on labels some of which are wrong, and tells which.

  The same run as the command line's: the same seed gives the same result.

  >>> import fsr_jax, numpy as np
  >>> x = np.random.default_rng(0).normal(size=(40, 3))
  >>> labels = np.where(x[:, 0] > 0, "pos", "neg")
  >>> fitted = fsr_jax.fit(x, labels, num_epochs=2, progress=False)
  >>> fitted.predict_proba(x).shape
  (40, 2)

  Args:
    x: images, uint8 [N, H, W, channels] or [N, H, W]; images of other numbers,
      0..255 or 0..1, are converted; vectors [N, F]; a DataFrame; or the path
      of a folder, list or file of arrays, as data.path.
    labels: text, numbers or one-hot rows of N examples, perhaps wrong; of a
      path None, or the path of a data.labels_file.
    x_test, labels_test: what is tested, if anything; what `x` names has parts
      of its own.
    x_val, labels_val: what is evaluated while training goes on.
    clean_labels: true labels where they are known, to measure by; nothing is
      learned from them. Missing ones are unknown.
    ids: what each example is called in the table; its row of x, if None.
    filepaths: of the picture that each example is or was made of, for the
      table.
    workdir: directory of the run, which is kept, and continued if it is cut
      off; None for one that is removed at the end.
    allow_config_change: continue a run that began with other fields.
    parameters: of the network that predicts: "last" of the last step, "ema"
      their moving average.
    progress: whether to print what the command line prints.
    **fields: any field of the config (docs/methods.md), without its `data.`:
      num_epochs=30, method="elr", noise="uniform". What is not set follows
      from the data as configs/folder.py has it, but that nothing is set aside
      for testing (test_share=0).

  Returns:
    Fitted.

  Raises:
    InputError: one line that says what is wrong, where, and what was expected.
    NonFiniteError: the loss became infinite or NaN; says what can be done.
    KeyboardInterrupt: Ctrl-C; what was done is in `workdir`, if one was given.
  """
  given = {
    "x": x,
    "labels": labels,
    "x_test": x_test,
    "labels_test": labels_test,
    "x_val": x_val,
    "labels_val": labels_val,
    "clean_labels": clean_labels,
    "ids": ids,
    "filepaths": filepaths,
  }
  screen = Screen(in_keywords, not (progress and processes.is_first()))
  choose("parameters", parameters, PARAMETERS)
  with errors_in_keywords(), _quiet(), _folder(workdir, screen) as folder:
    config = settings(fields)
    found: dict[str, np.ndarray] = {}
    form, dtype, source = Form(), np.dtype(np.uint8).str, None
    if is_place(x):
      name_place(config, given)
    else:
      found, form, dtype = arrays(given)
      source = functools.partial(assembled, WHERE, found)
    if workdir is None:  # Nobody can continue it.
      config.checkpoint_every_epochs = field_lib.INT32_MAX
      config.keep_checkpoints = 1
      config.report = False
    run = Run(
      config,
      folder,
      allow_config_change,
      source=source,
      signals=_SIGNALS,
      say=screen,
    )
    run.notes[:0] = form.notes
    summary = account.carry_out(run, signals=_SIGNALS, say=screen)
    if summary is None:
      raise KeyboardInterrupt
    classes = _classes(found.get("label"), run.data.class_names)
    fitted = _fitted(run, summary, parameters, classes, form, dtype)
    if workdir is not None and processes.is_first():
      fitted_lib.write(run.workdir.path, fitted)
  return fitted


def _fitted(
  run: Run,
  summary: dict,
  parameters: str,
  classes: np.ndarray,
  form: Form,
  dtype: str,
) -> Fitted:
  """What a finished run gives."""
  options, data = run.options.train, run.pictures
  return Fitted(
    issues=_as_given(run.label_issues, data.class_names, classes),
    classes_=classes,
    summary=summary,
    notes=tuple(map(in_keywords, run.notes + notices(run.options, data))),
    model=Model.of(options, data, run.state, parameters, run.extractor),
    form=form,
    dtype=dtype,
  )


def _as_given(
  issues: LabelIssues | None, class_names: tuple[str, ...], classes: np.ndarray
) -> LabelIssues | None:
  """The table with classes as the labels call them.

  Args:
    issues: LabelIssues, whose classes are names, if there are any.
    class_names: of the C classes.
    classes: [C], from `_classes`.
  """
  if issues is None:
    return None
  columns = {name: issues[name] for name in issues.columns}
  for name in fitted_lib.CLASSES:
    if name in columns:
      found = positions(columns[name], class_names)
      columns[name] = called(found, classes)
  return LabelIssues(columns, issues.transition)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Orbax reports every step of every save, and what it raises anyway."""
  before = logging.get_verbosity()
  logging.set_verbosity(logging.FATAL)
  try:
    yield
  finally:
    logging.set_verbosity(before)


@contextlib.contextmanager
def _folder(workdir: str | os.PathLike | None, screen: Screen) -> Iterator[str]:
  """The directory of a run; a temporary one where none is named."""
  if workdir is not None:
    with at_hand(os.fspath(workdir), trains=True, screen=screen) as folder:
      yield folder
    return
  with tempfile.TemporaryDirectory(prefix="fsr_jax_") as folder:
    yield folder


def _classes(
  labels: np.ndarray | None, class_names: tuple[str, ...]
) -> np.ndarray:
  """The classes as the labels call them.

  Args:
    labels: as they were given; None where they are in a file.
    class_names: of the C classes.

  Returns:
    [C] of the labels' dtype; of one-hot rows the columns' numbers.
  """
  if labels is None:
    return np.array(class_names)
  values, size = column(WHERE, "labels", labels, len(labels))
  if size is not None:
    return np.arange(size)
  texts, first = np.unique(
    [spelled(label) for label in as_list(values)], return_index=True
  )
  found = lookup(texts, by_name(class_names))
  position = np.zeros(len(class_names), int)
  # Of a class that is written in several ways: as it is called, if it is.
  for known in (found >= 0, (found >= 0) & np.isin(texts, class_names)):
    position[found[known]] = first[known]
  return values[position]
