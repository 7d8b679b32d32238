"""The user's images in a tree of folders."""

import dataclasses
import pathlib
import shlex

import numpy as np

from fsr_jax.data.dataset import Data
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources import metadata
from fsr_jax.data.sources.layout import Layout, layout
from fsr_jax.data.sources.listing import Listing, existing, from_listing
from fsr_jax.data.sources.parts import TRAIN
from fsr_jax.data.sources.tree import Tree, tree_of
from fsr_jax.data.table import SUFFIXES, read_table
from fsr_jax.errors import InputError, check
from fsr_jax.files import place

# Lists near pictures without class folders that are looked into.
_TABLES_TRIED = 10


def folder(options: DataOptions) -> Data:
  """root/CLASS/.../*.jpg, or root/train/CLASS/... beside root/test/CLASS/...

  A metadata.csv or metadata.jsonl in the root or in its parts says the labels
  instead of class folders.

  Args:
    options: their `path` is the root; `train_split`, `val_split` and
      `test_split` name folders of it where their names do not say enough.

  Returns:
    Data; a class is named as its folder, an image's id is its path below the
    root. What is left out stands in its notes.

  Raises:
    InputError: no such folder, no image, an unreadable folder, a class folder
      without any image, folders that may be classes or parts.
  """
  root = existing(options.path, "folder")
  check(root.is_dir(), f"data.path={root} is not a folder")
  found = layout(root, options)
  trees = {
    part: tree_of(base, found.without if part == TRAIN else frozenset())
    for part, base in found.parts.items()
  }
  notes = list(found.notes)
  labelled = metadata.labelled(root, found.parts)
  if labelled:
    notes += labelled.notes(list(trees.values()))
    listing, rows = labelled.listing, labelled.rows
  else:
    rows = None
    listing = _by_folders(root, found, trees, options.labels_file)
    for part, tree in trees.items():
      tree.check_classes(found.parts[part])
      notes += tree.notes(found.parts[part])
  data = from_listing(options, listing, root, rows)
  return dataclasses.replace(data, notes=(*notes, *data.notes))


def _by_folders(
  root: pathlib.Path,
  found: Layout,
  trees: dict[str, Tree],
  labels_file: str | None,
) -> Listing:
  """Each picture of a class folder, the folder its label."""
  rows = [
    (
      str(path),
      path.relative_to(found.parts[part]).parts[0],
      path.relative_to(root).as_posix(),
      part,
    )
    for part, tree in trees.items()
    for path in tree.images
  ]
  if not rows:
    _refuse_flat(root, next(iter(trees.values())).beside, labels_file)
  check(
    bool(rows),
    f"no images under {root}; expected {root}/CLASS/IMAGE, pictures with a"
    " suffix that Pillow reads (.jpg, .png, ...)",
  )
  path, label, name, part = (np.array(column) for column in zip(*rows))
  return Listing(path, label, name, None, part)


def _refuse_flat(
  root: pathlib.Path, pictures: list[pathlib.Path], labels_file: str | None
) -> None:
  """Names the command for pictures that lie in no class folder."""
  if not pictures:
    return
  tables = [place(labels_file)] if labels_file else []
  for above in (root, root.parent):
    tables += sorted(f for f in above.iterdir() if f.suffix.lower() in SUFFIXES)
  head = (
    f"{root} has {len(pictures)} pictures and no class folders: nothing says"
    " what they show"
  )
  for table in tables[:_TABLES_TRIED]:
    try:
      first = read_table(table, required=("path", "label")).columns["path"][0]
    except InputError:
      continue  # It is a list of something else.
    target = f"{root / 'metadata'}{table.suffix.lower()}"
    for below, command in (
      (table.parent, [f"--config=folder:{table}"]),
      (root, ["cp", str(table), target]),
    ):
      check(
        not (below / first).is_file(),
        f"{head}, but {table} does; use it by {shlex.join(command)}",
      )
  check(
    False,
    f"{head}; expected {root}/CLASS/IMAGE, or {root / 'metadata.csv'} with the"
    " columns file_name and label",
  )
