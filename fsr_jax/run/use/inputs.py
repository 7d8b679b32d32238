"""--input and --output: images from elsewhere, and files that are kept."""

import pathlib

import numpy as np

from fsr_jax.data.dataset import Split
from fsr_jax.data.images.reader import Encoded, unreadable
from fsr_jax.data.sources import inputs
from fsr_jax.errors import check
from fsr_jax.files import require_file
from fsr_jax.run.use.description import Description
from fsr_jax.run.watch.opening import plural

# Images that cannot be read and are named, of many.
_NAMED = 3


def load(
  path: str, description: Description, on_error: str, labelled: bool
) -> tuple[Split, list[str]]:
  """Images for a model.

  Args:
    path: as for `data.sources.inputs.load`.
    description: of the model.
    on_error: as data.on_error: "raise" leaves images that cannot be read to
      whoever reads them, "skip" reads all of them now and leaves those out.
    labelled: whether labels are asked for.

  Returns:
    (Split, notes, a sentence each).

  Raises:
    InputError: as `data.sources.inputs.load`, or none can be read.
  """
  seen = inputs.Seen(description.image_shape, description.resize)
  names = description.class_names if labelled else None
  split, said = inputs.load(path, seen, names)
  notes = list(said)
  if on_error == "skip" and isinstance(split.image, Encoded):
    bad = unreadable(split.image)
    split = split.take(np.setdiff1d(np.arange(len(split)), list(bad)))
    some = ""
    if bad:
      some = "; ".join([*bad.values()][:_NAMED])
      notes.append(
        f"{plural(len(bad), 'image')} left out, which cannot be read"
        f" (on_error=skip): {some}{'; ...' * (len(bad) > _NAMED)}"
      )
    check(len(split) > 0, f"input={path}: no image can be read: {some}")
  return split, notes


def check_ours(path: pathlib.Path, *beginnings: str) -> None:
  """Refuses to overwrite a table that this program did not write.

  Args:
    path: of a file that is to be written.
    *beginnings: what the first line of our own begins with.

  Raises:
    InputError: another one is there.
  """
  if not path.exists():
    return
  require_file(path)
  with open(path, encoding="utf-8", errors="replace") as file:
    first = file.readline(1000)
  check(
    first.startswith(beginnings),
    f"{path} is there and no table that was written so before; --output says"
    " where else to write",
  )
