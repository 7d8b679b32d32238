"""Arrays of one file or folder: images (or features) and their labels."""

from collections.abc import Mapping
import pathlib

import numpy as np

from fsr_jax import archives
from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.labels.classes import (
  Vocabulary,
  by_name,
  by_number,
  check_ids,
  indices,
)
from fsr_jax.data.labels.column import Column, column, texts
from fsr_jax.data.labels.values import class_names_of, listed
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.listing import existing, set_aside
from fsr_jax.data.sources.pixels import pixels
from fsr_jax.errors import check
from fsr_jax.files import arrays_read, require_file

# What the names of the arrays begin with of parts that are not trained on.
_HELD = ("test_", "val_")
# Arrays of one entry an example, besides its image.
_COLUMNS = ("label", "clean_label", "id", "filepath")


def arrays(options: DataOptions) -> Data:
  """A .npz file, or a folder of .npy files, with the arrays named below.

  Args:
    options: their `path` is the file or folder, `class_names` may name the
      classes. Arrays: image, of 0..255 [N, H, W] or [N, H, W, channels], or
      feature vectors [N, F]; label, integers or text [N] or [N, 1], or one-hot
      rows [N, C]; optional clean_label (-1: the label is wrong), id, filepath
      (the picture that a row was made of, from the folder of this file on) and
      the same with test_ and val_ before it. Without test_image what has val_
      is tested. Images in other plain forms (`pixels`) are converted. Without
      ids an example is called by its filepath, or else by its row, from 0.

  Returns:
    Data.

  Raises:
    InputError: no such file, a missing array or label, one that does not fit,
      an id that is there twice.
  """
  path = existing(options.path, "file of arrays")
  return assembled(path, read(path), options)


def assembled(
  path: object, found: Mapping[str, np.ndarray], options: DataOptions
) -> Data:
  """Data of arrays that are in memory.

  Args:
    path: they are from, for messages.
    found: name -> array, as `arrays` has them.
    options: their `class_names`, `test_share` and `test_from`.

  Returns, Raises: as `arrays`.
  """
  missing = {"image", "label"} - set(found)
  check(
    not missing,
    f"{path} has no array {', '.join(sorted(missing))}; it has:"
    f" {', '.join(found) or 'none'}",
  )
  for part in _HELD:
    check(
      (f"{part}image" in found) == (f"{part}label" in found),
      f"{path} has one of {part}image and {part}label; expected both or none",
    )
  parts = ["", *(part for part in _HELD if f"{part}image" in found)]
  images, notes = pixels(
    path, {f"{part}image": found[f"{part}image"] for part in parts}
  )
  columns = {
    name: column(path, name, found[name], len(images[f"{part}image"]))
    for part in parts
    for name in (part + what for what in _COLUMNS)
    if name in found
  }
  names = _class_names(path, options, columns)
  train, *held = (
    _split(path, images[f"{part}image"], columns, part, by_name(names))
    for part in parts
  )
  if held:
    test, *val = held
    return Data(train, test, names, val=val[0] if val else None, notes=notes)
  # What is tested from elsewhere takes the place of the test part.
  if options.test_from or not options.test_share:
    return Data(train, None, names, notes=notes)
  is_test = set_aside(train.label, len(names), options.test_share)
  return Data(
    train.take(np.flatnonzero(~is_test)),
    train.take(np.flatnonzero(is_test)),
    names,
    test_set_aside=True,
    notes=notes,
  )


def _class_names(
  path: object, options: DataOptions, columns: dict[str, Column]
) -> tuple[str, ...]:
  """Of the classes in all labels."""
  labels = {n: c for n, c in columns.items() if n.endswith("label")}
  if options.class_names is not None:
    return listed(options.class_names)
  sizes = {c.size for c in labels.values() if c.size is not None}
  check(
    len(sizes) <= 1,
    f"{path}: one-hot labels of {sorted(sizes)} classes;"
    " expected one number of them",
  )
  if sizes:
    return tuple(str(c) for c in range(sizes.pop()))
  return class_names_of(path, {name: c.values for name, c in labels.items()})


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The arrays of a .npz file, or of a folder of .npy files, by name.

  Raises:
    InputError: unreadable.
  """
  files = sorted(path.glob("*.npy")) if path.is_dir() else [path]
  for file in files:
    require_file(file)
  expected = (
    "; expected a .npz file or a folder of .npy files, without pickled objects"
  )
  if not path.is_dir():
    return archives.npz(path, expected)
  with arrays_read(path, expected):
    return {
      file.stem: np.load(file, mmap_mode="r", allow_pickle=False)
      for file in files
    }


def _split(
  path: object,
  image: np.ndarray,
  columns: dict[str, Column],
  part: str,
  vocabulary: Vocabulary,
) -> Split:
  """The examples of a part ("" or "test_")."""
  labels = {
    what: indices(
      path,
      part + what,
      columns[part + what].values,
      _positions(columns[part + what], vocabulary),
      unknown=what == "clean_label",
    )
    for what in ("label", "clean_label")
    if part + what in columns
  }
  named = {
    what: texts(path, part + what, columns[part + what].values)
    for what in ("id", "filepath")
    if part + what in columns
  }
  identity = np.arange(len(image)).astype(str)
  for what in ("filepath", "id"):
    identity = named.get(what, identity)
  if named:
    check_ids(path, identity)
  files = named.get("filepath")
  if files is not None and isinstance(path, pathlib.Path):
    files = np.array([str(path.parent / name) for name in files.tolist()], str)
  return Split(image, **labels, id=identity, path=files)


def _positions(labels: Column, vocabulary: Vocabulary) -> Vocabulary:
  """What labels may be: of one-hot rows positions, whatever the names."""
  if labels.size is None:
    return vocabulary
  return by_number(tuple(vocabulary.written))
