"""Which folders of the user's tree are classes, and which are parts of it."""

import pathlib
from typing import NamedTuple

from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources import metadata
from fsr_jax.data.sources.parts import (
  OTHER,
  TEST,
  TRAIN,
  VAL,
  assign,
  hints_at_a_part,
  is_word,
  roles,
)
from fsr_jax.data.sources.tree import folders_of, has_images
from fsr_jax.errors import check

# Of data.train_split: the folders of data.path are classes, all of them.
HERE = "."
_HOW = (
  "--config.data.train_split=NAME and data.test_split=NAME name the parts,"
  " --config.data.train_split=. says that all folders are classes"
)


class Layout(NamedTuple):
  """What the folders of a root are.

  Attributes:
    parts: {TRAIN, VAL, TEST: folder of class folders}; {"": folder} where
      nothing says which part its classes are.
    without: names of folders that are no classes of the training part.
    notes: what is left out, a sentence each.
  """

  parts: dict[str, pathlib.Path]
  without: frozenset[str] = frozenset()
  notes: tuple[str, ...] = ()


def layout(root: pathlib.Path, options: DataOptions) -> Layout:
  """Looks at the names of folders, and at what lies directly in them.

  A folder of pictures is a class, whatever it is called: a train is a vehicle
  too. A folder of folders is a part where it is called as parts are.

  Args:
    root: folder.
    options: their train_split, val_split and test_split.

  Raises:
    InputError: what could be classes or parts, and nothing says which; parts
      without a training part, or without classes.
  """
  root, notes = _unwrapped(root)
  names = folders_of(root)
  given = (options.train_split, options.val_split, options.test_split)
  if options.train_split == HERE:
    return _classes_beside(root, names, options)._replace(notes=notes)
  if not any(given) and metadata.file_of(root) is None:
    nested = [name for name in names if _is_part(root / name)]
  else:
    role = roles(names)
    nested = [
      name
      for name in names
      if name in given or role[name] != OTHER or _is_part(root / name)
    ]
  part_of = assign(root, nested, options)
  parts = {p: root / name for name, p in part_of.items() if p != OTHER}
  if TRAIN not in parts:
    check(
      not any(given),
      f"{root} has no folder that is called as training parts are; it has:"
      f" {', '.join(names)}; {_HOW}",
    )
    _refuse_parts(root, names, nested)
    return Layout({"": root}, notes=notes)
  parts = {p: parts[p] for p in (TRAIN, VAL, TEST) if p in parts}
  others = [n for n in names if root / n not in parts.values()]
  # Archives are often unpacked into a folder of the same name.
  parts = {p: _without_copy(folder) for p, folder in parts.items()}
  if TEST not in parts:
    _refuse_others(root, parts[TRAIN], others)
  _check_classes(root, parts)
  if others:
    verb = "is" if len(others) == 1 else "are"
    notes += (
      f"{', '.join(others)} of {root} {verb} left out: neither the training nor"
      " the test part nor that to validate on; data.test_split chooses",
    )
  return Layout(parts, notes=notes)


def _unwrapped(root: pathlib.Path) -> tuple[pathlib.Path, tuple[str, ...]]:
  """(the folder below which there is more than one, what is said of it)."""
  inner = root
  while len(names := folders_of(inner)) == 1 and not has_images(inner):
    below = inner / names[0]
    if not folders_of(below) or has_images(below):
      break
    if roles(names)[names[0]] != OTHER or metadata.file_of(inner) is not None:
      break
    inner = below
  if inner == root:
    return root, ()
  return inner, (f"{inner} is read, all that there is in {root}",)


def _without_copy(folder: pathlib.Path) -> pathlib.Path:
  """train/train/CLASS is train/CLASS."""
  if folders_of(folder) == [folder.name] and not has_images(folder):
    return folder / folder.name
  return folder


def _classes_beside(
  root: pathlib.Path, names: list[str], options: DataOptions
) -> Layout:
  """The folders of `root` are the classes, but for those named as parts."""
  wanted = {VAL: options.val_split, TEST: options.test_split}
  for part, name in wanted.items():
    check(
      name is None or name in names,
      f"data.{part}_split={name}: there is no such folder in {root}",
    )
  parts = {part: root / name for part, name in wanted.items() if name}
  without = frozenset(folder.name for folder in parts.values())
  return Layout({TRAIN: root, **parts}, without)


def _is_part(folder: pathlib.Path) -> bool:
  """Whether a folder has what parts have: classes, or a list of labels."""
  if metadata.file_of(folder) is not None:
    return True
  return bool(folders_of(folder)) and not has_images(folder)


def _refuse_others(
  root: pathlib.Path, train: pathlib.Path, others: list[str]
) -> None:
  """Refuses a training part beside what could be classes or a test part."""
  role = roles([train.name, *others])
  flat = [n for n in others if role[n] != OTHER and has_images(root / n)]
  check(
    not flat,
    f"{root / flat[0] if flat else ''} has pictures and no class folders, so"
    " that nothing says what they show; train without it, with some of every"
    f" class set aside for testing, by --config=folder:{train}",
  )
  check(
    not others,
    f"data.path={root} has {train.name}/ with folders of its own beside"
    f" {', '.join(others)}; expected folders of classes, or train/CLASS beside"
    f" test/CLASS; {_HOW}",
  )


def _check_classes(root: pathlib.Path, parts: dict[str, pathlib.Path]) -> None:
  """Every part must have class folders, one of the training part at least."""
  if metadata.file_of(root) is not None:
    return
  trained = set(folders_of(parts[TRAIN]))
  for part, folder in parts.items():
    if metadata.file_of(folder) is None:
      classes = folders_of(folder)
      check(
        bool(trained.intersection(classes)) or not trained,
        f"{folder}, to {part} on, has no class folder of {parts[TRAIN]}, which"
        f" has {', '.join(sorted(trained)[:5])}; it has:"
        f" {', '.join(classes[:5]) or 'no folders'}; train without it by"
        f" --config=folder:{parts[TRAIN]}",
      )


def _refuse_parts(
  root: pathlib.Path, names: list[str], nested: list[str]
) -> None:
  """Refuses folders that may be parts, where none could be told to be."""
  if metadata.file_of(root) is not None:
    return
  role = roles(names)
  said = {role[name] for name in names}
  # A train is a vehicle; a training_set is none.
  called = [n for n in names if role[n] != OTHER and not is_word(n)]
  if TRAIN in said and len(said) > 1 and OTHER not in said:
    called = names
  flat = [name for name in called if name not in nested]
  check(
    not flat,
    f"{root} has the folders {', '.join(names[:10])}, of which"
    f" {', '.join(flat[:10])} are called as parts are but have pictures in them"
    " and no class folders; expected train/CLASS beside test/CLASS, or a list"
    f" of files with labels as data.path; {_HOW}",
  )
  hinted = [name for name in nested if hints_at_a_part(name)]
  inside = [folders_of(root / name) for name in nested]
  alike = (
    len(names) == len(nested) > 1
    and len(inside[0]) > 1
    and all(folders == inside[0] for folders in inside)
  )
  check(
    not hinted and not alike,
    f"{root} has the folders {', '.join(names[:10])}: are they parts of a set"
    f" or its classes? {', '.join((hinted or names)[:10])} hold folders of"
    f" their own ({', '.join(inside[0][:5]) if inside else ''}); {_HOW}",
  )
