"""Tables of which each device keeps a share of the rows.

A table [N, C] may be too large for one device. Then each has ceil(N / devices)
rows of it, in their order, the last ones perhaps of no sample. That a table has
fewer rows than there are samples says so while a function is traced: nothing
else does, and where it has all of them these functions are plain indexing.
"""

import jax
import jax.numpy as jnp

from fsr_jax.maths import collectives


def rows(table: jax.Array, index: jax.Array, num_samples: int) -> jax.Array:
  """The rows of this device's share of the batch.

  Args:
    table: float [n, C], all rows or this device's.
    index: int [b], samples; other ones on every device.
    num_samples: N.

  Returns:
    [b, C].
  """
  if table.shape[0] == num_samples:
    return table[index]
  at, mine = _own(table, collectives.all_gather(index))
  found = jnp.where(mine[:, None], table[jnp.where(mine, at, 0)], 0)
  # Of each row there is one device that has it.
  return collectives.scatter_sum(found)


def own_rows(
  table: jax.Array, index: jax.Array, num_samples: int
) -> tuple[jax.Array, jax.Array]:
  """Where rows of the whole batch lie on this device, to be written.

  Args:
    table: as for `rows`.
    index: int [B], samples, the same on every device.
    num_samples: N.

  Returns:
    (position of each row, int [B]: n for one that is not here, which
    `table.at[...].set(..., mode="drop")` leaves out; the rows [B, C], any
    where they are not here).
  """
  if table.shape[0] == num_samples:
    return index, table[index]
  at, mine = _own(table, index)
  return jnp.where(mine, at, table.shape[0]), table[jnp.where(mine, at, 0)]


def _own(table: jax.Array, index: jax.Array) -> tuple[jax.Array, jax.Array]:
  """(position on this device, whether the row is here)."""
  at = index - collectives.device_index() * table.shape[0]
  return at, (at >= 0) & (at < table.shape[0])


def cut(x: jax.Array, table: jax.Array) -> jax.Array:
  """The rows of `x` [N, ...] that belong to those of a table; zeros for rows
  of no sample."""
  if x.shape[0] == table.shape[0]:
    return x
  count = table.shape[0] * collectives.device_count()
  padding = [(0, count - x.shape[0])] + [(0, 0)] * (x.ndim - 1)
  return collectives.local_slice(jnp.pad(x, padding))


def joined(x: jax.Array, num_samples: int) -> jax.Array:
  """[N, ...] of all devices' [n, ...], where `x` is of the rows of a table."""
  if x.shape[0] == num_samples:
    return x
  return collectives.all_gather(x)[:num_samples]


def summed(x: jax.Array, table: jax.Array, num_samples: int) -> jax.Array:
  """A sum over all samples, of sums over the rows of a table."""
  return x if table.shape[0] == num_samples else collectives.psum(x)
