"""Compiled functions of a run: stretches of steps, refill, evaluation."""

from collections.abc import Callable
import functools

import jax
import numpy as np

from fsr_jax.data import order
from fsr_jax.data.dataset import Data, channel_statistics
from fsr_jax.errors import check
from fsr_jax.maths import transition
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.step import state as states
from fsr_jax.step.evaluate import evaluate_step
from fsr_jax.step.metrics import Metrics
from fsr_jax.step.parallel import Devices
from fsr_jax.step.state import Resident, TrainState
from fsr_jax.step.train import Context, context, train_step

# Steps a compiled call on accelerators. On CPU one: XLA's convolutions are
# about 25 times slower there inside any control flow.
_ACCELERATOR_STEPS = 100


def train_steps(
    state: TrainState, totals: Metrics, data: Resident, index: jax.Array, *,
    ctx: Context, active: bool,
) -> tuple[TrainState, Metrics]:
  """Several training steps as one `lax.scan`.

  Args:
    state: TrainState.
    totals: Metrics of the epoch so far.
    data: Resident.
    index: int32 [S, B], one batch a row.
    ctx, active: as for `train_step`.

  Returns:
    (TrainState, totals with those of the S steps).
  """

  def one(carry, batch_index):
    state, totals = carry
    state, metrics = train_step(
        state, data, batch_index, ctx=ctx, active=active
    )
    return (state, totals.merge(metrics)), None

  if index.shape[0] == 1:  # No control flow: see _ACCELERATOR_STEPS.
    return one((state, totals), index[0])[0]
  return jax.lax.scan(one, (state, totals), index)[0]


def residents(data: Data, seed: int) -> tuple[Resident, Resident]:
  """(training split, test split) as the device holds them, numpy arrays."""
  data = data.decoded()
  mean, std = channel_statistics(data.train.image)
  class_count = np.bincount(data.train.label, minlength=data.num_classes)
  common = (mean, std, class_count, np.uint32(seed))
  return tuple(
      Resident(split.image, split.aspect, split.label, *common)
      for split in (data.train, data.test)
  )


class Engine:
  """Everything compiled for one config, data set and set of devices.

  Attributes:
    config: resolved and frozen.
    data: Data.
    devices: Devices.
    steps_per_epoch: N // B.
  """

  def __init__(self, config, data: Data, devices: Devices):
    """Puts the data on the devices (see `devices_for`); compiles nothing."""
    self.config, self.devices = config, devices
    self.data = data = data.decoded()
    self.steps_per_epoch = len(data.train) // config.batch_size
    self._ctx = context(
        config, data.num_classes, self.steps_per_epoch, devices.axis_name
    )
    self._host_train, test = residents(data, config.seed)
    self._train, self._test = devices.put(self._host_train), devices.put(test)
    self._steps = {
        active: devices.compile(
            train_steps, donate_first=True, ctx=self._ctx, active=active
        )
        for active in (False, True)
    }
    self._refill, self._estimate_transition = (
        devices.compile(function, donate_first=True, config=config)
        for function in (states.refill, states.estimate_transition)
    )
    self._evaluate = devices.compile(evaluate_step, ctx=self._ctx)

  def learning_rate(self, step: int) -> jax.Array:
    """Learning rate of a step, counted from 0 over the whole run."""
    return states.learning_rate(self.config, self.steps_per_epoch)(step)

  @property
  def steps_per_call(self) -> int:
    """Training steps of one compiled call."""
    default = 1 if self.devices.platform == "cpu" else _ACCELERATOR_STEPS
    return self.config.steps_per_call or default

  def create_state(self) -> TrainState:
    """The state before the first step, as numpy arrays."""
    data, config = self.data, self.config
    held_out = known = None
    if data.held_out is not None:
      held_out = Dictionary(
          np.full(len(data.held_out), -1, np.int32),  # Of no table.
          data.held_out.label,
          data.held_out.image,
          data.held_out.aspect,
      )
    if config.loss == "forward_correction" and config.transition == "known":
      known = transition.known(
          data.train.clean_label, data.train.label, data.num_classes
      )
    create = functools.partial(
        states.create, config, self._ctx.network, self._ctx.tx
    )
    with jax.default_device(self.devices.devices[0]):
      state = jax.jit(create)(self._host_train, held_out, known)
      return jax.tree.map(np.asarray, state)

  def train_epoch(
      self, state, epoch: int, first_step: int = 0,
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
    """
    config = self.config
    batches = np.asarray(
        order.epoch_order(
            np.uint32(config.seed), epoch, len(self.data.train),
            config.batch_size
        )
    )
    # Without either there is one phase, so one program to compile.
    learning = config.weighting != "uniform" or config.pseudo_loss_weight > 0
    active = learning and epoch >= config.warmup_epochs
    totals = self.devices.put(Metrics.zero())
    done = first_step
    while done < self.steps_per_epoch:
      chunk = batches[done : done + self.steps_per_call]
      # One call runs while the next is prepared, and no more: else a whole
      # epoch would be queued at once, deaf to progress and signals.
      before = totals
      state, totals = self._steps[active](
          state, totals, self._train, self.devices.put(chunk)
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
      state = self._refill(state, self._train, next_epoch)
    if states.estimates_transition(config) and (
        epoch + 1 == config.warmup_epochs
    ):
      state = self._estimate_transition(state, self._train)
    return state

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
    sums = []
    for start in range(0, total, size):
      index = np.arange(start, start + size)
      mask = (index < total).astype(np.float32)
      sums.append(
          self._evaluate(
              state, self._test, *self.devices.put((index % total, mask))
          )
      )
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


def _misfit(config, count: int) -> str | None:
  """Why batches cannot be split over `count` devices; None if they can."""
  fields = ["batch_size"]
  if config.weighting != "uniform":
    fields.append("reward_batch_size")
  for field in fields:
    if config[field] % count:
      return f"{field}={config[field]} is not divisible by {count} devices"
  local = config.batch_size // count
  if config.mixup and count > 1 and local % 2:
    return (
        f"MixUp pairs neighbours, but batch_size={config.batch_size} over"
        f" {count} devices gives each an odd number ({local})"
    )
  return None


def devices_for(config) -> tuple[Devices, str | None]:
  """The devices of a run.

  Args:
    config: resolved. num_devices=0 takes as many of this machine's devices as
      the batch sizes can be split over; the result is the same for any number.

  Returns:
    (Devices, None or a line that says why not all are used).

  Raises:
    InputError: num_devices cannot be had or does not fit.
  """
  devices = Devices(config.num_devices)
  misfit = _misfit(config, len(devices))
  if misfit is None:
    return devices, None
  check(not config.num_devices, f"num_devices={len(devices)}: {misfit}")
  fitting = (n for n in range(len(devices), 0, -1) if not _misfit(config, n))
  count = next(fitting)  # One device always fits.
  return Devices(count), f"using {count} of {len(devices)} devices: {misfit}"
