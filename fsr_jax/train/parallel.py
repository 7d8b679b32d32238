"""One device under `jax.jit`, several under `jax.pmap`: nothing else differs.

A tree "in place" is on the device (one) or carries a leading device axis with
a copy on each (several). Data, state and indices are all in place; every
compiled function takes and returns such trees. Where several processes train
together, each has the axis of its own devices in its hands, and the sums of
`collectives` are over all devices of all processes.
"""

from collections.abc import Callable
import functools

import jax
import numpy as np

from fsr_jax import processes
from fsr_jax.errors import check
from fsr_jax.maths import collectives
from fsr_jax.maths.collectives import AXIS, Tree
from fsr_jax.train.options import TrainOptions


class Devices:
  """The devices of a run.

  Attributes:
    devices: of all processes, each process's together and in their order.
    local: those of this process.
  """

  def __init__(self, count: int = 0):
    """Takes `count` devices, as many of each process; 0 takes all.

    Raises:
      InputError: more devices asked for than there are, or other numbers of
        them in the processes.
    """
    hosts = processes.count()
    found: list[list[jax.Device]] = [[] for _ in range(hosts)]
    for device in jax.devices() if hosts > 1 else jax.local_devices():
      found[device.process_index if hosts > 1 else 0].append(device)
    least = min(map(len, found))
    where = "this machine has" if hosts == 1 else f"{hosts} processes have"
    check(
      0 <= count <= least * hosts and count % hosts == 0,
      f"num_devices={count}, but {where} {sum(map(len, found))}"
      f" {jax.local_devices()[0].platform} device(s)"
      + (", of which each takes as many" if hosts > 1 else ""),
    )
    each = count // hosts or least
    self.devices = tuple(device for own in found for device in own[:each])
    self.local = tuple(found[processes.index()][:each])

  def __eq__(self, other) -> bool:
    return isinstance(other, Devices) and self.devices == other.devices

  def __hash__(self) -> int:
    return hash(self.devices)

  def __len__(self) -> int:
    return len(self.devices)

  @property
  def platform(self) -> str:
    return self.devices[0].platform

  @property
  def name(self) -> str:
    """Number and kind, e.g. "8 x TPU v3"."""
    return f"{len(self)} x {self.devices[0].device_kind}"

  def put(self, tree: Tree) -> Tree:
    """Host arrays -> in place, a copy on every device."""
    if len(self) == 1:
      return jax.device_put(tree, self.local[0])
    sharding = self._sharding()

    def copy(x):
      x = np.asarray(x)[None]
      return jax.make_array_from_single_device_arrays(
        (len(self.local), *x.shape[1:]),
        sharding,
        [jax.device_put(x, device) for device in self.local],
      )

    return jax.tree.map(copy, tree)

  def split(self, tree: Tree) -> Tree:
    """Host arrays of this process's rows -> in place, shared out among its
    devices; see `processes.share`."""
    if len(self) == 1:
      return jax.device_put(tree, self.local[0])
    count = len(self.local)
    rows = jax.tree.map(
      lambda x: x.reshape(count, x.shape[0] // count, *x.shape[1:]), tree
    )
    return jax.device_put(rows, self._sharding())

  def put_rows(self, x: np.ndarray) -> jax.Array:
    """[N, ...] on the host, in every process -> in place, each device with its
    share of the rows as `maths.shares` has them."""
    if len(self) == 1:
      return self.put(x)
    each = -(-x.shape[0] // len(self))
    first = processes.index() * len(self.local) * each
    own = x[first : first + len(self.local) * each]
    missing = len(self.local) * each - own.shape[0]
    # Where nothing is missing the table, which may be large, is not copied.
    if missing:
      own = np.pad(own, [(0, missing)] + [(0, 0)] * (x.ndim - 1))
    return self.split(own)

  def get_rows(self, x: jax.Array, total: int) -> np.ndarray:
    """What `put_rows` put, in every process: [N, ...] of N rows. All processes
    call it at once."""
    if len(self) == 1:
      return self.get(x)
    shards = sorted(
      x.addressable_shards, key=lambda shard: shard.index[0].start
    )
    own = np.concatenate([np.asarray(shard.data)[0] for shard in shards])
    return processes.rows_of_all(own)[:total]

  def _sharding(self):
    mesh = jax.sharding.Mesh(np.array(self.local), (AXIS,))
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(AXIS))

  def get(self, tree: Tree) -> Tree:
    """In place -> numpy arrays of one copy, independent of the device's."""
    # np.array, not asarray: on CPU that would be a view of memory that the
    # next step reuses. And x[0] would be a collective over all devices.
    if len(self) == 1:
      return jax.tree.map(np.array, tree)
    return jax.tree.map(lambda x: np.array(x.addressable_data(0))[0], tree)

  def compile(
    self, function: Callable, donate_first: bool = False, **static
  ) -> Callable:
    """Compiles `function(*trees, **static)`; its trees are in place.

    Args:
      function: of a device's share; sums over devices by `collectives`.
      donate_first: its first argument's memory is reused for the result.
      **static: keyword arguments fixed at compile time.

    Returns:
      Callable of trees in place, returning trees in place.
    """
    bound = functools.partial(function, **static)
    donated = (0,) if donate_first else ()
    if len(self) == 1:
      return jax.jit(bound, donate_argnums=donated)
    return jax.pmap(
      bound, axis_name=AXIS, devices=self.devices, donate_argnums=donated
    )


class Anyone:
  """Asks all processes a question that they all ask at once."""

  def __init__(self, devices: Devices):
    """Asks nothing.

    Args:
      devices: of the run.
    """
    self._devices = devices
    self._sum = devices.compile(collectives.psum)
    self._before: Tree | None = None

  def __call__(self, yes: bool) -> bool:
    """Whether any of them said yes when it was asked before.

    The answer to this time is on its way meanwhile: no step waits for it.
    """
    before, self._before = self._before, self._sum(self._devices.put(int(yes)))
    return before is not None and bool(self._devices.get(before))


def _misfit(options: TrainOptions, count: int) -> str | None:
  """Why batches cannot be split over `count` devices; None if they can."""
  sizes = {"batch_size": options.optimization.batch_size}
  if options.reweighting.draws_rewards:
    sizes["reward_batch_size"] = options.reweighting.reward_batch_size
  for field, size in sizes.items():
    if size % count:
      return f"{field}={size} is not divisible by {count} devices"
  batch_size = options.optimization.batch_size
  local = batch_size // count
  if options.objective.mixup and count > 1 and local % 2:
    return (
      f"MixUp pairs neighbours, but batch_size={batch_size} over"
      f" {count} devices gives each an odd number ({local})"
    )
  return None


def devices_for(
  options: TrainOptions, count: int = 0
) -> tuple[Devices, str | None]:
  """The devices of a run.

  Args:
    options: TrainOptions.
    count: num_devices; 0 takes as many devices as the batch sizes can be split
      over. The result is the same for any number.

  Returns:
    (Devices, None or a line that says why not all are used).

  Raises:
    InputError: `count` devices cannot be had or do not fit.
  """
  devices = Devices(count)
  misfit = _misfit(options, len(devices))
  if misfit is None:
    return devices, None
  check(not count, f"num_devices={len(devices)}: {misfit}")
  hosts = processes.count()  # Each takes part, with as many devices.
  numbers = range(len(devices), 0, -hosts)
  most = next((n for n in numbers if not _misfit(options, n)), 0)
  check(
    most > 0, f"{_misfit(options, hosts)}, one in each of {hosts} processes"
  )
  return Devices(most), f"using {most} of {len(devices)} devices: {misfit}"
