"""Optimizer and learning rate, as the options say."""

from collections.abc import Callable

import optax

from fsr_jax.maths import schedules
from fsr_jax.train.options import OptimizationOptions

# name -> schedule(options, steps per epoch, steps after the warm-up).
_SCHEDULES = {
  "cosine_restarts": lambda o, per_epoch, steps: schedules.cosine_restarts(
    o.learning_rate, steps, max(1, o.num_epochs - o.lr_warmup_epochs)
  ),
  "cosine": lambda o, per_epoch, steps: schedules.cosine(
    o.learning_rate, steps
  ),
  "step": lambda o, per_epoch, steps: schedules.step_decay(
    o.learning_rate,
    per_epoch,
    # Later ones are never reached, and might not fit into int32.
    [
      max(0, min(epoch, o.num_epochs) - o.lr_warmup_epochs)
      for epoch in o.lr_decay_epochs
    ],
    o.lr_decay_factors,
  ),
}

# name -> direction of the update from options; L2 decay comes before it ...
_L2: dict[str, Callable[..., optax.GradientTransformation]] = {
  "sgd": lambda o: optax.trace(decay=o.momentum),
  "nesterov": lambda o: optax.trace(decay=o.momentum, nesterov=True),
  "adam": lambda o: optax.scale_by_adam(b1=o.momentum),
}
# ... or decay is decoupled and comes after it.
_DECOUPLED: dict[str, Callable[..., optax.GradientTransformation]] = {
  "adamw": lambda o: optax.scale_by_adam(b1=o.momentum),
  "lion": lambda o: optax.scale_by_lion(b1=o.momentum),
  "lamb": lambda o: optax.scale_by_adam(b1=o.momentum, eps=1e-6),
}
# Those that have a buffer of past gradients for lookahead_momentum.
WITH_BUFFER = ("sgd", "nesterov")


def learning_rate(
  options: OptimizationOptions, steps_per_epoch: int
) -> schedules.Schedule:
  """step -> learning rate; the options' epochs count from the run's start."""
  warmup = options.lr_warmup_epochs * steps_per_epoch
  # A run may end before the rise does.
  steps = max(1, options.num_epochs * steps_per_epoch - warmup)
  after = _SCHEDULES[options.schedule](options, steps_per_epoch, steps)
  return schedules.with_warmup(after, options.learning_rate, warmup)


def optimizer(
  options: OptimizationOptions, steps_per_epoch: int
) -> optax.GradientTransformation:
  """The optimizer under its schedule.

  Args:
    options: OptimizationOptions.
    steps_per_epoch: steps.

  Returns:
    optax.GradientTransformation.
  """
  name, parts = options.optimizer, []
  decay = optax.add_decayed_weights(options.weight_decay)
  if options.gradient_clip:
    parts.append(optax.clip_by_global_norm(options.gradient_clip))
  if name in _L2:
    parts += [decay, _L2[name](options)]
  else:
    parts += [_DECOUPLED[name](options), decay]
  if name == "lamb":
    parts.append(optax.scale_by_trust_ratio())
  rate = learning_rate(options, steps_per_epoch)
  return optax.chain(*parts, optax.scale_by_learning_rate(rate))
