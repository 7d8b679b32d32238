"""The dictionary R: which samples the run trusts, and draws from it (eq. 4)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths import ranks
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
  expect(score=(score, "float N"), label=(label, "int N"))
  count = jnp.bincount(label, length=num_classes)
  rank, slot_class = _slots(dictionary_size, num_classes, epoch)
  rank %= jnp.maximum(count[slot_class], 1)
  return ranks.at_rank(score, label, slot_class, rank, num_classes)


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
  expect(score=(score, "float N"), label=(label, "int N"), u=(u, "float N"))
  size = label.shape[0]
  count = jnp.bincount(label, length=num_classes)
  pool_size = _pool_size(count, share)
  # Places in the order by class and falling score, which u belongs to.
  start = jnp.cumsum(count) - count
  place_class = jnp.repeat(
    jnp.arange(num_classes), count, total_repeat_length=size
  )
  in_pool = jnp.arange(size) - start[place_class] < pool_size[place_class]
  rank, slot_class = _slots(dictionary_size, num_classes, epoch)
  place = ranks.at_rank(
    -u,
    jnp.where(in_pool, place_class, num_classes),
    slot_class,
    rank % pool_size[slot_class],
    num_classes,
  )
  rank = place - start[slot_class]
  return ranks.at_rank(score, label, slot_class, rank, num_classes)


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
  num_classes = size.shape[0]
  last = ranks.at_rank(
    score, label, jnp.arange(num_classes), jnp.maximum(size - 1, 0), num_classes
  )
  key, position = ranks.order(score), jnp.arange(label.shape[0])
  end = key[last][label]
  level = (key == end) & (position <= last[label])
  return ((key > end) | level) & (size > 0)[label]


def _pool_size(count, share):
  """int32 [C], samples of each class that may be trusted."""
  return jnp.maximum(1, jnp.floor(share * count)).astype(jnp.int32)


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
