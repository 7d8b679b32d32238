"""Compiled functions of a run: stretches of steps, refill, evaluation."""

from collections.abc import Callable
import functools
import itertools
from typing import NamedTuple

import jax
import numpy as np

from fsr_jax.data import order
from fsr_jax.data.dataset import Data
from fsr_jax.data.images.reader import Reader
from fsr_jax.errors import InputError
from fsr_jax.maths import transition
from fsr_jax.step import feeder
from fsr_jax.step import state as states
from fsr_jax.step.batch import Feed
from fsr_jax.step.evaluate import evaluate_step
from fsr_jax.step.metrics import Metrics
from fsr_jax.step.parallel import Devices
from fsr_jax.step.state import Resident, TrainState
from fsr_jax.step.train import Context, context, train_step

# Steps a compiled call on accelerators. On CPU one: XLA's convolutions are
# about 25 times slower there inside any control flow.
_ACCELERATOR_STEPS = 100


class ReadError(InputError):
  """A training image could not be read in the middle of an epoch.

  Attributes:
    state: TrainState in place, after the steps before it.
    totals: Metrics in place of those steps.
  """

  def __init__(self, message: str, state: TrainState, totals: Metrics):
    super().__init__(message)
    self.state, self.totals = state, totals


def train_steps(
  state: TrainState,
  totals: Metrics,
  data: Resident,
  index: jax.Array,
  feed: Feed | None = None,
  *,
  ctx: Context,
  active: bool,
) -> tuple[TrainState, Metrics]:
  """Several training steps as one `lax.scan`.

  Args:
    state: TrainState.
    totals: Metrics of the epoch so far.
    data: Resident.
    index: int32 [S, B], one batch a row.
    feed: Feed of the one step (S = 1) where `data` has no images.
    ctx, active: as for `train_step`.

  Returns:
    (TrainState, totals with those of the S steps).
  """

  def one(carry, batch_index):
    state, totals = carry
    state, metrics = train_step(
      state, data, batch_index, feed, ctx=ctx, active=active
    )
    return (state, totals.merge(metrics)), None

  if index.shape[0] == 1:  # No control flow: see _ACCELERATOR_STEPS.
    return one((state, totals), index[0])[0]
  return jax.lax.scan(one, (state, totals), index)[0]


class _Programs(NamedTuple):
  """The compiled functions of one run; see `_programs`."""

  create: Callable
  steps: dict[bool, Callable]  # By `active`.
  refill: Callable
  estimate_transition: Callable
  evaluate: Callable


@functools.lru_cache(maxsize=8)
def _programs(
  config, num_classes: int, steps_per_epoch: int, devices: Devices
) -> _Programs:
  """What a run, its continuation and its evaluation in one process share."""
  ctx = context(config, num_classes, steps_per_epoch, devices.axis_name)
  refill, estimate_transition = (
    devices.compile(function, donate_first=True, config=config)
    for function in (states.refill, states.estimate_transition)
  )
  return _Programs(
    jax.jit(functools.partial(states.create, config, ctx.network, ctx.tx)),
    {
      active: devices.compile(
        train_steps, donate_first=True, ctx=ctx, active=active
      )
      for active in (False, True)
    },
    refill,
    estimate_transition,
    devices.compile(evaluate_step, ctx=ctx),
  )


