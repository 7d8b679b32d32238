"""What lies in a tree of folders: pictures, and files that are none."""

import collections
from collections.abc import Collection
import os
import pathlib
from typing import NamedTuple

from fsr_jax.data.images.formats import suffixes
from fsr_jax.errors import InputError, check

# What systems and programs leave in folders, beside what begins with a dot.
_LITTER = frozenset(
  ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir")
)
_HEIC = (".heic", ".heif")


class Tree(NamedTuple):
  """The files below a folder; hidden ones are as if they were not there.

  Attributes:
    images: path of each picture in a class folder, sorted, links followed.
    left_out: {class: {suffix: files that are no pictures}}.
    empty: class folders without any file.
    beside: path of each picture that lies in no class folder.
  """

  images: list[pathlib.Path]
  left_out: dict[str, collections.Counter[str]]
  empty: list[str]
  beside: list[pathlib.Path]

  def notes(self, base: pathlib.Path) -> list[str]:
    """What is left out, a sentence each.

    Args:
      base: the folder.
    """
    lines = []
    total = sum(self.left_out.values(), collections.Counter[str]())
    if total:
      lines.append(
        f"{total.total()} files of {base} are left out, whose suffix is none"
        f" of a picture: {_counted(total)}{_advice(total)}"
      )
    if self.empty:
      lines.append(
        f"{len(self.empty)} folders of {base} are empty and no classes:"
        f" {', '.join(self.empty[:10])}{', ...' * (len(self.empty) > 10)}"
      )
    if self.beside:
      lines.append(
        f"{len(self.beside)} pictures of {base} lie in no class folder and are"
        f" left out, e.g. {self.beside[0].name}"
      )
    return lines

  def check_classes(
    self, base: pathlib.Path, names: Collection[str] | None = None
  ) -> None:
    """Refuses to lose a class whose files are all left out.

    Args:
      base: the folder.
      names: of the classes that matter; None for all.

    Raises:
      InputError: names such a class.
    """
    kept = {path.relative_to(base).parts[0] for path in self.images}
    lost = [
      name
      for name, count in self.left_out.items()
      if count and name not in kept and (names is None or name in names)
    ]
    count = self.left_out[lost[0]] if lost else collections.Counter[str]()
    check(
      not lost,
      f"{base} has {len(lost)} folders of files without any picture, e.g."
      f" {lost[0] if lost else ''}/ ({_counted(count)}); convert them, or move"
      f" the folder away if it is no class{_advice(count)}",
    )


def visible(name: str) -> bool:
  """Whether a file or folder is the user's own."""
  return not name.startswith(".") and name.lower() not in _LITTER


def is_image(name: str) -> bool:
  """Whether a file is called as pictures are."""
  return visible(name) and os.path.splitext(name)[1].lower() in suffixes()


def folders_of(folder: pathlib.Path) -> list[str]:
  """Names of the visible folders in `folder`, sorted.

  Raises:
    InputError: `folder` cannot be read.
  """
  try:
    with os.scandir(folder) as entries:
      return sorted(e.name for e in entries if e.is_dir() and visible(e.name))
  except OSError as error:
    raise _unreadable(folder, error) from error


def has_images(folder: pathlib.Path) -> bool:
  """Whether pictures lie in `folder` itself.

  Raises:
    InputError: it cannot be read.
  """
  try:
    with os.scandir(folder) as entries:
      return any(is_image(e.name) and not e.is_dir() for e in entries)
  except OSError as error:
    raise _unreadable(folder, error) from error


def tree_of(base: pathlib.Path, without: frozenset[str] = frozenset()) -> Tree:
  """Looks at every file below `base`; opens none.

  Args:
    base: a folder with a folder for each class.
    without: names of folders in it that are no classes.

  Raises:
    InputError: a folder cannot be read.
  """
  images: list[pathlib.Path] = []
  beside: list[pathlib.Path] = []
  left_out: dict[str, collections.Counter[str]] = {}
  empty: dict[str, bool] = {}
  above: dict[str, frozenset[tuple[int, int]]] = {}

  def fail(error):
    raise _unreadable(error.filename, error)

  for where, folders, files in os.walk(base, onerror=fail, followlinks=True):
    status = os.stat(where)
    here = (status.st_dev, status.st_ino)
    # Folders from the base down to this one; two links to one folder are two.
    line = above.get(os.path.dirname(where), frozenset())
    if here in line:  # A loop of links.
      folders.clear()
      continue
    above[where] = line | {here}
    folders[:] = sorted(f for f in folders if visible(f))
    pictures = [pathlib.Path(where, f) for f in sorted(files) if is_image(f)]
    if pathlib.Path(where) == base:
      folders[:] = [f for f in folders if f not in without]
      beside = pictures
      empty = dict.fromkeys(folders, True)
      left_out = {name: collections.Counter() for name in folders}
      continue
    name = pathlib.Path(where).relative_to(base).parts[0]
    images += pictures
    others = [f for f in files if visible(f) and not is_image(f)]
    left_out[name].update(os.path.splitext(f)[1].lower() for f in others)
    empty[name] &= not (pictures or others)
  nothing = [name for name, none in empty.items() if none]
  return Tree(images, left_out, nothing, beside)


def _counted(count: collections.Counter[str]) -> str:
  """{".txt": 3} -> "3 .txt", the commonest first."""
  parts = [f"{n} {suffix or 'no suffix'}" for suffix, n in count.most_common(8)]
  return ", ".join(parts) + ", ..." * (len(count) > 8)


def _advice(count: collections.Counter[str]) -> str:
  """What would read them, if anything does."""
  heic = any(suffix in count for suffix in _HEIC)
  return " (pip install pillow-heif reads .heic)" if heic else ""


def _unreadable(folder: object, error: OSError) -> InputError:
  return InputError(f"cannot read folder {folder} ({error.strerror})")
