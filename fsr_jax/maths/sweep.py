"""All samples block by block, so that what is computed of them on the way takes
little memory."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from fsr_jax.maths.collectives import Tree

# An accelerator is slow at many small blocks: there are at most so many, and
# none of fewer numbers than this.
_MOST_BLOCKS, _LEAST_NUMBERS = 64, 1 << 15


def sweep(size: int, body: Callable, carry: Tree, width: int = 1) -> Tree:
  """Carries something over all samples, block by block.

  Args:
    size: N.
    body: (carry, cut, position int32 [b], new bool [b]) -> carry. `cut` takes
      the rows of the block of an array [N, ...], of the samples at `position`.
      The last block begins early enough to be a whole one; what was in the
      block before it is not new.
    carry: what the first block is handed.
    width: numbers that are computed of a sample.

  Returns:
    What the last block returns.
  """
  least = max(1, _LEAST_NUMBERS // width)
  block = min(size, max(least, -(-size // _MOST_BLOCKS)))

  def one(number, carry):
    begin = number * block
    start = jnp.minimum(begin, size - block)
    position = start + jnp.arange(block, dtype=jnp.int32)

    def cut(x):
      return jax.lax.dynamic_slice_in_dim(x, start, block)

    return body(carry, cut, position, position >= begin)

  return jax.lax.fori_loop(0, -(-size // block), one, carry)
