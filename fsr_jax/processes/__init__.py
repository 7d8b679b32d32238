"""Processes that train together, usually one on each host.

All of them run the same program in step. What one of them finds out, reads or
fails at is told to the others here: by the key-value store of JAX's
coordination service where it is small, over the devices where it is large.
With one process every function does what it would do without this package.
"""

from collections.abc import Callable
import itertools
import json
from typing import Any

import jax
import numpy as np

from fsr_jax.errors import InputError, check

# Bytes of arrays that are sent at a time.
_CHUNK = 1 << 26
# Counts what is told: all processes do so in the same order.
_number = itertools.count()


def _joined() -> Any:
  """What `jax.distributed.initialize` knows. JAX has no public name for it, and
  to ask for `jax.process_count` would wait for the devices."""
  from jax._src import distributed

  return distributed.global_state


def count() -> int:
  """Number of processes, P."""
  return _joined().num_processes


def index() -> int:
  """Of this process, from 0."""
  return _joined().process_id


def is_first() -> bool:
  """Whether this is process 0, which alone writes the workdir."""
  return index() == 0


def store() -> Any:
  """The key-value store, which all processes see; Orbax uses it too."""
  return _joined().client


def from_first(function: Callable[[], Any]) -> Any:
  """What a function returns in process 0, in all processes.

  Args:
    function: of values that JSON has; called in process 0 alone.

  Raises:
    InputError: of the function, in all processes.
  """
  if count() == 1:
    return function()
  # All wait for each other as JAX starts what computes. Left to later, one
  # could wait for that, and another for what the first one has to say.
  jax.devices()
  key = f"fsr_jax/from_first/{next(_number)}"
  if is_first():
    try:
      said = {"value": function()}
    except (InputError, OSError) as error:
      store().key_value_set(key, json.dumps({"error": str(error)}))
      raise
    store().key_value_set(key, json.dumps(said))
  answer = _published(key)
  if "error" in answer:
    raise InputError(answer["error"])
  return answer["value"]


def from_each(value: Any) -> list[Any]:
  """A value of each process, in their order, in all of them.

  Args:
    value: of this process, such as JSON has.
  """
  if count() == 1:
    return [value]
  key = f"fsr_jax/from_each/{next(_number)}"
  store().key_value_set(f"{key}/{index()}", json.dumps(value))
  # By way of process 0: each would ask every other one else.
  return from_first(lambda: [_published(f"{key}/{i}") for i in range(count())])


def _published(key: str) -> Any:
  """Waits for what another process says under a key."""
  while True:
    try:
      # Short: signals are handled between two calls.
      return json.loads(store().blocking_key_value_get(key, 1000))
    except jax.errors.JaxRuntimeError as error:
      if "DEADLINE_EXCEEDED" not in str(error):
        raise


def check_alike(what: str, value: dict[str, Any]) -> None:
  """Refuses processes that begin with different things.

  Args:
    what: they are, for the message.
    value: of this process, such as JSON has.

  Raises:
    InputError: in all processes; names the first key that differs.
  """
  values = from_each(value)
  for who, other in enumerate(values):
    names = sorted(other.keys() | values[0].keys())
    differing = [n for n in names if other.get(n) != values[0].get(n)]
    name = differing[0] if differing else ""
    check(
      not differing,
      f"{what} of process {who} are not those of process 0: {name} is"
      f" {other.get(name)!r} there and {values[0].get(name)!r} in process 0",
    )


def share(total: int) -> slice:
  """Which of `total` things, a multiple of the processes, are this one's."""
  size = total // count()
  return slice(index() * size, (index() + 1) * size)


def arrays_from_first(tree: Any) -> Any:
  """Arrays of process 0 in all processes, bit by bit.

  Args:
    tree: of numpy arrays, of the same shapes and dtypes in all processes.

  Returns:
    Tree of numpy arrays.
  """
  if count() == 1:
    return tree
  leaves, structure = jax.tree.flatten(tree)
  leaves = [np.asarray(x) for x in leaves]
  sizes = [x.nbytes for x in leaves]
  # As bytes: a sum with zeros would turn -0.0 into 0.0.
  sent = np.frombuffer(b"".join(x.tobytes() for x in leaves), np.uint8)
  chunk = min(_CHUNK, max(sent.size, 1))
  pieces = np.pad(sent, (0, -sent.size % chunk)).reshape(-1, chunk)
  found = b"".join(_broadcast(piece).tobytes() for piece in pieces)
  starts = np.cumsum([0, *sizes[:-1]])
  return jax.tree.unflatten(
    structure,
    [
      np.frombuffer(found[start : start + x.nbytes], x.dtype).reshape(x.shape)
      for x, start in zip(leaves, starts)
    ],
  )


def _broadcast(piece: np.ndarray) -> np.ndarray:
  # Here: it is slow to import, and one process needs it not.
  from jax.experimental import multihost_utils

  return np.asarray(multihost_utils.broadcast_one_to_all(piece))


def rows_of_all(rows: np.ndarray) -> np.ndarray:
  """The rows of all processes, in their order.

  Args:
    rows: [n, ...], the same shape in all processes.

  Returns:
    [P * n, ...], of the same dtype.
  """
  if count() == 1:
    return rows
  from jax.experimental import multihost_utils

  found = multihost_utils.process_allgather(rows)
  return np.asarray(found).reshape(-1, *rows.shape[1:])
