"""What a person at the terminal sees."""

from collections.abc import Callable, Iterable
import math
import time

import numpy as np

from fsr_jax.config import Options
from fsr_jax.data.dataset import Data
from fsr_jax.data.options import DataOptions, crop_side
from fsr_jax.train.metrics import Metrics

# Seconds from which on a run is long.
_LONG = 3600
# Characters of a name at the terminal.
_LONGEST = 40
# Up to so many classes all are named, else so many at each end.
_FEW, _ENDS = 12, 3
# Test examples below which an accuracy is off by 10 points and more.
_TINY = 100


def say(line: str) -> None:
  """Prints a line at once."""
  print(line, flush=True)


def number(value: float | None, digits: int = 3) -> str:
  """A number for people; "-" for None."""
  return "-" if value is None else f"{value:.{digits}f}"


def duration(seconds: float) -> str:
  """12 s, 3 min 05 s, 2 h 07 min."""
  seconds = int(round(seconds))
  if seconds < 60:
    return f"{seconds} s"
  if seconds < 3600:
    return f"{seconds // 60} min {seconds % 60:02d} s"
  return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def averages(totals: Metrics) -> dict[str, float]:
  """Means over the steps or examples of Metrics of numpy scalars."""
  steps = max(float(totals.steps), 1.0)
  examples = max(float(totals.examples), 1.0)
  result = {
    "loss": float(totals.loss) / steps,
    "train_loss": float(totals.train_loss) / steps,
    "train_top1": float(totals.correct) / examples,
    "train_zero_weights": float(totals.zero_weights) / examples,
    "effective_batch": float(totals.effective_batch) / steps,
  }
  for name in ("lookahead_loss", "reward_loss"):  # NaN where there is none.
    value = float(getattr(totals, name)) / steps
    if math.isfinite(value):
      result[name] = value
  return result


class Progress:
  """One line at most every `every` seconds, and the time that is left."""

  def __init__(
    self,
    options: Options,
    steps_per_epoch: int,
    part: str | None = "test",
    say: Callable[[str], None] = say,
    faster: str = "",
  ):
    """Starts the clock.

    Args:
      options: Options.
      steps_per_epoch: steps.
      part: what is evaluated at the ends of epochs, "test" or "val"; None where
        nothing is.
      say: what lines are handed to.
      faster: what can be done where the first estimate is above an hour.
    """
    self._part, self._say, self._faster = part, say, faster
    reweighting = options.train.reweighting
    self._epochs = options.train.optimization.num_epochs
    self._per_epoch = steps_per_epoch
    # The step after which another program is compiled, if one is.
    self._switch = reweighting.warmup_epochs * steps_per_epoch
    self._every = options.run.log_every_seconds
    self._learned = reweighting.learned
    self._started = self._printed = time.monotonic()
    # (time, step) of the last line: the time left is judged by the stretch
    # since then, if nothing was compiled in it.
    self._mark: tuple[float, int] | None = None
    # The newest of each, shown until the next evaluation or refill.
    self._latest: dict = {}

  def due(self) -> bool:
    """Whether enough time has passed for another line."""
    return time.monotonic() - self._printed >= self._every

  def update(self, scalars: dict) -> None:
    """Remembers scalars of an epoch's end for the lines to come."""
    self._latest.update(scalars)

  def line(self, step: int, epoch: int, scalars: dict) -> None:
    """Prints steps, epoch, loss, accuracy, purity, effective batch, time left.

    Args:
      step: steps done of the whole run.
      epoch: the epoch of that step, from 0.
      scalars: from `averages`.
    """
    now = time.monotonic()
    total = self._epochs * self._per_epoch
    before, self._mark, self._printed = self._mark, (now, step), now
    parts = [
      f"epoch {epoch + 1:>{len(str(self._epochs))}}/{self._epochs}",
      f"step {step:>{len(str(total))}}/{total}",
      f"loss {scalars['loss']:.3f}",
      f"train {scalars['train_top1']:.3f}",
    ]
    if self._part:
      top1 = number(self._latest.get(f"{self._part}_top1"))
      ema = number(self._latest.get(f"{self._part}_top1_ema"))
      parts.append(f"{self._part} {top1} (ema {ema})")
    if self._learned:
      purity = self._latest.get("dictionary_purity")
      if purity is not None:  # The clean labels are known.
        parts.append(f"purity {purity:.3f}")
      parts.append(f"effective batch {scalars['effective_batch']:.2f}")
    parts.append(duration(now - self._started))
    if before is None:
      before = (now, step)
    compiled = before[1] <= self._switch < step
    if not compiled and before[1] < step < total:
      left = (now - before[0]) / (step - before[1]) * (total - step)
      parts.append(f"{duration(left)} left")
      if self._faster and left > _LONG:
        parts[-1] += f"\nnote: that is long: {self._faster}"
      self._faster = ""
    self._say("  ".join(parts))


def opening(
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
