"""A test part from elsewhere, whose classes have the same names."""

import dataclasses

import numpy as np

from fsr_jax.data.dataset import Split
from fsr_jax.data.images.reader import Files, encoded
from fsr_jax.data.labels.classes import by_name, lookup
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources import tfds
from fsr_jax.data.sources.tree import tree_of
from fsr_jax.errors import check
from fsr_jax.files import place


def load(
  options: DataOptions, class_names: tuple[str, ...]
) -> tuple[Split, tuple[str, ...]]:
  """The images of `options.test_from` whose class is one of `class_names`.

  Args:
    options: their `test_from` is a folder with CLASS/.../*.jpg, or tfds:NAME.
    class_names: C names.

  Returns:
    (Split, what is left out, a sentence each); classes without images there
    are not tested.

  Raises:
    InputError: no such folder or set, or no class of any of these names.
  """
  where = options.test_from or ""
  if where.startswith(tfds.PREFIX):
    split, names = tfds.test_part(options, where.removeprefix(tfds.PREFIX))
    notes: list[str] = []
  else:
    split, names, notes = _folder(options, where, class_names)
  theirs = lookup(names, by_name(class_names))
  # What has no label there (-1) has none here.
  label = np.where(split.label < 0, -1, theirs[split.label])
  known = np.flatnonzero(label >= 0)
  check(
    bool(known.size),
    f"data.test_from={where} has no class of {options.dataset}, which are"
    f" {', '.join(class_names[:3])}, ...; it has {', '.join(names[:3])}, ...",
  )
  split = dataclasses.replace(split.take(known), label=label[known])
  return split, tuple(notes)


def _folder(
  options: DataOptions, where: str, class_names: tuple[str, ...]
) -> tuple[Split, tuple[str, ...], list[str]]:
  """(images, names of their classes, notes) of a folder."""
  root = place(where)
  check(root.is_dir(), f"data.test_from={root} is not a folder")
  tree = tree_of(root)
  tree.check_classes(root, class_names)
  check(bool(tree.images), f"no images under data.test_from={root}")
  relative = [path.relative_to(root) for path in tree.images]
  folders = [path.parts[0] for path in relative]
  names = tuple(sorted(set(folders)))
  split = Split(
    encoded(Files([str(path) for path in tree.images]), options, False),
    lookup(folders, by_name(names)),
    id=np.array([path.as_posix() for path in relative]),
  )
  return split, names, tree.notes(root)
