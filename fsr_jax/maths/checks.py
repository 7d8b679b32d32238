"""What the equations take: dtypes and shapes, checked where they enter.

JAX broadcasts and casts whatever it can: integer labels handed to a loss that
expects a distribution give a number, and a wrong one. Every public function of
the equations names what it expects; what does not fit is an error in one line.
The checks run while a function is traced and cost nothing when it runs.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fsr_jax.errors import InputError

_KINDS: dict[str, Any] = {
  "float": jnp.floating,
  "int": jnp.integer,
  "bool": jnp.bool_,
}
_HINTS = {
  ("float", "int"): "; make class numbers a distribution by losses.one_hot",
}


def expect(**arguments: tuple[ArrayLike | None, str]) -> None:
  """Checks arrays against a kind and shape letters.

  Args:
    **arguments: name -> (array, "KIND LETTER LETTER ..."); KIND is float, int
      or bool, a letter stands for the same size everywhere in one call, "..."
      at the end for any further axes.

  Raises:
    InputError: names the argument, what it is and what was expected.

  >>> import jax.numpy as jnp
  >>> expect(logits=(jnp.zeros((2, 3)), "float B C"), y=(jnp.ones(2), "int B"))
  Traceback (most recent call last):
  ...
  fsr_jax.errors.InputError: y is float32 [2]; expected int [B]
  """
  sizes: dict[str, int] = {}
  for name, (array, expected) in arguments.items():
    kind, *letters = expected.split()
    wanted = f"{kind} [{', '.join(letters)}]"
    if array is None:
      raise InputError(f"{name} is missing; expected {wanted}")
    shape, dtype = jnp.shape(array), jnp.result_type(array)
    found = f"{name} is {dtype} {list(shape)}"
    if not jnp.issubdtype(dtype, _KINDS[kind]):
      given = "int" if jnp.issubdtype(dtype, jnp.integer) else ""
      hint = _HINTS.get((kind, given), "")
      raise InputError(f"{found}; expected {wanted}{hint}")
    if letters[-1:] == ["..."]:
      letters = letters[:-1]
      fits = len(shape) >= len(letters)
    else:
      fits = len(shape) == len(letters)
    for letter, size in zip(letters, shape):
      fits = fits and sizes.setdefault(letter, size) == size
    if not fits:
      known = "".join(f", {k} = {v}" for k, v in sizes.items())
      raise InputError(f"{found}; expected {wanted}{known}")


def at_least_float32(x: jax.Array) -> jax.Array:
  """`x` in float32, or in float64 where it is that already.

  Losses, gradients for weights and weights are sums and quotients of small
  numbers: bfloat16, which a network may compute in, has three digits.
  """
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))
