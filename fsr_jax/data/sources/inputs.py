"""Images from anywhere, for a network that is trained already."""

from collections.abc import Callable
from decimal import Decimal
import pathlib
from typing import NamedTuple

import numpy as np

from fsr_jax.data.dataset import Split
from fsr_jax.data.images.reader import Encoded, Files, centred
from fsr_jax.data.labels.classes import (
  Vocabulary,
  by_name,
  by_name_or_number,
  by_number,
  indices,
)
from fsr_jax.data.labels.column import column, texts
from fsr_jax.data.labels.values import ARRAY, TABLE, Rows, value_of
from fsr_jax.data.sources import arrays, manifest, metadata
from fsr_jax.data.sources.pixels import pixels
from fsr_jax.data.sources.survey import looks_like
from fsr_jax.data.sources.tree import tree_of
from fsr_jax.data.table import read_table
from fsr_jax.errors import check
from fsr_jax.files import place


class Seen(NamedTuple):
  """How a network sees images.

  Attributes:
    image_shape: (H, W, channels), or (F,) of vectors.
    resize: shorter side of pictures before their middle is cut out, pixels; 0
      where it can see none.
  """

  image_shape: tuple[int, ...]
  resize: int


class _Found(NamedTuple):
  """What lies somewhere, before its labels are understood.

  Attributes:
    image: Encoded, uint8 [N, H, W, channels] or float32 [N, F].
    id: str [N].
    label: text or numbers [N]; None where they are not asked for.
    rows: how they are counted.
    notes: what is left out or changed, a sentence each.
    one_hot: whether labels are positions 0..C-1, as one-hot rows tell them.
  """

  image: np.ndarray | Encoded
  id: np.ndarray
  label: np.ndarray | None
  rows: Rows
  notes: tuple[str, ...]
  one_hot: bool = False


def load(
  path: str, seen: Seen, class_names: tuple[str, ...] | None = None
) -> tuple[Split, tuple[str, ...]]:
  """Images to look at, and their labels if these are asked for.

  Args:
    path: a folder of pictures, with class folders or a metadata.csv where
      labels are asked for and in any order where not; a table with the column
      path (and label); a .npz file, or a folder of .npy files, with the array
      image (and label), and id where examples have names.
    seen: Seen.
    class_names: the C classes that labels may be; None where nobody asks.

  Returns:
    (Split in the order of the files, rows or pictures' paths, with labels -1
    where nobody asks; notes, a sentence each).

  Raises:
    InputError: nothing there, no labels, a label that is none of these
      classes, images that are not as the network sees them.
  """
  root = place(path)
  check(root.exists(), f"input={root} does not exist")
  kind = looks_like(root, "input")
  found = _SOURCES[kind](root, seen, class_names is not None)
  shape = found.image.shape[1:]
  check(
    shape == seen.image_shape,
    f"input={root} has examples of {_by(shape)}; the network was trained on"
    f" {_by(seen.image_shape)}",
  )
  label, notes = np.full(len(found.id), -1, np.int32), found.notes
  if class_names is not None:
    assert found.label is not None
    vocabulary, more = _vocabulary(found, class_names)
    notes += more
    label = indices(
      root, "label", found.label, vocabulary, unknown=False, rows=found.rows
    )
  return Split(found.image, label, id=found.id), notes


def _by(shape: tuple[int, ...]) -> str:
  return " x ".join(map(str, shape)) + (
    " numbers" if len(shape) == 1 else " pixels and channels"
  )


def _vocabulary(
  found: _Found, names: tuple[str, ...]
) -> tuple[Vocabulary, tuple[str, ...]]:
  """(what labels may be, what is guessed of that)."""
  if found.one_hot:
    return by_number(names), ()
  assert found.label is not None
  numbers = found.label.dtype.kind in "iu"
  if not numbers or any(isinstance(value_of(n), Decimal) for n in names):
    return by_name(names), ()
  return by_name_or_number(names, range(len(names))), (
    f"labels are numbers and classes have names: 0 is taken for {names[0]}, 1"
    f" for {names[1]}, and so on",
  )


def _pictures(paths: list[str], root: pathlib.Path, seen: Seen) -> Encoded:
  check(
    seen.resize > 0,
    f"input={root} is of pictures in files, which are read as squares in RGB;"
    f" the network was trained on {_by(seen.image_shape)}: give it a .npz file"
    " with the array image",
  )
  return centred(Files(paths), seen.image_shape[0], seen.resize)


def _folder(root: pathlib.Path, seen: Seen, labelled: bool) -> _Found:
  tree = tree_of(root)
  listed = metadata.labelled(root, {"": root}) if labelled else None
  if listed is not None:
    listing = listed.listing
    return _Found(
      _pictures(listing.path.tolist(), root, seen),
      listing.id,
      listing.label,
      listed.rows,
      tuple(listed.notes([tree])),
    )
  images = tree.images if labelled else sorted([*tree.beside, *tree.images])
  if labelled:
    tree.check_classes(root)
    label = np.array([p.relative_to(root).parts[0] for p in images], object)
    check(
      bool(images) or not tree.beside,
      f"input={root} has {len(tree.beside)} pictures and no class folders:"
      f" nothing says what they show; expected {root}/CLASS/IMAGE, or"
      f" {root / 'metadata.csv'} with the columns file_name and label",
    )
  else:
    label, tree = None, tree._replace(beside=[], empty=[])
  check(bool(images), f"input={root} has no pictures in it")
  return _Found(
    _pictures([str(path) for path in images], root, seen),
    np.array([path.relative_to(root).as_posix() for path in images]),
    label,
    ARRAY,
    tuple(tree.notes(root)),
  )


def _table(file: pathlib.Path, seen: Seen, labelled: bool) -> _Found:
  required = ("path", "label") if labelled else ("path",)
  table = read_table(file, required)
  columns = table.columns
  notes = table.note(file)
  if "split" in columns:
    notes += (f"all rows of {file.name} are read, whatever their split is",)
  return _Found(
    _pictures(manifest.places(file, columns["path"]), file, seen),
    np.array(columns.get("id", columns["path"])),
    np.array(columns["label"], object) if labelled else None,
    TABLE,
    notes,
  )


def _arrays(path: pathlib.Path, seen: Seen, labelled: bool) -> _Found:
  del seen  # Their shape is compared by who asks.
  found = arrays.read(path)
  missing = {"image", *(("label",) if labelled else ())} - set(found)
  check(
    not missing,
    f"{path} has no array {', '.join(sorted(missing))}; it has:"
    f" {', '.join(found) or 'none'}",
  )
  images, notes = pixels(path, {"image": found["image"]})
  image = images["image"]
  check(len(image) > 0, f"{path}: image has no examples")
  identity = np.arange(len(image)).astype(str)
  if "id" in found:
    given = column(path, "id", found["id"], len(image))
    identity = texts(path, "id", given.values)
  label, one_hot = None, False
  if labelled:
    label, size = column(path, "label", found["label"], len(image))
    one_hot = size is not None
  held = [n for n in found if n.startswith(("test_", "val_"))]
  if held:
    notes += (f"of {path.name} image is read, {', '.join(held)} are not",)
  return _Found(image, identity, label, ARRAY, notes, one_hot)


# Key of survey.looks_like -> what reads it.
_SOURCES: dict[str, Callable[[pathlib.Path, Seen, bool], _Found]] = {
  "folder": _folder,
  "manifest": _table,
  "arrays": _arrays,
}
