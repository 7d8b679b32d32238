"""What can be chosen about the optimizer; the defaults are those of `fsr`."""

import dataclasses

from fsr_jax.fields import (
  BELOW_ONE,
  FRACTION,
  NOT_NEGATIVE,
  POSITIVE,
  Bound,
  field,
)

SCHEDULES = ("cosine_restarts", "cosine", "step")
ON_NONFINITE = ("stop", "skip")
OPTIMIZERS = ("sgd", "nesterov", "adam", "adamw", "lion", "lamb")


@dataclasses.dataclass(frozen=True)
class OptimizationOptions:
  """How it is trained."""

  num_epochs: int = field(
    127,
    "Times that the training set is gone through.",
    bound=POSITIVE,
    usual=Bound(1, 5000),
    unit="epochs",
    source="released code",
  )
  batch_size: int = field(
    100,
    "B: samples a step, over all devices.",
    bound=POSITIVE,
    usual=Bound(2, 16384),
    unit="samples",
    source="Table 4",
  )
  optimizer: str = field(
    "sgd",
    "The optimizer: SGD with momentum (`sgd`), with Nesterov's (`nesterov`),"
    " or Adam, AdamW, Lion, LAMB as Optax has them.",
    choices=OPTIMIZERS,
    source="released code",
  )
  learning_rate: float = field(
    0.1,
    "Its peak.",
    bound=Bound(0, 1000, above=True),
    usual=Bound(1e-5, 3),
    source="released code",
  )
  schedule: str = field(
    "cosine_restarts",
    "How the learning rate falls: in cosine cycles, each twice as long as the"
    " one before (`cosine_restarts`), in one (`cosine`), or in steps.",
    choices=SCHEDULES,
    source="released code",
  )
  lr_warmup_epochs: int = field(
    0,
    "Linear rise of the learning rate before the schedule. configs/folder.py:"
    " a tenth of num_epochs, at most 3 (of feature vectors 1), unless it is"
    " set.",
    bound=NOT_NEGATIVE,
    unit="epochs",
  )
  lr_decay_epochs: tuple[int, ...] = field(
    (160, 180),
    "With schedule=step: when the learning rate falls ...",
    bound=POSITIVE,
    unit="epochs",
    source="released code, long tails",
    of=("schedule", "step"),
  )
  lr_decay_factors: tuple[float, ...] = field(
    (0.01, 0.0001),
    "... and to which share of the peak.",
    bound=FRACTION,
    unit="share 0-1",
    source="released code, long tails",
  )
  momentum: float = field(
    0.9,
    "Of SGD; beta_1 of the others.",
    bound=BELOW_ONE,
    unit="share 0-1",
    source="released code",
  )
  weight_decay: float = field(
    5e-4,
    "L2 penalty of all parameters with sgd, nesterov and adam; with the"
    " others taken from the parameters directly, times the learning rate.",
    bound=Bound(0, 100),
    usual=Bound(0, 0.5),
    source="released code",
  )
  gradient_clip: float = field(
    0.0,
    "Longest gradient, its Euclidean norm over all parameters; longer ones"
    " are shortened to it. 0 = no bound.",
    bound=NOT_NEGATIVE,
    usual=Bound(0.001, 1000),
  )
  on_nonfinite: str = field(
    "stop",
    "What is done at a step whose loss or gradient is infinite or NaN: the run"
    " stops and names it (`stop`), or goes on as if its batch had not been"
    " there (`skip`), and stops only after an epoch of nothing but such steps.",
    choices=ON_NONFINITE,
    source="ours",
    free=True,
  )
  ema_decay: float = field(
    0.999,
    "Ceiling of the decay of the parameters' moving average.",
    bound=FRACTION,
    unit="share 0-1",
    source="released code",
  )
