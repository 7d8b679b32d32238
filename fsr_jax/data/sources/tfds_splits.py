"""Which splits and slices of a TFDS set are trained on, validated and tested.

Slices are TFDS's own: train[:80%], train[10:20], train+test.
"""

import collections
from collections.abc import Callable
import re

from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.parts import TEST, TRAIN, VAL
from fsr_jax.errors import InputError, check, reason

# What sets call them, the first that is there and has labels; many a `test`
# has none (-1).
_NAMES = {TEST: ("test",), VAL: ("validation", "val", "valid", "dev")}
_SLICES = "or a slice as TFDS has it: train[:80%], train[10:20], train+test"


def splits_of(
  builder, options: DataOptions, labelled: Callable[[str], bool]
) -> tuple[dict[str, str], list[str]]:
  """The splits of a set, as parts of a run.

  Of a test and a validation split both are used; where there is one of them it
  is tested; where there is none, no TEST is returned.

  Args:
    builder: of the set.
    options: their train_split, val_split and test_split count first; with a
      test_split nothing is validated but a val_split.
    labelled: split -> whether it has labels.

  Returns:
    ({TRAIN, perhaps VAL, perhaps TEST: split or slice}, what is said of it).

  Raises:
    InputError: no such split, one without examples or without labels; parts
      that share examples.
  """
  parts = {TRAIN: checked(builder, TRAIN, options.train_split or TRAIN)}
  there, notes = list(builder.info.splits), []
  for part, wanted in ((TEST, options.test_split), (VAL, options.val_split)):
    if wanted:
      parts[part] = checked(builder, part, wanted)
      check(
        labelled(wanted),
        f"{builder.name} has no split {wanted} with labels; it has:"
        f" {', '.join(there)}; data.{part}_split names one",
      )
  found: dict[str, str | None] = {}
  for part, names in _NAMES.items():
    # What is trained on, or named for another part, is not tested too.
    free = [
      name
      for name in names
      if name in there and not shared(builder, name, *parts.values())
    ]
    found[part] = next(filter(labelled, free), None)
    notes += [
      f"the split {name} of {builder.name} has no labels and is not used"
      for name in free
      if not options.test_split and not labelled(name)
    ]
  if TEST not in parts:
    test, val = found[TEST], found[VAL]
    if test is None and VAL not in parts:
      test, val = val, None
    parts |= {TEST: test} if test else {}
    parts = ({VAL: val} if val and test else {}) | parts
  check_apart(builder, parts)
  unused = [n for n in there if not shared(builder, n, *parts.values())]
  if TEST not in parts and unused:
    notes.append(
      f"{builder.name} has no split that is called as test parts are; it has"
      f" {', '.join(unused)} besides: data.test_split names one"
    )
  return parts, notes


def test_split_of(
  builder, options: DataOptions, labelled: Callable[[str], bool]
) -> str:
  """The split of another set that is tested.

  Args:
    builder, labelled: as for `splits_of`.
    options: their test_split counts first.

  Raises:
    InputError: none that has labels.
  """
  wanted = (*_NAMES[TEST], *_NAMES[VAL])
  if options.test_split:
    wanted = (checked(builder, TEST, options.test_split),)
  there = builder.info.splits
  for split in wanted:
    if (split in there or options.test_split) and labelled(split):
      return split
  raise InputError(
    f"{builder.name} has no split {' or '.join(wanted)} with labels; it has:"
    f" {', '.join(there)}; data.test_split names it, {_SLICES}"
  )


def checked(builder, part: str, split: str) -> str:
  """`split`, if it is one of the set and has examples.

  Args:
    builder: of the set.
    part: TRAIN, VAL or TEST, for messages.
    split: a name or a slice.

  Raises:
    InputError: lists the splits.
  """
  plain = re.fullmatch(r"[\w.-]+", split)
  try:
    count = sum(stop - start for _, start, stop in _ranges(builder, split))
  # TFDS raises many types for what it does not understand.
  except Exception as error:
    why = "" if plain else f" ({reason(error, 200)})"
    raise InputError(
      f"{builder.name} has no split {split}{why}; it has:"
      f" {', '.join(builder.info.splits)}; data.{part}_split names one,"
      f" {_SLICES}"
    ) from error
  check(
    count > 0,
    f"data.{part}_split={split} of {builder.name} has no examples",
  )
  return split


def check_apart(builder, parts: dict[str, str]) -> None:
  """Refuses parts that share examples.

  Args:
    builder: of the set.
    parts: {part: split or slice}.

  Raises:
    InputError: names two such parts, or one that has examples twice.
  """
  for part, split in parts.items():
    twice = shared(builder, split)
    check(
      not twice,
      f"data.{part}_split={split} of {builder.name} has {twice} examples twice",
    )
    for other, theirs in parts.items():
      both = 0 if other == part else shared(builder, split, theirs)
      check(
        not both,
        f"{builder.name}: the part to {part} on, {split}, and the part to"
        f" {other} on, {theirs}, share {both} examples; expected none:"
        f" data.{part}_split and data.{other}_split name parts, {_SLICES}",
      )


def shared(builder, *splits: str) -> int:
  """How many examples of splits are there once more."""
  ranges: dict[str, list[tuple[int, int]]] = collections.defaultdict(list)
  for split in splits:
    for file, start, stop in _ranges(builder, split):
      ranges[file].append((start, stop))
  count = 0
  for pieces in ranges.values():
    end = 0
    for start, stop in sorted(pieces):
      count += max(0, min(end, stop) - start)
      end = max(end, stop)
  return count


def _ranges(builder, split: str) -> list[tuple[str, int, int]]:
  """(file, first example, one after the last) of all that `split` reads."""
  return [
    (
      str(piece.filename),
      piece.skip,
      piece.examples_in_shard if piece.take < 0 else piece.skip + piece.take,
    )
    for piece in builder.info.splits[split].file_instructions
  ]
