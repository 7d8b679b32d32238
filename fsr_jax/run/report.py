"""What a person at the terminal sees."""

import math
import time

import numpy as np

from fsr_jax.config import Options
from fsr_jax.data.dataset import Data
from fsr_jax.train.metrics import Metrics


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

  def __init__(self, options: Options, steps_per_epoch: int):
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
    test = number(self._latest.get("test_top1"))
    ema = number(self._latest.get("test_top1_ema"))
    parts = [
      f"epoch {epoch + 1:>{len(str(self._epochs))}}/{self._epochs}",
      f"step {step:>{len(str(total))}}/{total}",
      f"loss {scalars['loss']:.3f}",
      f"train {scalars['train_top1']:.3f}",
      f"test {test} (ema {ema})",
    ]
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
      rate = (now - before[0]) / (step - before[1])
      parts.append(f"{duration(rate * (total - step))} left")
    print("  ".join(parts), flush=True)


def opening(
  options: Options, data: Data, num_parameters: int, device: str
) -> str:
  """The line a run starts with."""
  labels = ""
  if data.train.clean_label is not None:
    wrong = np.mean(data.train.label != data.train.clean_label)
    labels = f", {wrong:.1%} of the labels wrong"
  return (
    f"{options.run.method}: {options.train.data.dataset}, {len(data.train):,}"
    f" training examples, {data.num_classes} classes{labels};"
    f" {options.train.network.network}, {num_parameters:,} parameters; {device}"
  )


def settings(options: Options, data: Data) -> str:
  """The line after it: sizes that a config may have chosen by itself."""
  optimization = options.train.optimization
  reweighting = options.train.reweighting
  shape = " x ".join(str(n) for n in data.test.image.shape[1:])
  parts = [
    f"inputs {shape}",
    f"{len(data.test):,} test examples",
    f"{optimization.num_epochs} epochs",
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
    parts.append(f"warm-up {reweighting.warmup_epochs} epochs")
  return ", ".join(parts)


_TABLE = (
  ("test accuracy, last step", "test_top1"),
  ("test accuracy, EMA weights", "test_top1_ema"),
  ("test top-5 accuracy", "test_top5"),
  ("dictionary purity", "dictionary_purity"),
  ("dictionary coverage, whole run", "dictionary_coverage"),
  ("difficulty of the dictionary", "dictionary_difficulty"),
  ("difficulty of all samples", "difficulty"),
  ("share of the weight on wrong labels", "wrong_weight_share"),
  ("mean weight of right labels (plain: 1)", "weight_clean"),
  ("mean weight of wrong labels (plain: 1)", "weight_wrong"),
  ("batches without any weight", "zero_batches"),
)


def table(summary: dict) -> str:
  """The short table at the end, without what is unknown."""
  width = max(len(words) for words, _ in _TABLE)
  rows = []
  for words, key in _TABLE:
    value = summary.get(key)
    if value is not None:
      text = str(value) if isinstance(value, int) else number(value, 4)
      rows.append(f"  {words:<{width}}  {text:>7}")
  return "\n".join(rows)
