"""--mode=predict: what a network says of any images, as a table."""

from collections.abc import Iterator
import pathlib

import numpy as np

from fsr_jax.data.dataset import Split
from fsr_jax.errors import InputError, check
from fsr_jax.files import place
from fsr_jax.run.use import prior as priors
from fsr_jax.run.use.inputs import check_ours, load
from fsr_jax.run.use.model import Model
from fsr_jax.run.watch.opening import plural, shown
from fsr_jax.run.watch.progress import Countdown
from fsr_jax.run.watch.screen import say
from fsr_jax.spreadsheets import write_csv

NAME = "predictions.csv"
_COLUMNS = ["id", "label", "confidence"]
# Decimals of probabilities.
_DIGITS = 6
# At most one line of progress this often, seconds.
_EVERY = 10.0
# Classes named at the end, the commonest.
_NAMED = 10


def predict(
  model: Model,
  where: str,
  input_path: str,
  output: str | None = None,
  prior: str | None = None,
  on_error: str = "raise",
) -> pathlib.Path:
  """Writes predictions.csv: a row for each image.

  Its columns are id (of the list or arrays, else the path of the picture),
  label (the likeliest class), confidence (its probability) and p_CLASS for
  every class, its probability, rounded to six decimals.

  Args:
    model: Model.
    where: it is from: a workdir or a saved model.
    input_path: images, as for `data.sources.inputs.load`.
    output: file to write; None means predictions.csv in `where`.
    prior: as for `prior.read`.
    on_error: as for `inputs.load`.

  Returns:
    Path of the file.

  Raises:
    InputError: the input is wrong; another file would be overwritten.
  """
  path = place(output) if output else place(where) / NAME
  check(
    path.suffix.lower() == ".csv" and not path.is_dir(),
    f"output={path}; expected the name of a .csv file",
  )
  check_ours(path, ",".join(_COLUMNS))
  shares = priors.read(prior, model.description)
  split, notes = load(input_path, model.description, on_error, labelled=False)
  description = model.description
  say(
    f"{plural(len(split), 'example')} of {place(input_path)};"
    f" {description.network} of {place(where)},"
    f" {description.num_classes:,} classes"
  )
  for note in notes:
    say(f"note: {note}")
  if shares is not None:
    say(f"prior={prior}: probabilities are for these class shares")
  names = [*_COLUMNS, *(f"p_{name}" for name in description.class_names)]
  said = np.zeros(description.num_classes, np.int64)
  try:
    write_csv(path, names, _rows(model, split, shares, said))
  except InputError as error:  # A picture that cannot be read.
    raise InputError(
      f"{error}; --on_error=skip leaves out what cannot be read"
    ) from error
  common = np.argsort(-said, kind="stable")[: np.count_nonzero(said)]
  named = [
    f"{shown(description.class_names[c])} {said[c]:,}" for c in common[:_NAMED]
  ]
  more = ", ..." if len(common) > _NAMED else ""
  say(f"classes said: {', '.join(named)}{more}")
  say(f"\n{path}")
  return path


def _rows(
  model: Model, split: Split, prior: np.ndarray | None, said: np.ndarray
) -> Iterator[list]:
  """Yields the rows of predictions.csv; counts the classes in `said`."""
  assert split.id is not None
  names, done = model.description.class_names, 0
  unit = "images" if len(split.image.shape) > 2 else "examples"
  with Countdown("predicting", len(split), unit, _EVERY) as clock:
    for logits in model.logits(split.image):
      p = model.probabilities(logits, prior)
      best = p.argmax(1)
      said += np.bincount(best, minlength=len(said))
      # As float64, whose digits are those of the decimal number.
      for row, c in zip(p.astype(np.float64).round(_DIGITS).tolist(), best):
        yield [str(split.id[done]), names[c], row[c], *row]
        done += 1
      clock.add(len(p))
