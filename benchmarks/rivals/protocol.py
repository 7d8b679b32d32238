"""What every rival is given, so that nothing but the method differs.

A Trial is one setting on one seed: the data with their wrong labels, the
network as it is initialised, its optimizer under its schedule, the batches of
every epoch and how they are augmented. All are those of the library's own run
with the same config; only the loop around them belongs to the rival. The
shortest is that of `plain.trainer`.
"""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from fsr_jax.data.dataset import Data
from fsr_jax.data.images import augment
from fsr_jax.errors import check
from fsr_jax.maths import randomness
from fsr_jax.maths.collectives import Tree
from fsr_jax.train import feeder
from fsr_jax.train.input import gather
from fsr_jax.train.options import TrainOptions
from fsr_jax.train.state import Resident, Statistics
from fsr_jax.train.step import Context, context

# Examples that are passed through a trained network at a time.
_CHUNK = 1000


class Net(NamedTuple):
  """A network in training.

  Attributes:
    params: {"backbone", "head"}.
    batch_stats: running batch-norm statistics; {} without batch norm.
    opt_state: of the optimizer, its count of steps among it.
  """

  params: Tree
  batch_stats: Tree
  opt_state: optax.OptState


class Result(NamedTuple):
  """What a method ends with.

  Attributes:
    predicted: int [M], classes of the test part.
    passes: forward and backward passes of the whole run over those of plain
      training; a backward pass counts as two forward passes.
  """

  predicted: np.ndarray
  passes: float


