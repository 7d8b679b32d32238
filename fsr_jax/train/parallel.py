"""One device under `jax.jit`, several under `jax.pmap`: nothing else differs.

A tree "in place" is on the device (one) or carries a leading device axis with
a copy on each (several). Data, state and indices are all in place; every
compiled function takes and returns such trees.
"""

from collections.abc import Callable
import functools

import jax
import numpy as np

from fsr_jax.errors import check
from fsr_jax.maths.collectives import AXIS, Tree
from fsr_jax.train.options import TrainOptions


class Devices:
  """The devices of a run.

  Attributes:
    devices: of this process.
  """

  def __init__(self, count: int = 0):
    """Takes the first `count` local devices; 0 takes all.

    Raises:
      InputError: more devices asked for than there are.
    """
    local = jax.local_devices()
    check(
      0 <= count <= len(local),
      f"num_devices={count}, but this machine has {len(local)}"
      f" {local[0].platform} device(s)",
    )
    self.devices = tuple(local[: count or len(local)])

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
      return jax.device_put(tree, self.devices[0])
    sharding = self._sharding()

    def copy(x):
      x = np.asarray(x)[None]
      return jax.make_array_from_single_device_arrays(
        (len(self), *x.shape[1:]),
        sharding,
        [jax.device_put(x, device) for device in self.devices],
      )

    return jax.tree.map(copy, tree)

  def split(self, tree: Tree) -> Tree:
    """Host arrays -> in place, the rows shared out among the devices."""
    if len(self) == 1:
      return jax.device_put(tree, self.devices[0])
    rows = jax.tree.map(
      lambda x: x.reshape(len(self), x.shape[0] // len(self), *x.shape[1:]),
      tree,
    )
    return jax.device_put(rows, self._sharding())

  def _sharding(self):
    mesh = jax.sharding.Mesh(np.array(self.devices), (AXIS,))
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
    count: num_devices; 0 takes as many of this machine's devices as the batch
      sizes can be split over. The result is the same for any number.

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
  fitting = (n for n in range(len(devices), 0, -1) if not _misfit(options, n))
  most = next(fitting)  # One device always fits.
  return Devices(most), f"using {most} of {len(devices)} devices: {misfit}"
