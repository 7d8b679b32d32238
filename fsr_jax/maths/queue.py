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
  """L slots a class, the same on every device.

  Attributes:
    features: float32 [C, L, ...], of one sample a slot; zeros where empty.
    pushed: int32 [C], samples of each class pushed so far; the next goes to
      slot `pushed mod L`.
  """

  features: jax.Array
  pushed: jax.Array


def init(
  num_classes: int, reward_batch_size: int, feature_shape: tuple[int, ...]
) -> Queue:
  """An empty queue of max(1, Q // C) slots a class.

  Args:
    num_classes: C.
    reward_batch_size: Q, as many rewards as fit.
    feature_shape: of one sample's features, (F,) or (H, W, channels).

  Returns:
    Queue.
  """
  slots = max(1, reward_batch_size // num_classes)
  return Queue(
    jnp.zeros((num_classes, slots, *feature_shape), jnp.float32),
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
  num_classes, slots = queue.features.shape[:2]
  one_hot = jax.nn.one_hot(label, num_classes, dtype=jnp.int32)
  one_hot *= accepted[:, None]
  arrived = jnp.sum(one_hot, axis=0)
  rank = jnp.take_along_axis(jnp.cumsum(one_hot, axis=0), label[:, None], 1)
  rank = rank[:, 0] - 1
  newest = accepted & (rank >= arrived[label] - slots)
  # Rows that do not come in are written to a class that is not there.
  row = jnp.where(newest, label, num_classes)
  slot = (queue.pushed[label] + rank) % slots
  return Queue(
    queue.features.at[row, slot].set(features.astype(jnp.float32), mode="drop"),
    queue.pushed + arrived,
  )


def contents(queue: Queue) -> tuple[jax.Array, jax.Array, jax.Array]:
  """What is in the queue, empty slots included.

  Returns:
    (features float32 [C L, ...], label int32 [C L], filled bool [C L]).
  """
  num_classes, slots = queue.features.shape[:2]
  label = jnp.repeat(jnp.arange(num_classes), slots)
  filled = jnp.arange(slots) < queue.pushed[:, None]
  features = queue.features.reshape(-1, *queue.features.shape[2:])
  return features, label, filled.reshape(-1)
