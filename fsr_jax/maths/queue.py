"""A queue of trusted features: rewards without a forward pass of their own.

The paper draws a reward batch from the dictionary each step and passes it
through the network, which costs more than the training batch itself. But the
look-ahead moves the head alone (eq. 6, last row): all it needs of a trusted
sample are its features, and those are computed anyway whenever the sample
comes by in training. So every class keeps the newest few. They are some steps
old, which the backbone hardly moves in; the head they are judged by is the
present one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths import collectives
from fsr_jax.maths.checks import expect


class Queue(NamedTuple):
  """Up to L slots a class, the same on every device.

  Attributes:
    features: float32 [C, L, ...], of one sample a slot; zeros where empty.
    capacity: int32 [C], in 1..L, slots of each class that are used.
    pushed: int32 [C], samples of each class pushed so far; the next goes to
      slot `pushed mod capacity`.
  """

  features: jax.Array
  capacity: jax.Array
  pushed: jax.Array


def init(
  available: jax.Array, queue_size: int, feature_shape: tuple[int, ...]
) -> Queue:
  """An empty queue of max(1, queue_size // C) slots a class, or fewer.

  A class uses no more slots than it has trusted samples: a second copy of a
  sample would be the older one, by epochs where a class is rare.

  Args:
    available: int [C], trusted samples of each class, at least 1.
    queue_size: slots of all classes together.
    feature_shape: of one sample's features, (F,) or (H, W, channels).

  Returns:
    Queue.
  """
  expect(available=(available, "int C"))
  num_classes = available.shape[0]
  slots = max(1, queue_size // num_classes)
  return Queue(
    jnp.zeros((num_classes, slots, *feature_shape), jnp.float32),
    jnp.clip(available, 1, slots).astype(jnp.int32),
    jnp.zeros(num_classes, jnp.int32),
  )


def push(
  queue: Queue, features: jax.Array, label: jax.Array, accepted: jax.Array
) -> Queue:
  """The accepted samples of a batch in place of the oldest of their classes.

  Args:
    queue: Queue.
    features: float [b, ...], not mixed.
    label: int32 [b].
    accepted: bool [b], whether a sample may come in.

  Returns:
    Queue, the same on every device. Of a class with more accepted samples than
    slots the last ones of the batch stay.
  """
  expect(
    features=(features, "float B ..."),
    label=(label, "int B"),
    accepted=(accepted, "bool B"),
  )
  features, label, accepted = collectives.all_gather(
    (features, label, accepted)
  )
  num_classes = queue.features.shape[0]
  capacity = queue.capacity[label]
  one_hot = jax.nn.one_hot(label, num_classes, dtype=jnp.int32)
  one_hot *= accepted[:, None]
  arrived = jnp.sum(one_hot, axis=0)
  rank = jnp.take_along_axis(jnp.cumsum(one_hot, axis=0), label[:, None], 1)
  rank = rank[:, 0] - 1
  newest = accepted & (rank >= arrived[label] - capacity)
  # Rows that do not come in are written to a class that is not there.
  row = jnp.where(newest, label, num_classes)
  slot = (queue.pushed[label] + rank) % capacity
  return queue._replace(
    features=queue.features.at[row, slot].set(
      features.astype(jnp.float32), mode="drop"
    ),
    pushed=queue.pushed + arrived,
  )


def contents(queue: Queue) -> tuple[jax.Array, jax.Array, jax.Array]:
  """What is in the queue, empty slots included.

  Returns:
    (features float32 [C L, ...], label int32 [C L], share float32 [C L]). Of
    all shares, which sum to 1 (0 while the queue is empty), every class that
    has samples gets the same part, and each of its samples the same of it;
    empty slots get none.
  """
  num_classes, slots = queue.features.shape[:2]
  count = jnp.minimum(queue.pushed, queue.capacity)
  classes = jnp.maximum(jnp.sum(count > 0), 1)
  share = 1.0 / (classes * jnp.maximum(count, 1))
  share = jnp.where(jnp.arange(slots) < count[:, None], share[:, None], 0.0)
  label = jnp.repeat(jnp.arange(num_classes), slots)
  features = queue.features.reshape(-1, *queue.features.shape[2:])
  return features, label, share.reshape(-1)
