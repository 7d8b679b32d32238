"""A train state on the devices: whole copies, or shares of its large tables."""

from collections.abc import Callable
from typing import Any

import jax

from fsr_jax.maths.collectives import Tree
from fsr_jax.maths.tables import PER_CLASS, Tables
from fsr_jax.train.parallel import Devices
from fsr_jax.train.state import TrainState


def _replaced(tables: Tables, large: dict[str, Any]) -> Tables:
  """With these for the tables [N, C]."""
  return tables._replace(**large)


def without_tables(state: TrainState) -> TrainState:
  """A state without the tables [N, C]."""
  kept = _replaced(state.reweighting.tables, dict.fromkeys(PER_CLASS))
  return state.replace(reweighting=state.reweighting._replace(tables=kept))


def with_tables(state: TrainState, template: TrainState) -> TrainState:
  """The first state, of which one device could not hold the tables [N, C].

  Args:
    state: of numpy arrays, without them.
    template: of zeros, with them, which are what it lacks.
  """
  large = {n: getattr(template.reweighting.tables, n) for n in PER_CLASS}
  tables = _replaced(state.reweighting.tables, large)
  return state.replace(reweighting=state.reweighting._replace(tables=tables))


class Placement:
  """Where the arrays of a run's state are.

  Attributes:
    shares: whether each device has a share of the rows of the tables [N, C]
      (`maths.shares`), and not all of them.
  """

  def __init__(self, devices: Devices, num_samples: int, shard_tables: bool):
    """Moves nothing.

    Args:
      devices: of the run.
      num_samples: N.
      shard_tables: as in RunOptions; of no effect on one device.
    """
    self.shares = shard_tables and len(devices) > 1
    self._devices, self._num_samples = devices, num_samples

  def put(self, state: Tree) -> Tree:
    """Numpy arrays -> in place, see `parallel`.

    Args:
      state: TrainState, or a part of it that may have Tables.
    """
    return self._moved(state, self._devices.put, self._devices.put_rows)

  def get(self, state: Tree) -> Tree:
    """In place -> numpy arrays, independent of the device's.

    Of several processes all call it at once where there are `shares`.

    Args:
      state: as for `put`.
    """

    def rows(x):
      return self._devices.get_rows(x, self._num_samples)

    return self._moved(state, self._devices.get, rows)

  def _moved(self, tree: Tree, whole: Callable, rows: Callable) -> Tree:
    """`rows` of the tables [N, C], `whole` of the rest of a tree."""
    if not self.shares:
      return whole(tree)

    def moved(part):
      if not isinstance(part, Tables):
        return whole(part)
      large = {name: getattr(part, name) for name in PER_CLASS}
      small = whole(_replaced(part, dict.fromkeys(large)))
      found = {n: x if x is None else rows(x) for n, x in large.items()}
      return _replaced(small, found)

    return jax.tree.map(moved, tree, is_leaf=lambda x: isinstance(x, Tables))
