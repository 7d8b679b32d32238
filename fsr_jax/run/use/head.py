"""--tau_norm: a trained network whose last layer treats classes alike."""

import jax.numpy as jnp

from fsr_jax.errors import check
from fsr_jax.maths import prior
from fsr_jax.run.use.model import Model
from fsr_jax.run.use.stages import NETWORK


def tau_normalized(model: Model, tau: float) -> Model:
  """The model with `maths.prior.tau_normalized` rows, and no bias, at its end.

  Args:
    model: Model; it stays as it is.
    tau: 0-1; 0 leaves the model as it is, bias and all.

  Returns:
    Model.

  Raises:
    InputError: tau is no such number.
  """
  check(0 <= tau <= 1, f"tau_norm={tau}; expected a number in 0-1")
  if not tau:
    return model
  network = model.arrays[NETWORK]
  head = network["params"]["head"]
  linear = {
    "kernel": prior.tau_normalized(head["linear"]["kernel"], tau),
    "bias": jnp.zeros_like(head["linear"]["bias"]),
  }
  params = {**network["params"], "head": {**head, "linear": linear}}
  arrays = {**model.arrays, NETWORK: {**network, "params": params}}
  return Model(model.description, arrays)


def check_one(prior: str | None, tau_norm: float) -> None:
  """Refuses a prior and tau_norm together."""
  check(
    prior is None or not tau_norm,
    f"prior={prior} and tau_norm={tau_norm} both take out the shares that the"
    " classes had in training; expected one of them",
  )
