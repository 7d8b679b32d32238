"""The dictionary R: which samples the run trusts, and draws from it (eq. 4)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths.checks import expect


class Dictionary(NamedTuple):
  """K trusted samples, the same on every device.

  Attributes:
    index: int32 [K], positions in the training set; with rewards=held_out in
      the held-out one.
    label: int32 [K], their given labels.
  """

  index: jax.Array  # type: ignore[assignment]  # Hides tuple.index.
  label: jax.Array


def select(
  score: jax.Array,
  label: jax.Array,
  dictionary_size: int,
  num_classes: int,
  epoch: jax.Array | int,
) -> jax.Array:
  """The best-scored samples of every class: eq. 4 under a class balance.

  Slot s of epoch e belongs to class (s + e K) mod C and takes the class's
  sample of rank s // C. So every class has K/C slots, the K mod C extra ones
  rotate through the classes, and with fewer slots than classes (K < C) each
  epoch serves the next K classes with one sample each. A class with fewer
  members than slots repeats them from its best. Samples with the same score
  come in the order of the data.

  Args:
    score: float [N], higher is better; -inf for samples never seen.
    label: int32 [N], given labels; every class has a member.
    dictionary_size: K.
    num_classes: C.
    epoch: int scalar.

  Returns:
    int32 [K], indices of examples.

  Source: eq. 4, section 4.1; balance from Algorithm 1's names; the rotation
  and the repeats are ours (the released code leaves stale entries).
  """
  best_first, start, count = _rank(score, label, num_classes)
  rank, slot_class = _slots(dictionary_size, num_classes, epoch)
  rank %= jnp.maximum(count[slot_class], 1)
  return best_first[start[slot_class] + rank]


def select_from_pool(
  score: jax.Array,
  label: jax.Array,
  dictionary_size: int,
  num_classes: int,
  epoch: jax.Array | int,
  share: float,
  u: jax.Array,
) -> jax.Array:
  """Random ones among the best `share` of every class.

  As `select`, but a class's slots are filled from a pool of its
  max(1, floor(share n_c)) best samples: drawn at random where the pool has
  more of them than slots (so the dictionary is not only its easiest samples
  and changes from epoch to epoch), repeated where it has fewer (so a small
  class does not trust all of its labels, wrong ones included).

  Args:
    score, label, dictionary_size, num_classes, epoch: as for `select`.
    share: fraction 0-1 of each class that may be trusted; of samples with the
      same score the first.
    u: float [N], uniform in 0-1, drawn anew each epoch.

  Returns:
    int32 [K], indices of examples.

  Source: ours; measured in docs/measured/weights.md.
  """
  expect(label=(label, "int N"), u=(u, "float N"))
  best_first, start, count = _rank(score, label, num_classes)
  pool = _pool_size(count, share)
  in_pool = _rank_in_class(best_first, label, start) < pool[label[best_first]]
  # The pool's samples in random order, before the rest of their class.
  shuffled = jnp.lexsort((jnp.where(in_pool, u, 2.0), label[best_first]))
  rank, slot_class = _slots(dictionary_size, num_classes, epoch)
  rank %= pool[slot_class]
  return best_first[shuffled[start[slot_class] + rank]]


def pool(
  score: jax.Array, label: jax.Array, num_classes: int, share: float
) -> jax.Array:
  """Which samples are among the best `share` of their class.

  Args:
    score, label, num_classes, share: as for `select_from_pool`.

  Returns:
    bool [N], True for the max(1, floor(share n_c)) best of every class.

  Source: eq. 4 with a class balance; the share in place of K/C is ours
  (docs/measured/weights.md).
  """
  expect(score=(score, "float N"), label=(label, "int N"))
  count = jnp.bincount(label, length=num_classes)
  return best(score, label, _pool_size(count, share))


def best(score: jax.Array, label: jax.Array, size: jax.Array) -> jax.Array:
  """Which samples are among the best of their class.

  Args:
    score: float [N], higher is better.
    label: int32 [N], classes.
    size: int32 [C], how many of each class; at most as many as it has.

  Returns:
    bool [N]; of samples with the same score the first.
  """
  expect(score=(score, "float N"), label=(label, "int N"))
  key = _ordered(score)
  everybody = jnp.ones(label.shape, bool)
  # The score of each class's last member, found digit by digit: sorting all N
  # samples to know where the boundary lies takes many times as long.
  last, room = _kth_largest(key, label, everybody, size, 32)
  better, equal = key > last[label], key == last[label]
  # Of those that are level with it the first ones have what room is left.
  earlier = label.shape[0] - 1 - jnp.arange(label.shape[0], dtype=jnp.uint32)
  bits = max(1, (label.shape[0] - 1).bit_length())
  end, _ = _kth_largest(earlier, label, equal, room, bits)
  return better | (equal & (earlier >= end[label]))


def _ordered(score: jax.Array) -> jax.Array:
  """uint32 numbers in the same order as float32 scores."""
  score = score.astype(jnp.float32)
  score = jnp.where(score == 0, 0.0, score)  # -0.0 is as good as 0.0.
  bits = jax.lax.bitcast_convert_type(score, jnp.uint32)
  negative = bits >> 31 == 1
  return jnp.where(negative, ~bits, bits | jnp.uint32(1 << 31))


# Bits of a digit of `_kth_largest`.
_DIGIT = 8


def _kth_largest(
  key: jax.Array,
  label: jax.Array,
  candidate: jax.Array,
  rank: jax.Array,
  bits: int,
) -> tuple[jax.Array, jax.Array]:
  """The key of rank k among each class's candidates, by radix selection.

  Args:
    key: uint32 [N], of at most `bits` bits.
    label: int32 [N], classes.
    candidate: bool [N].
    rank: int32 [C], k in 1..number of the class's candidates.
    bits: at most 32.

  Returns:
    (that key of each class, uint32 [C]; how many of the k are not above it,
    int32 [C]).
  """
  num_classes, radix = rank.shape[0], 1 << _DIGIT
  found = jnp.zeros(num_classes, jnp.uint32)
  for shift in range((bits - 1) // _DIGIT * _DIGIT, -1, -_DIGIT):
    digit = (key >> shift).astype(jnp.int32) & (radix - 1)
    count = jnp.zeros((num_classes, radix), jnp.int32)
    count = count.at[label, digit].add(candidate)
    at_least = jnp.cumsum(count[:, ::-1], axis=1)[:, ::-1]
    # The largest digit that enough candidates reach.
    best = jnp.sum(at_least >= rank[:, None], axis=1) - 1
    above = jnp.pad(at_least, ((0, 0), (0, 1)))
    rank -= jnp.take_along_axis(above, best[:, None] + 1, axis=1)[:, 0]
    found |= best.astype(jnp.uint32) << shift
    candidate = candidate & (digit == best[label])
  return found, rank


def _pool_size(count, share):
  """int32 [C], samples of each class that may be trusted."""
  return jnp.maximum(1, jnp.floor(share * count)).astype(jnp.int32)


def _rank_in_class(best_first, label, start):
  """int32 [N], of samples in the order `best_first`; 0 = a class's best."""
  return jnp.arange(label.shape[0]) - start[label[best_first]]


