"""Which part of a set each of its splits is, by the names people give them."""

from collections.abc import Collection, Sequence
import re

import numpy as np

from fsr_jax.data.options import DataOptions
from fsr_jax.errors import check

TRAIN, VAL, TEST, OTHER = "train", "val", "test", "other"
_PART_OF = {
  **dict.fromkeys(("train", "training", "trn"), TRAIN),
  **dict.fromkeys(("val", "valid", "validate", "validation"), VAL),
  **dict.fromkeys(("dev", "development", "eval", "evaluation"), VAL),
  **dict.fromkeys(("test", "testing", "tst", "holdout"), TEST),
}
# Words beside them that say nothing, also grown together: trainset.
_FILLERS = (
  *("data", "dataset", "datasets", "set", "sets", "split", "part", "subset"),
  *("image", "images", "img", "imgs", "pic", "pics", "picture", "pictures"),
  *("photo", "photos", "file", "files", "folder", "dir", "the", "for"),
  *("sample", "samples", "example", "examples"),
)


def _words(name: str) -> set[str]:
  """Words of a name that say something, in lower case, without digits."""
  spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
  words = {_core(word) for word in re.findall(r"[^\W\d_]+", spaced)}
  return words - set(_FILLERS)


def _core(word: str) -> str:
  """trainset, testdataset -> train, test."""
  for filler in _FILLERS:
    if word.endswith(filler) and word != filler:
      return _core(word.removesuffix(filler))
  return word


def roles(names: Collection[str]) -> dict[str, str]:
  """TRAIN, VAL, TEST or OTHER for each name.

  Capitals, digits and what all names have in common do not matter: seg_train
  beside seg_test, Training Set beside test-data, train2017 beside val2017.

  Args:
    names: of folders, splits, values of a column.
  """
  words = {name: _words(name) for name in names}
  common = set.intersection(*words.values()) if len(words) > 1 else set()
  common -= _PART_OF.keys()
  found = {}
  for name, said in words.items():
    meant = {_PART_OF.get(word, OTHER) for word in said - common}
    found[name] = meant.pop() if len(meant) == 1 else OTHER
  return found


def hints_at_a_part(name: str) -> bool:
  """Whether a word of the name is one that parts are called by."""
  return not _PART_OF.keys().isdisjoint(_words(name))


def is_word(name: str) -> bool:
  """Whether the name is such a word alone, which a class may be called too."""
  return name.lower() in _PART_OF


def assign(
  where: object, names: Sequence[str], options: DataOptions
) -> dict[str, str]:
  """Which part each split is.

  Of three, one is validated and one is tested. Of two, the other one is tested,
  whatever it is called. What `options` name comes first; with a `test_split`
  nothing is validated but a `val_split`.

  Args:
    where: the splits are in, for messages.
    names: of all splits that are there.
    options: their train_split, val_split and test_split.

  Returns:
    {name: TRAIN, VAL, TEST or OTHER}, each of the first three at most once.

  Raises:
    InputError: no such split, one for two parts, several for one.
  """
  wanted = {
    TRAIN: options.train_split,
    VAL: options.val_split,
    TEST: options.test_split,
  }
  for part, name in wanted.items():
    check(
      name is None or name in names,
      f"data.{part}_split={name}: there is no such part in {where}; it has:"
      f" {', '.join(names)}",
    )
  given = [name for name in wanted.values() if name]
  check(
    len(set(given)) == len(given),
    f"{where}: data.train_split, data.val_split and data.test_split name one"
    f" part twice: {', '.join(given)}",
  )
  role = roles(names)
  by_role = {
    part: [n for n in names if role[n] == part and n not in given]
    for part in wanted
  }
  if options.test_split:
    by_role[VAL] = []
  elif not by_role[TEST] and not options.val_split:
    by_role[TEST], by_role[VAL] = by_role[VAL], []
  part_of = dict.fromkeys(names, OTHER)
  for part, name in wanted.items():
    several = [name] if name else by_role[part]
    check(
      len(several) <= 1,
      f"{where} has several parts to {part}: {', '.join(several)}; choose one"
      f" by data.{part}_split",
    )
    part_of |= dict.fromkeys(several, part)
  return part_of


def parts_of(
  where: object, splits: Sequence[str], options: DataOptions
) -> np.ndarray:
  """Part of each example of a list that names them.

  Args:
    where: the list, for messages.
    splits: of each example, [N].
    options: as for `assign`.

  Returns:
    str [N], TRAIN, VAL, TEST or OTHER.

  Raises:
    InputError: as `assign`; a name that means none of the three, unless
      `options` say which count.
  """
  names = sorted(set(splits))
  part_of = assign(where, names, options)
  unknown = [name for name, role in roles(names).items() if role == OTHER]
  check(
    not unknown or bool(options.train_split or options.test_split),
    f"{where}: split {', '.join(map(repr, unknown))}; expected train, val or"
    " test; data.train_split and data.test_split name others",
  )
  return np.array([part_of[name] for name in splits])
