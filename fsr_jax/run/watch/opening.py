"""What a run is, in the lines that it opens with, and how names are shown."""

from collections.abc import Iterable
import math

import numpy as np

from fsr_jax.config import Options
from fsr_jax.data.dataset import Data
from fsr_jax.data.options import DataOptions, crop_side

# Characters of a name at the terminal.
_LONGEST = 40
# Up to so many classes all are named, else so many at each end.
_FEW, _ENDS = 12, 3
# Test examples below which an accuracy is off by 10 points and more.
_TINY = 100


def number(value: float | None, digits: int = 3) -> str:
  """A number for people; "-" for None."""
  return "-" if value is None else f"{value:.{digits}f}"


def first(
  options: Options, data: Data, num_parameters: int, device: str
) -> str:
  """The line a run starts with."""
  labels = ""
  if data.train.clean_label is not None:
    wrong = np.mean(data.train.label != data.train.clean_label)
    labels = f", {wrong:.1%} of the labels wrong"
  network = options.train.network
  trained = options.train.on_features.network.network
  if network.frozen_backbone:
    trained += f" on features of {network.network}"
  return (
    f"{options.run.method}: {options.train.data.dataset}, {len(data.train):,}"
    f" training examples, {data.num_classes} classes{labels};"
    f" {trained}, {num_parameters:,} parameters; {device}"
  )


def settings(options: Options, data: Data) -> str:
  """The line after it: sizes that a config may have chosen by itself."""
  optimization = options.train.optimization
  reweighting = options.train.reweighting
  shape = data.input_shape(crop_side(options.train.data))
  parts = [
    f"inputs {' x '.join(map(str, shape))}",
    plural(optimization.num_epochs, "epoch"),
    f"batch {optimization.batch_size}",
  ]
  if reweighting.learned:
    if reweighting.draws_rewards:
      parts.append(f"rewards {reweighting.reward_batch_size}")
    else:
      parts.append(f"queue {reweighting.queue_size}")
    if reweighting.rewards == "dictionary":
      parts.append(f"dictionary {reweighting.dictionary_size}")
    if reweighting.rewards == "queue":
      share = reweighting.dictionary_share
      parts.append(f"dictionary the best {share:.0%} of each class")
    parts.append(f"warm-up {plural(reweighting.warmup_epochs, 'epoch')}")
  return ", ".join(parts)


def shown(name: str) -> str:
  """A name for the terminal: one line, no control characters, not too long, in
  quotes where it could be taken for several."""
  text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))
  if len(text) > _LONGEST:
    text = text[: _LONGEST - 3] + "..."
  return f'"{text}"' if set(text) & set(",;:") or text != text.strip() else text


def listed(names: Iterable[str], most: int = 5) -> str:
  """a, b, c and 7 more."""
  names = [shown(name) for name in names]
  more = f" and {len(names) - most:,} more" if len(names) > most else ""
  return ", ".join(names[:most]) + more


def classes(data: Data) -> str:
  """The line that tells how many examples each class has.

  The largest classes come first; of many only the ends are named.
  """
  splits = {"training": data.train}
  if data.val is not None:
    splits["validation"] = data.val
  if data.test is not None:
    splits["test"] = data.test
  counts = [
    np.bincount(split.label, minlength=data.num_classes)
    for split in splits.values()
  ]
  order = np.argsort(-counts[0], kind="stable").tolist()

  def describe(some):
    return [
      f"{shown(data.class_names[c])}: "
      + " + ".join(f"{count[c]:,}" for count in counts)
      for c in some
    ]

  if len(order) <= _FEW:
    parts = describe(order)
  else:
    between = f"{len(order) - 2 * _ENDS:,} more"
    parts = [*describe(order[:_ENDS]), between, *describe(order[-_ENDS:])]
  return f"classes, {' + '.join(splits)} examples: {', '.join(parts)}"


def test_part(options: DataOptions, data: Data) -> str:
  """The line that tells what is tested and where it comes from."""
  if data.test is None:
    return "test part: none, all examples are trained on (data.test_share=0)"
  if data.test_set_aside:
    source = (
      f"set aside from the training images (data.test_share="
      f"{options.test_share:g} of every class)"
    )
  elif options.test_from:
    source = f"from data.test_from={options.test_from}"
  else:
    name = f", data.test_split={options.test_split}"
    source = f"the data's own{name if options.test_split else ''}"
  text = f"test part: {len(data.test):,} examples, {source}"
  if data.val is not None:
    text += (
      f"; {len(data.val):,} others validate epochs, the test part is evaluated"
      " once, at the end"
    )
  return text


def test_notes(data: Data) -> list[str]:
  """What the test part cannot tell, one line each."""
  if data.test is None:
    return []
  lines, count = [], np.bincount(data.test.label, minlength=data.num_classes)
  missing = [data.class_names[c] for c in np.flatnonzero(count == 0)]
  if missing:
    lines.append(
      f"{len(missing):,} of {data.num_classes:,} classes have no test example,"
      f" so that nothing is known of how they are told: {listed(missing)}"
    )
  size = len(data.test)
  if size < _TINY:
    # Twice the largest standard error that a share of n can have.
    margin = min(100, 100 / math.sqrt(size))
    lines.append(
      f"the test part is tiny, {plural(size, 'image')} of"
      f" {plural(int((count > 0).sum()), 'class', 'classes')}: an accuracy"
      f" measured on it is uncertain by up to {margin:.0f} points of 100"
    )
  return lines


def plural(count: int, one: str, many: str | None = None) -> str:
  """1 image, 2 images."""
  return f"{count:,} {one if count == 1 else many or one + 's'}"