def _rank(score, label, num_classes):
  """(samples by class and falling score [N], first position [C], size [C])."""
  expect(score=(score, "float N"), label=(label, "int N"))
  best_first = jnp.lexsort((-score, label)).astype(jnp.int32)
  count = jnp.bincount(label, length=num_classes)
  return best_first, jnp.cumsum(count) - count, count


def _slots(dictionary_size, num_classes, epoch):
  """(rank within its class, class) of each slot, int32 [K]."""
  slot = jnp.arange(dictionary_size)
  # Only the offset's remainder matters; taking it first avoids overflow.
  offset = (epoch % num_classes) * (dictionary_size % num_classes)
  return slot // num_classes, (slot + offset) % num_classes


def draw(
  key: jax.Array,
  label: jax.Array,
  reward_batch_size: int,
  num_classes: int,
) -> jax.Array:
  """FetchBalancedBatch: Q dictionary slots, without replacement.

  Within a class slots come in random order; classes take turns, in an order
  drawn anew each time, so that the counts of any two classes that still have
  slots differ by at most one. Q < C draws Q different classes.

  Args:
    key: typed PRNG key.
    label: int32 [K], the dictionary's labels.
    reward_batch_size: Q <= K.
    num_classes: C.

  Returns:
    int32 [Q], slots of the dictionary.

  Source: Algorithm 1; the scheme is ours.
  """
  expect(label=(label, "int K"))
  size = label.shape[0]
  u = jax.random.uniform(key, (size + num_classes,))
  slot_order, class_order = u[:size], u[size:]
  by_class = jnp.lexsort((slot_order, label))
  count = jnp.bincount(label, length=num_classes)
  start = jnp.cumsum(count) - count
  sorted_label = label[by_class]
  turn = jnp.arange(size) - start[sorted_label]
  taking_turns = jnp.lexsort((class_order[sorted_label], turn))
  return by_class[taking_turns[:reward_batch_size]].astype(jnp.int32)
