"""Samples of given ranks within their classes, found without sorting all."""

from collections.abc import Callable
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths.checks import expect
from fsr_jax.maths.sweep import sweep

# Bits of a digit. More make fewer sweeps over all samples, but tables that no
# longer fit in a processor's cache; measured in docs/scaling.md.
_BITS = 4
_RADIX = 1 << _BITS


class _Search(NamedTuple):
  """What is known after some digits.

  Samples that no digit has told apart yet are in one cell, if any query asks
  for one of them.

  Attributes:
    cell: int32 [N], of each sample, in 0..K-1; K where no query asks for it.
    query_cell: int32 [K], where the sample is that each query asks for.
    rank: int32 [K], of that sample within its cell.
    size: int32 [K], samples of that cell.
  """

  cell: jax.Array
  query_cell: jax.Array
  rank: jax.Array
  size: jax.Array


# (cut, positions int32 [b]) -> uint32 [b], larger for better samples; `cut`
# takes the same part of an array [N].
_Key = Callable[[Callable[[jax.Array], jax.Array], jax.Array], jax.Array]


@functools.partial(jax.jit, static_argnames="num_classes")
def at_rank(
  score: jax.Array,
  label: jax.Array,
  query_class: jax.Array,
  rank: jax.Array,
  num_classes: int,
) -> jax.Array:
  """The sample of each asked-for class and rank, by radix selection.

  Args:
    score: float [N], higher is better; compared in float32. NaN is worse than
      everything.
    label: int32 [N], classes; C for samples that are left out.
    query_class: int32 [K].
    rank: int32 [K], 0 for the class's best; below its number of samples.
    num_classes: C.

  Returns:
    int32 [K], positions. Of samples with the same score the first is the
    better one.
  """
  expect(
    score=(score, "float N"),
    label=(label, "int N"),
    query_class=(query_class, "int K"),
    rank=(rank, "int K"),
  )
  size, queries = label.shape[0], rank.shape[0]
  cell_of, query_cell = _numbered(query_class, num_classes)
  unknown = jnp.full(queries, size, jnp.int32)
  search = _Search(
    cell_of.at[label].get(mode="fill", fill_value=queries),
    query_cell,
    rank.astype(jnp.int32),
    unknown,
  )
  search = _narrowed(search, lambda cut, _: order(cut(score)), 32)
  last = size - 1
  search = _narrowed(
    search,
    lambda _, position: (last - position).astype(jnp.uint32),
    max(1, last.bit_length()),
  )

  def note(found, cut, position, new):
    del new  # Nothing happens where a sample is noted twice.
    return found.at[cut(search.cell)].set(position, mode="drop")

  found = sweep(size, note, jnp.zeros(queries, jnp.int32))
  return found[search.query_cell]


def order(score: jax.Array) -> jax.Array:
  """uint32 numbers in the same order as float32 scores; 0 for NaN."""
  score = score.astype(jnp.float32)
  score = jnp.where(score == 0, 0.0, score)  # -0.0 is as good as 0.0.
  bits = jax.lax.bitcast_convert_type(score, jnp.uint32)
  negative = bits >> 31 == 1
  key = jnp.where(negative, ~bits, bits | jnp.uint32(1 << 31))
  return jnp.where(jnp.isnan(score), jnp.uint32(0), key)


def _narrowed(search: _Search, key: _Key, bits: int) -> _Search:
  """The search after all digits of a key, or as many as it needs.

  Args:
    search: _Search.
    key: _Key.
    bits: that it has at most.
  """
  digits = -(-bits // _BITS)

  def goes_on(carry):
    done, search = carry
    return (done < digits) & jnp.any(search.size > 1)

  def step(carry):
    done, search = carry
    shift = (_BITS * (digits - 1 - done)).astype(jnp.uint32)

    def digit(cut, position):
      return (key(cut, position) >> shift).astype(jnp.int32) & (_RADIX - 1)

    return done + 1, _split(search, digit)

  return jax.lax.while_loop(goes_on, step, (jnp.int32(0), search))[1]


def _split(search: _Search, digit: _Key) -> _Search:
  """The search with every cell split by one more digit."""
  size, queries = search.cell.shape[0], search.rank.shape[0]
  bins = queries * _RADIX

  def count_block(count, cut, position, new):
    place = cut(search.cell) * _RADIX + digit(cut, position)
    return count.at[jnp.where(new, place, bins)].add(1, mode="drop")

  count = sweep(size, count_block, jnp.zeros(bins, jnp.int32))
  count = count.reshape(queries, _RADIX)
  at_least = jnp.cumsum(count[:, ::-1], axis=1)[:, ::-1][search.query_cell]
  # The largest digit that more samples reach than are better.
  chosen = jnp.sum(at_least > search.rank[:, None], axis=1) - 1
  chosen = jnp.maximum(chosen, 0)
  level = count[search.query_cell, chosen]
  reached = jnp.take_along_axis(at_least, chosen[:, None], axis=1)[:, 0]
  cell_of, query_cell = _numbered(search.query_cell * _RADIX + chosen, bins)

  def move(cell, cut, position, new):
    before = cut(cell)
    place = before * _RADIX + digit(cut, position)
    after = cell_of.at[place].get(mode="fill", fill_value=queries)
    moved = jnp.where(new, after, before)
    return jax.lax.dynamic_update_slice_in_dim(cell, moved, position[0], 0)

  cell = sweep(size, move, search.cell)
  return _Search(cell, query_cell, search.rank - (reached - level), level)


def _numbered(bin_: jax.Array, bins: int) -> tuple[jax.Array, jax.Array]:
  """Numbers from 0 for the bins that there are queries in.

  Args:
    bin_: int32 [K], of each query.
    bins: that there are.

  Returns:
    (number of each bin, int32 [bins], K where no query is; of each query's).
  """
  asked = jnp.zeros(bins, bool).at[bin_].set(True)
  number = jnp.cumsum(asked, dtype=jnp.int32) - 1
  return jnp.where(asked, number, bin_.shape[0]), number[bin_]
