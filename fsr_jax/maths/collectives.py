"""Sums over devices that are the identity where there is only one.

The per-device step names its axis; `axis_name=None` is a single device. The
equations never differentiate through a collective: gradients are taken locally
and reduced afterwards. (Batch norm over the global batch does, in Flax.)
"""

from typing import Any

import jax
import jax.numpy as jnp

# Any pytree of arrays.
Tree = Any


def psum(tree: Tree, axis_name: str | None) -> Tree:
  """Sum over devices of every leaf; shape and dtype unchanged."""
  return tree if axis_name is None else jax.lax.psum(tree, axis_name)


def pmean(tree: Tree, axis_name: str | None) -> Tree:
  """Mean over devices of every leaf; shape and dtype unchanged."""
  return tree if axis_name is None else jax.lax.pmean(tree, axis_name)


def pmin(x: jax.Array, axis_name: str | None) -> jax.Array:
  """Minimum over devices; shape and dtype unchanged."""
  return x if axis_name is None else jax.lax.pmin(x, axis_name)


def all_gather(tree: Tree, axis_name: str | None) -> Tree:
  """Concatenates the leading axis over devices: [b, ...] -> [B, ...]."""
  if axis_name is None:
    return tree
  return jax.lax.all_gather(tree, axis_name, tiled=True)


def local_slice(x: jax.Array, axis_name: str | None) -> jax.Array:
  """This device's part of a globally known array: [B, ...] -> [b, ...].

  Args:
    x: any dtype, [B, ...], the same on every device; B divisible by the
      number of devices.
    axis_name: the device axis, or None.

  Returns:
    Rows `d*b` to `(d+1)*b - 1` on device d.
  """
  if axis_name is None:
    return x
  size = x.shape[0] // jax.lax.axis_size(axis_name)
  start = jax.lax.axis_index(axis_name) * size
  return jax.lax.dynamic_slice_in_dim(x, start, size)


def global_norm(tree: Tree) -> jax.Array:
  """Euclidean norm of all leaves together, float32 scalar."""
  leaves = jax.tree.leaves(tree)
  return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in leaves))
