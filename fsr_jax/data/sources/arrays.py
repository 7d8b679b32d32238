"""Arrays of one file or folder: images (or features) and their labels."""

import pathlib

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.labels.classes import (
  Vocabulary,
  by_name,
  check_ids,
  class_names_of,
  indices,
)
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.listing import existing, set_aside
from fsr_jax.errors import InputError, check


def arrays(options: DataOptions) -> Data:
  """A .npz file, or a folder of .npy files, with the arrays named below.

  Args:
    options: their `path` is the file or folder. Arrays: image uint8 [N, H, W]
      or [N, H, W, channels], or feature vectors, float [N, F]; label [N]
      integers or text; optional clean_label (-1: the label is wrong), id, and
      test_image, test_label, test_clean_label.

  Returns:
    Data.

  Raises:
    InputError: no such file, a missing array or label, one that does not fit,
      an id that is there twice.
  """
  path = existing(options.path, "file of arrays")
  found = _read(path)
  missing = {"image", "label"} - set(found)
  check(
    not missing,
    f"{path} has no array {', '.join(sorted(missing))}; it has:"
    f" {', '.join(found) or 'none'}",
  )
  check(
    ("test_image" in found) == ("test_label" in found),
    f"{path} has one of test_image and test_label; expected both or none",
  )
  labels = ("label", "clean_label", "test_label", "test_clean_label")
  names = class_names_of(*(found.get(name) for name in labels))
  train = _split(path, found, "", by_name(names))
  if "test_image" in found:
    return Data(train, _split(path, found, "test_", by_name(names)), names)
  is_test = set_aside(train.label, len(names), options.test_share)
  return Data(
    train.take(np.flatnonzero(~is_test)),
    train.take(np.flatnonzero(is_test)),
    names,
    test_set_aside=True,
  )


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
  try:
    if path.is_dir():
      return {
        file.stem: np.load(file, mmap_mode="r")
        for file in sorted(path.glob("*.npy"))
      }
    with np.load(path) as archive:
      return {name: archive[name] for name in archive.files}
  # NumPy raises many types for what is no archive of arrays.
  except Exception as error:
    reason = " ".join(str(error).split())[:200]
    raise InputError(
      f"cannot read {path} ({reason}); expected a .npz file or a folder of"
      " .npy files, without pickled objects"
    ) from error


def _split(
  path: pathlib.Path,
  found: dict[str, np.ndarray],
  prefix: str,
  vocabulary: Vocabulary,
) -> Split:
  """The arrays whose names begin with `prefix`, checked."""
  image = found[prefix + "image"]
  vectors = image.ndim == 2 and np.issubdtype(image.dtype, np.floating)
  check(
    vectors or (image.dtype == np.uint8 and image.ndim in (3, 4)),
    f"{path}: {prefix}image is {image.dtype} {image.shape}; expected uint8"
    " [N, H, W] or [N, H, W, channels], or float [N, F]",
  )
  if vectors:
    image = np.asarray(image, np.float32)
    bad = np.flatnonzero(~np.isfinite(image).all(1))
    check(
      not bad.size,
      f"{path}: {bad.size} rows of {prefix}image are not finite numbers, the"
      f" first is {bad[0] if bad.size else ''}",
    )
  for what in ("label", "clean_label", "id"):
    values = found.get(prefix + what)
    check(
      values is None or values.shape == image.shape[:1],
      f"{path}: {prefix}{what} has not one value for each of the"
      f" {len(image)} images",
    )
  check(
    image.ndim < 4 or image.shape[3] <= 4 or image.shape[1] not in (1, 3, 4),
    f"{path}: {prefix}image is {image.shape}, channels first; expected them"
    " last: image.transpose(0, 2, 3, 1)",
  )
  labels = {
    what: indices(
      path,
      prefix + what,
      found[prefix + what],
      vocabulary,
      unknown=what == "clean_label",
    )
    for what in ("label", "clean_label")
    if prefix + what in found
  }
  identity = found.get(prefix + "id")
  if identity is not None:
    check_ids(path, identity)
  return Split(
    image[..., None] if image.ndim == 3 else image,
    **labels,
    id=None if identity is None else identity.astype(str),
  )