class Rival(NamedTuple):
  """A method of the comparison.

  Attributes:
    train: Trial -> Result.
    fields: of the config, that differ from plain training's, {"mixup": True}
      for example.
  """

  train: Callable[["Trial"], Result]
  fields: dict[str, Any] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
  """One setting on one seed, as every method meets it.

  Attributes:
    options: TrainOptions.
    data: Data; its clean labels are for nobody but an oracle that says so.
    seed: of the run.
    train, test: Resident, on the device.
    statistics: Statistics of the training images.
  """

  options: TrainOptions
  data: Data
  seed: int
  train: Resident
  test: Resident
  statistics: Statistics

  @classmethod
  def of(cls, options: TrainOptions, data: Data, seed: int) -> "Trial":
    """Puts the data on the device.

    Raises:
      InputError: no test part, or images that do not fit on the device.
    """
    check(data.test is not None, "a trial needs a test part; this has none")
    train, tested = feeder.residents(data, options, seed)
    check(
      train.image is not None,
      "a trial has all images on the device; raise data.resident_gb",
    )
    statistics = feeder.statistics(data.train.image)
    return cls(
      options, data, seed, *jax.device_put((train, tested["test"], statistics))
    )

  def with_options(self, group: str, **fields) -> "Trial":
    """The same with fields of one group of the options changed, e.g.
    ("optimization", num_epochs=30)."""
    new = dataclasses.replace(getattr(self.options, group), **fields)
    options = dataclasses.replace(self.options, **{group: new})
    return dataclasses.replace(self, options=options)

  @property
  def num_classes(self) -> int:
    return self.data.num_classes

  @property
  def num_examples(self) -> int:
    return len(self.data.train)

  @property
  def num_epochs(self) -> int:
    return self.options.optimization.num_epochs

  @property
  def batch_size(self) -> int:
    return min(self.options.optimization.batch_size, self.num_examples)

  @property
  def steps_per_epoch(self) -> int:
    return self.num_examples // self.batch_size

  @functools.cached_property
  def _context(self) -> Context:
    """Network, and optimizer under the run's schedule."""
    return context(self.options, self.num_classes, self.steps_per_epoch)

  def create(self, number: int = 0) -> Net:
    """The network before the first step.

    Args:
      number: of the network where a method has several; 0 is initialised as
        the library's run is.

    Returns:
      Net.
    """
    key = randomness.stream(self.seed, randomness.INIT)
    if number:
      key = jax.random.fold_in(key, number)
    assert self.train.image is not None
    shape = augment.output_shape(self.options.data, self.train.image.shape[1:])
    init = jax.jit(self._context.network.init, static_argnums=1)
    params, batch_stats = init(key, shape)
    return Net(params, batch_stats, self._context.tx.init(params))

  def batches(self, epoch: int) -> np.ndarray:
    """int32 [S, B], the batches of an epoch, in the library's order."""
    sizes = self.num_examples, self.batch_size
    return randomness.epoch_order(self.seed, epoch, *sizes)

  def update(
    self, net: Net, image: jax.Array, loss: Callable
  ) -> tuple[Net, Any]:
    """One step of the optimizer.

    Args:
      net: Net.
      image: float32 [b, ...], as Batch has it.
      loss: (logits float32 [b, C], features [b, ...]) -> (scalar, aux).

    Returns:
      (Net, aux).
    """

    def total(params):
      logits, features, stats = self.forward(
        net._replace(params=params), image, train=True
      )
      value, aux = loss(logits, features)
      return value, (stats, aux)

    gradient, (stats, aux) = jax.grad(total, has_aux=True)(net.params)
    updates, opt_state = self._context.tx.update(
      gradient, net.opt_state, net.params
    )
    return Net(optax.apply_updates(net.params, updates), stats, opt_state), aux

  def forward(self, net: Net, image: jax.Array, train: bool):
    """One pass.

    Args:
      net: Net.
      image: float32 [b, ...], as Batch has it.
      train: whether batch norm takes the batch's statistics.

    Returns:
      (logits [b, C], features [b, ...], batch_stats).
    """
    params, network = net.params, self._context.network
    features, stats = network.features(params, net.batch_stats, image, train)
    logits, stats = network.head(params["head"], stats, features, train)
    return logits, features, stats

  def compiled(self, step: Callable) -> Callable:
    """An epoch of a method's steps.

    Args:
      step: (carry, Batch, number) -> carry; pure. `number` is the int32 scalar
        that counts the steps of the whole run; further randomness is
        `self.key(number)`. What changes from epoch to epoch, and every large
        array, belongs into the carry.

    Returns:
      (carry, epoch, batches=None) -> carry. `batches` is int32 [S, B], those
      of the epoch unless it is given; another S compiles anew.
    """

    def one(carry, train, statistics, number, index):
      key = randomness.StepKeys.of(train.seed, number).batch
      batch = gather(self.options, key, statistics, train, index)
      return step(carry, batch, number)

    def scanned(carry, train, statistics, numbers, batches):
      def body(carry, row):
        return one(carry, train, statistics, *row), None

      return jax.lax.scan(body, carry, (numbers, batches))[0]

    single, several = jax.jit(one), jax.jit(scanned)

    def run(carry, epoch: int, batches: np.ndarray | None = None):
      batches = self.batches(epoch) if batches is None else batches
      first = np.int32(epoch * self.steps_per_epoch)
      numbers = first + np.arange(len(batches), dtype=np.int32)
      if not self._convolves_on_cpu:
        return several(carry, self.train, self.statistics, numbers, batches)
      for row in zip(numbers, batches):
        carry = single(carry, self.train, self.statistics, *row)
      return carry

    return run

  def key(self, number) -> jax.Array:
    """Typed PRNG key of a step, for what a method itself draws."""
    return randomness.StepKeys.of(self.train.seed, number).draw

  @functools.cached_property
  def _convolves_on_cpu(self) -> bool:
    """XLA's convolutions are some 25 times slower on a CPU inside a loop."""
    shapes = jax.tree.leaves(jax.eval_shape(self.create).params)
    return jax.default_backend() == "cpu" and any(x.ndim > 2 for x in shapes)

  def outputs(self, net: Net, part: str = "test"):
    """What a network makes of a part, not augmented, batch norm at rest.

    Args:
      net: Net.
      part: "train" or "test".

    Returns:
      (logits float32 [n, C], features float32 [n, ...]), numpy.
    """
    images = {"train": self.train, "test": self.test}[part].image
    assert images is not None
    found = [
      self._pass(net, self.statistics, images[start : start + _CHUNK])
      for start in range(0, len(images), _CHUNK)
    ]
    logits, features = zip(*jax.device_get(found))
    return np.concatenate(logits), np.concatenate(features)

  @functools.cached_property
  def _pass(self) -> Callable:
    def passed(net, statistics, image):
      image = augment.normalize(image, *statistics)
      return self.forward(net, image, train=False)[:2]

    return jax.jit(passed)

  def result(self, net: Net, passes: float) -> Result:
    """Of a method that ends with one network, after its last step."""
    return Result(self.outputs(net)[0].argmax(-1), passes)

  def accuracy(self, result: Result) -> float:
    """Share of the test part that is predicted right, 0-1."""
    assert self.data.test is not None
    return float(np.mean(result.predicted == self.data.test.label))
