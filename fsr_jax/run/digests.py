"""Arrays of a tree by name, and a digest of each."""

from typing import Any
import zlib

import jax
import numpy as np

from fsr_jax.maths.collectives import Tree


def named(tree: Tree) -> dict[str, np.ndarray]:
  """{"params.head.kernel": array, ...}; Orbax saves no empty subtrees."""
  leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
  return {
    jax.tree_util.keystr(path, simple=True, separator="."): leaf
    for path, leaf in leaves
  }


def digest(array: np.ndarray) -> int:
  """CRC-32 of dtype, shape and bytes."""
  head = f"{array.dtype}{array.shape}".encode()
  # NumPy declares its buffers from Python 3.12 on.
  data: Any = np.ascontiguousarray(array)
  return zlib.crc32(data, zlib.crc32(head))
