"""A run's compiled functions and its data, on its devices."""

from collections.abc import Callable, Iterator
import functools
import itertools
from typing import NamedTuple

import jax
import numpy as np

from fsr_jax import processes
from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import Encoded, Reader
from fsr_jax.maths import randomness
from fsr_jax.maths.collectives import Tree
from fsr_jax.train import evaluate, feeder
from fsr_jax.train import state as states
from fsr_jax.train.evaluate import Outcome
from fsr_jax.train.input import Feed
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.optimizer import learning_rate
from fsr_jax.train.options import TrainOptions
from fsr_jax.train.parallel import Devices
from fsr_jax.train.placement import Placement, with_tables, without_tables
from fsr_jax.train.state import Resident, TrainState
from fsr_jax.train.step import Context, context, train_step

# Steps a compiled call. XLA's convolutions are about 25 times slower on a CPU
# inside any control flow: one step a call for networks that have some.
_STEPS, _STEPS_OF_CONVOLUTIONS_ON_CPU = 100, 1


def train_steps(
  state: TrainState,
  totals: Metrics,
  data: Resident,
  index: jax.Array,
  feed: Feed | None = None,
  *,
  ctx: Context,
  rewarded: bool,
) -> tuple[TrainState, Metrics]:
  """Several training steps as one `lax.scan`.

  Args:
    state: TrainState.
    totals: Metrics of the epoch so far.
    data: Resident.
    index: int32 [S, B], one batch a row.
    feed: Feed of the one step (S = 1) where `data` has no images.
    ctx, rewarded: as for `train_step`.

  Returns:
    (TrainState, totals with those of the S steps).
  """

  def one(carry, batch_index):
    state, totals = carry
    state, metrics = train_step(
      state, data, batch_index, feed, ctx=ctx, rewarded=rewarded
    )
    return (state, totals.merge(metrics)), None

  if index.shape[0] == 1:  # No control flow: see _STEPS.
    return one((state, totals), index[0])[0]
  return jax.lax.scan(one, (state, totals), index)[0]


class _Compiled(NamedTuple):
  """The compiled functions of one run; see `_compiled`."""

  create: Callable
  create_small: Callable  # Without the tables [N, C].
  steps: dict[bool, Callable]  # By `rewarded`.
  end_epoch: dict[bool, Callable]  # By `estimate`.
  evaluate: Callable
  learning_rate: Callable  # Compiled: called op by op it takes 10 ms.


@functools.lru_cache(maxsize=8)
def _compiled(
  options: TrainOptions,
  num_classes: int,
  steps_per_epoch: int,
  devices: Devices,
) -> _Compiled:
  """What a run, its continuation and its evaluation in one process share."""
  ctx = context(options, num_classes, steps_per_epoch)
  compile_changing = functools.partial(
    devices.compile, donate_first=True, ctx=ctx
  )
  create = functools.partial(
    states.create, options, ctx.network, ctx.reweighter, ctx.tx
  )

  return _Compiled(
    jax.jit(create),
    jax.jit(lambda *args: without_tables(create(*args))),
    {r: compile_changing(train_steps, rewarded=r) for r in (False, True)},
    {e: compile_changing(states.end_epoch, estimate=e) for e in (False, True)},
    devices.compile(evaluate.evaluate_step, ctx=ctx),
    jax.jit(learning_rate(options.optimization, steps_per_epoch)),
  )


