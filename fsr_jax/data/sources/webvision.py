"""WebVision 1.0 as its authors distribute it: lists beside image folders."""

import pathlib

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import Files, encoded
from fsr_jax.data.labels.classes import Vocabulary, by_number, lookup
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.listing import existing
from fsr_jax.errors import InputError, check
from fsr_jax.files import read_file

# Resized and original validation images; both archives name their folder.
_VALIDATION = ("val_images_256", "val_images")


def webvision(options: DataOptions) -> Data:
  """WebVision 1.0; its archives unpacked into one folder.

  info/synsets.txt has a line a class, `n01440764 tench, ...`; the lists
  info/train_filelist_{google,flickr,all}.txt lines `google/q0001/NAME.jpg 0`,
  path and class from 0; info/val_filelist.txt lines `val000001.jpg 0`, of
  val_images_256/ or val_images/.

  Args:
    options: their `path` is that folder, `train_split` the list
      (None = google, of which the first 50 classes are what the literature
      trains on: 65,944 images).

  Returns:
    Data; class names are WordNet's, as ImageNet's; an image's id is its path
    in the list.

  Raises:
    InputError: a list or folder is missing, a line of a list is odd.

  Source: Li et al., WebVision database, 2017, and its README; the subset:
  Jiang et al., MentorNet, ICML 2018.
  """
  root = existing(options.path, "folder of WebVision")
  synsets = _lines(root / "info" / "synsets.txt")
  names = tuple(line.split()[0] for line in synsets)
  part = options.train_split or "google"
  folders = [root / name for name in _VALIDATION if (root / name).is_dir()]
  check(
    bool(folders),
    f"data.path={root} has no folder {' or '.join(_VALIDATION)}",
  )
  train, test = (
    _split(options, root / "info" / file, images, by_number(names), training)
    for file, images, training in (
      (f"train_filelist_{part}.txt", root, True),
      ("val_filelist.txt", folders[0], False),
    )
  )
  return Data(train, test, names, class_numbers=tuple(range(len(names))))


def _split(
  options: DataOptions,
  file: pathlib.Path,
  images: pathlib.Path,
  vocabulary: Vocabulary,
  training: bool,
) -> Split:
  """The images of a list; opens none."""
  lines = _lines(file)
  rows = [line.rsplit(maxsplit=1) for line in lines]
  words = [row[1] if len(row) == 2 else "" for row in rows]
  label = lookup(words, vocabulary)
  odd = np.flatnonzero(label < 0)
  first = odd[0] if odd.size else 0
  check(
    not odd.size,
    f"{file}, line {first + 1}: {lines[first]!r}; expected a path and a class"
    f" in {vocabulary.words}",
  )
  path = [row[0] for row in rows]
  check(
    (images / path[0]).exists(),
    f"{file} names {images / path[0]}, which does not exist",
  )
  files = Files([str(images / name) for name in path])
  return Split(
    encoded(files, options, training),
    label,
    id=np.array(path),
  )


def _lines(file: pathlib.Path) -> list[str]:
  try:
    lines = read_file(file).decode("utf-8").splitlines()
  except (InputError, UnicodeDecodeError) as error:
    raise InputError(
      f"cannot read {file} ({error}); expected WebVision's info.tar unpacked"
      " beside its images"
    ) from error
  lines = [line for line in lines if line.strip()]
  check(bool(lines), f"{file} is empty")
  return lines
