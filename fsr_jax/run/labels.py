"""labels.npz in the workdir: the labels a run is trained on.

It is a data.labels_file too: another run may be given the same labels.
"""

import pathlib
from typing import Any

import numpy as np

from fsr_jax import archives
from fsr_jax.data.dataset import Data
from fsr_jax.errors import check
from fsr_jax.files import replacing

_NAME = "labels.npz"
# Array -> kinds of its dtype: text or whole numbers.
_KINDS = {"class_names": "U", "label": "i", "clean_label": "i", "id": "U"}


def _arrays(data: Data) -> dict[str, np.ndarray]:
  split = data.train
  arrays = {
    "class_names": np.array(data.class_names),
    "label": split.label,
    "clean_label": split.clean_label,
    "id": split.id,
  }
  return {name: x for name, x in arrays.items() if x is not None}


def write(workdir: pathlib.Path, data: Data) -> None:
  """Writes labels.npz, over one that is there."""
  # Any: of numpy's own arguments some versions have one more, which is a bool.
  arrays: dict[str, Any] = _arrays(data)
  with (
    replacing(workdir / _NAME) as partial,
    open(partial, "wb") as file,
  ):
    np.savez_compressed(file, **arrays)


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The arrays of labels.npz, as `write` writes them."""
  fix = "move it away to continue without comparing the labels"
  arrays = archives.npz(path, f"; {fix}")
  for name, array in arrays.items():
    check(
      array.ndim == 1 and array.dtype.kind in _KINDS.get(name, ""),
      f"{path}: {name} is {array.dtype} {array.shape}, which no run writes;"
      f" {fix}",
    )
  return arrays


def check_same(
  workdir: pathlib.Path, data: Data, classes_only: bool = False
) -> None:
  """Refuses to continue a run on other examples, labels or classes.

  Args:
    workdir: of the run.
    data: as they are now.
    classes_only: whether examples and labels may be others.

  Raises:
    InputError: they are not those the run began with, or the file that says
      so is damaged.
  """
  path = workdir / _NAME
  if not path.exists():
    return
  before = _read(path)
  arrays = _arrays(data)
  names = arrays.pop("class_names")
  _check_classes(path, before.get("class_names", names), names)
  if classes_only:
    return
  for name, now in arrays.items():
    then = before.get(name, np.array([]))
    check(
      len(then) == len(now),
      f"{path} has {len(then)} values of {name} but"
      f" the data now have {len(now)}; the data changed since the run began",
    )
    differing = np.flatnonzero(then != now)
    first = differing[0] if differing.size else 0
    check(
      not differing.size,
      f"{differing.size} of {len(now)} training examples have another {name}"
      f" than when the run began ({path}), the first is example {first}:"
      f" {then[first]} then, {now[first]} now",
    )


def _check_classes(path, then: np.ndarray, now: np.ndarray) -> None:
  gone, new = np.setdiff1d(then, now), np.setdiff1d(now, then)
  changed = "".join(
    f", {word} {', '.join(names[:5])}"
    for word, names in (("without", gone), ("with", new))
    if names.size
  )
  check(
    np.array_equal(then, now),
    f"the data have other classes than when the run began ({path}):"
    f" {len(now)} instead of {len(then)}{changed}",
  )