class Programs:
  """What runs one choice of options on one data set and set of devices.

  A tree "in place" is on the devices; see `parallel.Devices`.

  Attributes:
    options: TrainOptions.
    data: Data.
    devices: Devices.
    steps_per_epoch: N // B.
    parts: name -> Split of what can be evaluated, see `evaluate.parts`.
    place: Placement of train states.
  """

  def __init__(
    self,
    options: TrainOptions,
    data: Data,
    devices: Devices,
    seed: int,
    shard_tables: bool = False,
  ):
    """Puts the data on the devices, if they fit; compiles nothing."""
    self.options, self.data, self.devices = options, data, devices
    self.place = Placement(devices, len(data.train), shard_tables)
    self.steps_per_epoch = len(data.train) // options.optimization.batch_size
    self._compiled = _compiled(
      options, data.num_classes, self.steps_per_epoch, devices
    )
    self._known_transition = states.known_transition(options.objective, data)
    self.parts = evaluate.parts(data)
    self._host_train, tested = feeder.residents(data, options, seed)
    self._train = devices.put(self._host_train)
    self._tested = {name: devices.put(x) for name, x in tested.items()}
    self._feeder = None
    if self._host_train.image is None:
      self._feeder = feeder.Feeder(
        options, data.train, data.num_classes, seed, devices
      )

  @property
  def num_steps(self) -> int:
    """Training steps of a whole run."""
    return self.options.optimization.num_epochs * self.steps_per_epoch

  def learning_rate(self, step: int) -> float:
    """Learning rate of a step, counted from 0 over the whole run."""
    return float(self._compiled.learning_rate(step))

  def steps_per_call(self, params: Tree) -> int:
    """Training steps that one compiled call takes best.

    Args:
      params: of the network; kernels of more than two axes convolve.
    """
    if self._feeder is not None:
      return 1
    convolves = any(leaf.ndim > 2 for leaf in jax.tree.leaves(params))
    if convolves and self.devices.platform == "cpu":
      return _STEPS_OF_CONVOLUTIONS_ON_CPU
    return _STEPS

  def create_state(self) -> TrainState:
    """The state before the first step, as numpy arrays."""
    statistics = feeder.statistics(self.data.train.image)
    shares = self.place.shares
    create = self._compiled.create_small if shares else self._compiled.create
    with jax.default_device(self.devices.local[0]):
      made = create(self._host_train, statistics, self._known_transition)
    state = jax.tree.map(np.asarray, made)
    return with_tables(state, self.template()) if shares else state

  def template(self) -> TrainState:
    """Zeros of its shapes and types; reads no pictures, compiles nothing."""
    channels = np.zeros(self.data.train.image.shape[-1], np.float32)
    statistics = states.Statistics(channels, channels)
    made = self._host_train, statistics, self._known_transition
    shapes = jax.eval_shape(self._compiled.create, *made)
    return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)

  def rewarded(self, epoch: int) -> bool:
    """Whether the steps of an epoch draw reward batches."""
    reweighting = self.options.reweighting
    return reweighting.draws_rewards and epoch >= reweighting.warmup_epochs

  def batches(self, epoch: int, seed: int) -> np.ndarray:
    """int32 [S, B], the batches of an epoch, as `randomness.epoch_order`."""
    size, batch = len(self.data.train), self.options.optimization.batch_size
    return randomness.epoch_order(seed, epoch, size, batch)

  def feeds(
    self, state: TrainState, epoch: int, first: int, batches: np.ndarray
  ) -> Iterator[Feed | None]:
    """What each step of an epoch is handed besides its indices.

    Args:
      state: TrainState in place, before those steps.
      epoch: int.
      first: steps of this epoch already done.
      batches: int32 [S, B], the batches after them.

    Yields:
      Feed in place, or None where the images are on the devices.

    Raises:
      InputError: a file is gone or is no image; names it.
    """
    if self._feeder is None:
      return itertools.repeat(None)
    step = epoch * self.steps_per_epoch + first
    return self._feeder.feeds(state, step, batches, self.rewarded(epoch))

  def step(
    self,
    state: TrainState,
    totals: Metrics,
    batches: np.ndarray,
    feed: Feed | None,
    epoch: int,
  ) -> tuple[TrainState, Metrics]:
    """One compiled call of training steps.

    Args:
      state: TrainState in place; donated.
      totals: Metrics in place, of the epoch so far.
      batches: int32 [S, B].
      feed: from `feeds`.
      epoch: that the steps belong to.

    Returns:
      (TrainState in place, Metrics in place).
    """
    function = self._compiled.steps[self.rewarded(epoch)]
    return function(state, totals, self._train, self.devices.put(batches), feed)

  def end_epoch(self, state: TrainState, epoch: int) -> TrainState:
    """The state in place after the last step of an epoch; donated."""
    options = self.options
    last_of_warmup = epoch + 1 == options.reweighting.warmup_epochs
    estimate = options.estimates_transition and last_of_warmup
    return self._compiled.end_epoch[estimate](state, self._train)

  def _images_of(self, split: Split, batches: np.ndarray):
    """Yields uint8 images of each row of `batches`, shared out."""
    assert isinstance(split.image, Encoded)
    own = batches[:, processes.share(batches.shape[1])]
    with Reader(split.image) as reader:
      for image, _ in reader.ahead(own):
        yield self.devices.split(image)

  def outcomes(
    self, state: TrainState, batch_size: int = 1000, part: str = "test"
  ) -> dict[str, Outcome]:
    """What the network makes of a part, with its parameters and their average.

    Args:
      state: TrainState in place.
      batch_size: over all devices, rounded up to divide.
      part: key of `parts`.

    Returns:
      {"": Outcome, "_ema": Outcome}.

    Raises:
      InputError: a file is gone or is no image; names it.
    """
    split, resident = self.parts[part], self._tested[part]
    total, count = len(split), len(self.devices)
    size = -(-min(batch_size, total) // count) * count  # Rounded up.
    batches = np.arange(-(-total // size) * size).reshape(-1, size)
    images = itertools.repeat(None)
    if resident.image is None:
      images = self._images_of(split, batches % total)
    found = []
    for index, image in zip(batches, images):
      mask = (index < total).astype(np.float32)
      where = self.devices.put((index % total, mask))
      found.append(self._compiled.evaluate(state, resident, *where, image))
    # Converted after the loop, so that the device is never waited for.
    found = [self.devices.get(counts) for counts in found]
    return {
      suffix: evaluate.collected(split.label, [counts[n] for counts in found])
      for suffix, n in (("", "raw"), ("_ema", "ema"))
    }

  def evaluate(
    self, state: TrainState, batch_size: int = 1000, part: str = "test"
  ) -> dict[str, float]:
    """`outcomes` in a few numbers.

    Returns:
      As `named_scalars`.
    """
    found = self.outcomes(state, batch_size, part)
    return evaluate.named_scalars(part, found, self.data.num_classes)
