"""Sums over devices that are the identity where there is only one.

This module alone knows whether a device axis is there, at trace time: under
`jax.pmap` or `jax.shard_map` with the axis name AXIS arrays named [b, ...]
elsewhere are a device's share of the global batch; under `jax.jit` on one
device they are all of it. Nothing else takes or passes on an axis.

The equations never differentiate through a collective: gradients are taken
locally and reduced afterwards. (Batch norm over the global batch does, in
Flax.)
"""

from typing import Any

import jax
import jax.numpy as jnp

# Name of the device axis.
AXIS = "devices"

# Any pytree of arrays.
Tree = Any
# A jax.Array, or a numpy array where a tree is on the host.
Array = Any


def axis() -> str | None:
  """AXIS while a function is traced over several devices, else None."""
  try:
    jax.lax.axis_size(AXIS)
  except NameError:  # What JAX says of an axis that is not there.
    return None
  return AXIS


def device_count() -> int:
  """Devices that share the global batch; 1 without a device axis."""
  return 1 if axis() is None else jax.lax.axis_size(AXIS)


def global_size(x: jax.Array) -> int:
  """B, the rows of `x` [b, ...] on all devices together."""
  return x.shape[0] * device_count()


def psum(tree: Tree) -> Tree:
  """Sum over devices of every leaf; shape and dtype unchanged."""
  return tree if axis() is None else jax.lax.psum(tree, AXIS)


def pmean(tree: Tree) -> Tree:
  """Mean over devices of every leaf; shape and dtype unchanged."""
  return tree if axis() is None else jax.lax.pmean(tree, AXIS)


def pmin(x: jax.Array) -> jax.Array:
  """Minimum over devices; shape and dtype unchanged."""
  return x if axis() is None else jax.lax.pmin(x, AXIS)


def all_gather(tree: Tree) -> Tree:
  """Concatenates the leading axis over devices: [b, ...] -> [B, ...]."""
  if axis() is None:
    return tree
  return jax.lax.all_gather(tree, AXIS, tiled=True)


def local_slice(x: jax.Array) -> jax.Array:
  """This device's part of a globally known array: [B, ...] -> [b, ...].

  Args:
    x: any dtype, [B, ...], the same on every device; B divisible by the
      number of devices.

  Returns:
    Rows `d*b` to `(d+1)*b - 1` on device d.
  """
  if axis() is None:
    return x
  size = x.shape[0] // device_count()
  start = jax.lax.axis_index(AXIS) * size
  return jax.lax.dynamic_slice_in_dim(x, start, size)


def scatter_sum(x: jax.Array) -> jax.Array:
  """Sum over devices, of which each gets its share of the rows.

  Args:
    x: float [B, ...], B divisible by the number of devices.

  Returns:
    [b, ...], what `local_slice` of the `psum` would be.
  """
  if axis() is None:
    return x
  return jax.lax.psum_scatter(x, AXIS, tiled=True)


def device_index() -> jax.Array | int:
  """Which of the devices this is, from 0."""
  return 0 if axis() is None else jax.lax.axis_index(AXIS)


def global_norm(tree: Tree) -> jax.Array:
  """Euclidean norm of all leaves together, float32 scalar."""
  leaves = jax.tree.leaves(tree)
  return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in leaves))
