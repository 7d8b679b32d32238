"""What a training run shows of its progress: epoch by epoch, on one line."""

import math

from fsr_jax.config import Options
from fsr_jax.run.watch.progress import Progress, speed
from fsr_jax.run.watch.screen import Screen, say
from fsr_jax.run.watch.time_left import Work
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.programs import Programs

# Seconds from which on a run is long.
_LONG = 3600
# Seconds that nobody has to be told of.
_MOMENT = 1.0
# Kinds of work besides the steps.
_EVALUATION, _REFRESH, _SAVING = "evaluation", "refresh", "saving"
# What an example costs in units of a forward pass: to be trained on, and to be
# evaluated with the parameters and with their average.
_TRAINED, _EVALUATED = 3, 2


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


def evaluated(options: Options, parts: list[str], epoch: int) -> list[str]:
  """The parts that are evaluated after an epoch.

  Args:
    options: Options.
    parts: all of them, those that are evaluated during the run first.
    epoch: int, from 0.
  """
  last = epoch + 1 == options.train.optimization.num_epochs
  if last or (epoch + 1) % options.run.eval_every_epochs == 0:
    return parts if last else parts[:1]
  return []


def saved(options: Options, epoch: int) -> bool:
  """Whether the state is saved after an epoch, from 0."""
  last = epoch + 1 == options.train.optimization.num_epochs
  return last or (epoch + 1) % options.run.checkpoint_every_epochs == 0