class Engine:
  """What runs one config on one data set and set of devices.

  Attributes:
    config: resolved and frozen.
    data: Data.
    devices: Devices.
    steps_per_epoch: N // B.
  """

  def __init__(self, config, data: Data, devices: Devices):
    """Puts the data on the devices, if they fit; compiles nothing."""
    self.config, self.data, self.devices = config, data, devices
    self.steps_per_epoch = len(data.train) // config.batch_size
    self._programs = _programs(
      config, data.num_classes, self.steps_per_epoch, devices
    )
    self._host_train, test = feeder.residents(data, config)
    self._train, self._test = devices.put(self._host_train), devices.put(test)
    self._feeder = None
    if self._host_train.image is None:
      self._feeder = feeder.Feeder(
        config, data.train, data.num_classes, devices
      )

  def learning_rate(self, step: int) -> jax.Array:
    """Learning rate of a step, counted from 0 over the whole run."""
    return states.learning_rate(self.config, self.steps_per_epoch)(step)

  @property
  def steps_per_call(self) -> int:
    """Training steps of one compiled call."""
    if self._feeder is not None:
      return 1
    default = 1 if self.devices.platform == "cpu" else _ACCELERATOR_STEPS
    return self.config.steps_per_call or default

  def create_state(self) -> TrainState:
    """The state before the first step, as numpy arrays."""
    data, config = self.data, self.config
    known = None
    if config.loss == "forward_correction" and config.transition == "known":
      known = transition.known(
        data.train.clean_label, data.train.label, data.num_classes
      )
    with jax.default_device(self.devices.devices[0]):
      state = self._programs.create(self._host_train, known)
      return jax.tree.map(np.asarray, state)

  def train_epoch(
    self,
    state,
    epoch: int,
    first_step: int = 0,
    on_progress: Callable[[int, Metrics], bool] = lambda done, totals: False,
  ):
    """The steps of one epoch and, at its end, the refill.

    Args:
      state: TrainState in place; donated.
      epoch: int.
      first_step: steps of this epoch already done.
      on_progress: called after each compiled call with (steps of this epoch
        done, Metrics in place of the steps of this epoch); True stops the
        epoch there, before its end.

    Returns:
      (TrainState in place, Metrics in place, whether the epoch was finished).

    Raises:
      ReadError: a training image could not be read; holds the state.
    """
    config = self.config
    batches = np.asarray(
      order.epoch_order(
        np.uint32(config.seed), epoch, len(self.data.train), config.batch_size
      )
    )
    # Without either there is one phase, so one program to compile.
    learning = config.weighting != "uniform" or config.pseudo_loss_weight > 0
    active = learning and epoch >= config.warmup_epochs
    totals = self.devices.put(Metrics.zero())
    done = first_step
    feeds = itertools.repeat(None)
    if self._feeder is not None:
      first = epoch * self.steps_per_epoch + done
      feeds = self._feeder.feeds(state, first, batches[done:], active)
    while done < self.steps_per_epoch:
      chunk = batches[done : done + self.steps_per_call]
      try:
        feed = next(feeds)
      except InputError as error:
        raise ReadError(str(error), state, totals) from error
      # One call runs while the next is prepared, and no more: else a whole
      # epoch would be queued at once, deaf to progress and signals.
      before = totals
      state, totals = self._programs.steps[active](
        state, totals, self._train, self.devices.put(chunk), feed
      )
      done += len(chunk)
      jax.block_until_ready(before)
      # A stop at the last step would lose the refill: it waits until then.
      if on_progress(done, totals) and done < self.steps_per_epoch:
        return state, totals, False
    return self._end_epoch(state, epoch), totals, True

  def _end_epoch(self, state, epoch: int):
    """What is learned from the tables before the next epoch begins."""
    config = self.config
    if states.keeps_dictionary(config):
      next_epoch = self.devices.put(np.int32(epoch + 1))
      state = self._programs.refill(state, self._train, next_epoch)
    if states.estimates_transition(config) and (
      epoch + 1 == config.warmup_epochs
    ):
      state = self._programs.estimate_transition(state, self._train)
    return state

  def _test_images(self, batches: np.ndarray):
    """Yields uint8 test images of each row of `batches`, shared out."""
    with Reader(self.data.test.image) as reader:
      for image, _ in reader.ahead(batches):
        yield self.devices.split(image)

  def evaluate(self, state) -> dict[str, float]:
    """Accuracy on the test split, with the weights and with their average.

    Args:
      state: TrainState in place.

    Returns:
      test_loss (nats), test_top1, test_top5 (fractions 0-1), and the same
      with `_ema`.
    """
    total, count = len(self.data.test), len(self.devices)
    size = min(self.config.eval_batch_size, total)
    size = -(-size // count) * count  # Rounded up.
    batches = np.arange(-(-total // size) * size).reshape(-1, size)
    images = itertools.repeat(None)
    if self._test.image is None:
      images = self._test_images(batches % total)
    sums = []
    for index, image in zip(batches, images):
      mask = (index < total).astype(np.float32)
      where = self.devices.put((index % total, mask))
      sums.append(self._programs.evaluate(state, self._test, *where, image))
    # Converted after the loop, so that the device is never waited for.
    sums = [self.devices.get(counts) for counts in sums]
    sums = jax.tree.map(lambda *x: float(np.sum(x, dtype=np.float64)), *sums)
    result = {}
    for name, counts in (("", sums["raw"]), ("_ema", sums["ema"])):
      if counts.examples != total:
        raise AssertionError(
          f"evaluated {counts.examples} of {total} test examples"
        )
      result[f"test_loss{name}"] = counts.loss / total
      result[f"test_top1{name}"] = counts.top1 / total
      result[f"test_top5{name}"] = counts.top5 / total
    return result