class Epochs:
  """The progress of a run; it is told what was done as soon as it is."""

  def __init__(
    self,
    options: Options,
    programs: Programs,
    step: int,
    say: Screen = say,
    faster: str = "",
  ):
    """Starts the clock.

    Args:
      options: Options.
      programs: of the run.
      step: that the run is at.
      say: Screen.
      faster: what can be done where the first estimate is above an hour.
    """
    self._options, self._programs = options, programs
    self._say, self._faster = say, faster
    self._num_epochs = options.train.optimization.num_epochs
    self._batch = options.train.optimization.batch_size
    self._total = self._num_epochs * programs.steps_per_epoch
    self._unit = (
      "images" if len(programs.data.train.image.shape) > 2 else "examples"
    )
    # Compiled programs seen, (whether they draw rewards, steps of a call).
    self._seen: set[tuple[bool, int]] = set()
    # Steps handed to the device whose results were not awaited, and whether
    # their program was compiled for them: the first run of one is slower.
    self._flying, self._new = 0, False
    # How long compiling took, for the next line that stays.
    self._took = ""
    # Kinds of work done so far, and what those of the present epoch took.
    self._known: set[str] = set()
    self._seconds: dict[str, float] = {}
    # Steps of the present epoch that were measured, and their seconds.
    self._measured = 0, 0.0
    # What the newest evaluation took, seconds.
    self._evaluation = _MOMENT
    # How much is done and how that is called, for what is done besides.
    self._at = step / self._total, self._head(step // programs.steps_per_epoch)
    # The newest of each, shown until the next evaluation or refill.
    self._latest: dict = {}
    self._progress = Progress(
      self._works(step), options.run.log_every_seconds, say
    )

  def _works(self, step: int) -> dict[str, Work]:
    """What is to be done after a step of the run."""
    per_epoch = self._programs.steps_per_epoch
    first, sizes = step // per_epoch, self._sizes()
    epochs = range(first, self._num_epochs)
    left = dict.fromkeys((False, True), 0)
    for epoch in epochs:
      left[self._programs.rewarded(epoch)] += per_epoch
    present = self._programs.rewarded(min(first, self._num_epochs - 1))
    left[present] -= step - first * per_epoch
    kind = _steps(present)
    reward_batch = self._options.train.reweighting.reward_batch_size
    dearer = 1 + reward_batch / (_TRAINED * self._batch)
    examples = sum(
      sizes[part]
      for epoch in epochs
      for part in evaluated(self._options, list(sizes), epoch)
    )
    return {
      kind: Work(left[present]),
      _steps(not present): Work(left[not present], (kind, dearer), 1.0),
      _EVALUATION: Work(
        examples, (kind, _EVALUATED / (_TRAINED * self._batch)), 0.3
      ),
      _REFRESH: Work(len(epochs), (kind, 0.0)),
      _SAVING: Work(sum(saved(self._options, e) for e in epochs), (kind, 0.0)),
    }

  def _sizes(self) -> dict[str, int]:
    """Part that is evaluated -> number of its examples."""
    parts = self._programs.parts
    return {name: len(split) for name, split in parts.items()}

  def begin(self, epoch: int) -> None:
    """An epoch begins; a program that is new is compiled by its first call."""
    rewarded = self._programs.rewarded(epoch)
    self._seconds, self._measured = {}, (0, 0.0)
    known = {drew for drew, _ in self._seen}
    if rewarded not in known:
      more = ", now with a reward batch" if known else ""
      self._say.wait("compiling", f"the training step{more}")

  def called(self, epoch: int, steps: int) -> None:
    """A compiled call of so many steps was handed to the device.

    Then those of the call before it are done.
    """
    program = self._programs.rewarded(epoch), steps
    before, self._new = self._new, program not in self._seen
    self._seen.add(program)
    self._took = self._say.waited() or self._took
    self._landed(epoch, self._new or before)
    self._flying = steps

  def trained(self, epoch: int) -> None:
    """All steps that were handed to the device are done."""
    self._landed(epoch, self._new)
    self._flying, self._new = 0, False

  def _landed(self, epoch: int, compiled: bool) -> None:
    """The steps that were handed to the device are done."""
    kind = _steps(self._programs.rewarded(epoch))
    taken = self._progress.did(kind, self._flying, compiled)
    if not compiled:
      steps, seconds = self._measured
      self._measured = steps + self._flying, seconds + taken

  def refreshed(self) -> None:
    """The end of an epoch is done, and what its tables say is measured."""
    self._did(_REFRESH, 1)

  def evaluating(self, parts: list[str]) -> None:
    """These parts are being evaluated; if that takes a moment, it is shown."""
    if self._evaluation >= _MOMENT:
      what = f"evaluating the {' and the '.join(parts)} part"
      self._progress.doing(*self._at, what)

  def evaluated(self, parts: list[str]) -> None:
    """These parts were evaluated."""
    self._did(_EVALUATION, sum(self._sizes()[part] for part in parts))
    self._evaluation = self._seconds[_EVALUATION]

  def saved(self) -> None:
    """The state was saved."""
    self._did(_SAVING, 1)

  def _did(self, kind: str, count: int) -> None:
    """Counts pieces; the first ones compile."""
    compiled = kind not in self._known
    self._known.add(kind)
    self._seconds[kind] = self._progress.did(kind, count, compiled)

  def speed(self) -> dict[str, float | None]:
    """Scalars of the present epoch: how fast it was."""
    steps, seconds = self._measured
    return {
      "examples_per_second": steps * self._batch / seconds if steps else None,
      "refresh_seconds": self._seconds.get(_REFRESH),
      "evaluation_seconds": self._seconds.get(_EVALUATION),
    }

  def due(self) -> bool:
    """Whether enough time has passed for a line."""
    return self._progress.due()

  def update(self, scalars: dict) -> None:
    """Remembers scalars of an epoch's end for the lines to come."""
    self._latest.update(scalars)

  def line(self, step: int, epoch: int, scalars: dict) -> None:
    """Shows epoch, loss, accuracy, speed, time left; more where lines stay.

    Args:
      step: steps done of the whole run.
      epoch: the epoch of that step, from 0.
      scalars: from `averages`.
    """
    total = self._total
    before, loss = self._head(epoch), scalars["loss"]
    self._at = step / total, before
    stays = not self._progress.in_place
    parts = [
      f"loss {loss:.3f}" if stays else f"loss {loss:#.3g}",
      f"train {scalars['train_top1']:.3f}",
    ]
    if stays:
      before += f"  step {step:>{len(str(total))}}/{total}"
    parts += self._of_tables(scalars, stays)
    steps = self._progress.per_second(_steps(self._programs.rewarded(epoch)))
    parts += speed(steps and steps * self._batch, self._unit)
    if stays and self._took:
      parts.append(self._took)
      self._took = ""
    self._progress.show(step / total, before, parts)
    left = self._progress.left()
    if left is not None and step < total:
      if self._faster and left > _LONG:
        self._say(f"note: that is long: {self._faster}")
      self._faster = ""

  def _head(self, epoch: int) -> str:
    """ "epoch  3/30" of an epoch from 0."""
    total = self._num_epochs
    return f"epoch {min(epoch + 1, total):>{len(str(total))}}/{total}"

  def _of_tables(self, scalars: dict, stays: bool) -> list[str]:
    """What was evaluated and measured at the newest end of an epoch."""
    parts, latest = [], self._latest
    part = next(iter(self._programs.parts), None)
    top1 = latest.get(f"{part}_top1")
    if top1 is not None:
      ema = f" (ema {latest[f'{part}_top1_ema']:.3f})" if stays else ""
      parts.append(f"{part} {top1:.3f}{ema}")
    if stays and self._options.train.reweighting.learned:
      purity = latest.get("dictionary_purity")
      if purity is not None:  # The clean labels are known.
        parts.append(f"purity {purity:.3f}")
      parts.append(f"effective batch {scalars['effective_batch']:.2f}")
    return parts

  def close(self) -> None:
    """Ends the line in place."""
    self._progress.close()


def _steps(rewarded: bool) -> str:
  """The kind of work that steps are."""
  return "steps with rewards" if rewarded else "steps"
