"""Wrong input is found here, before anything is trained or written."""

import math

from ml_collections import ConfigDict, FrozenConfigDict

from fsr_jax import config as config_lib
from fsr_jax.data import corrupt, sources
from fsr_jax.data.dataset import Data
from fsr_jax.errors import check, choose
from fsr_jax.maths import pushers, reweight
from fsr_jax.models import NETWORKS
from fsr_jax.step.state import SCHEDULES

METHODS = ("fsr", "plain")

# What a field must be: (test, words for the message).
_POSITIVE = (lambda x: x > 0, "above 0")
_NOT_NEGATIVE = (lambda x: x >= 0, "0 or above")
_FRACTION = (lambda x: 0 <= x <= 1, "in 0-1")
_BELOW_ONE = (lambda x: 0 <= x < 1, "in 0-1, below 1")

_RANGES = {
    "seed": _NOT_NEGATIVE,
    "data.max_examples": _NOT_NEGATIVE,
    "data.imbalance_ratio": (lambda x: x >= 1, "1 or above"),
    "data.noise_ratio": _FRACTION,
    "data.crop_padding": _NOT_NEGATIVE,
    "num_epochs": _POSITIVE,
    "batch_size": _POSITIVE,
    "learning_rate": _POSITIVE,
    "lr_warmup_epochs": _NOT_NEGATIVE,
    "momentum": _BELOW_ONE,
    "weight_decay": _NOT_NEGATIVE,
    "label_smoothing": _BELOW_ONE,
    "ema_decay": _FRACTION,
    "warmup_epochs": _NOT_NEGATIVE,
    "dictionary_size": _POSITIVE,
    "reward_batch_size": _POSITIVE,
    "lookahead_lr": _POSITIVE,
    "lookahead_momentum": _NOT_NEGATIVE,
    "weight_lr": _POSITIVE,
    "score_momentum": _BELOW_ONE,
    "pseudo_loss_weight": _NOT_NEGATIVE,
    "pseudo_label_momentum": _BELOW_ONE,
    "num_devices": _NOT_NEGATIVE,
    "steps_per_call": _NOT_NEGATIVE,
    "eval_every_epochs": _POSITIVE,
    "eval_batch_size": _POSITIVE,
    "checkpoint_every_epochs": _POSITIVE,
    "keep_checkpoints": _POSITIVE,
    "log_every_seconds": _NOT_NEGATIVE,
}


def resolve_and_load(config: ConfigDict) -> tuple[FrozenConfigDict, Data]:
  """The config as a run uses it, validated, and its data.

  Args:
    config: ConfigDict with the fields of config.base().

  Returns:
    (resolved and frozen config, Data).

  Raises:
    InputError: the message says what, where and what was expected.
  """
  known = config_lib.flatten(config_lib.base().to_dict())
  given = config_lib.flatten(config.to_dict())
  check(
      known.keys() == given.keys(),
      "the config must have the fields of fsr_jax/config.py; unknown or"
      f" missing: {', '.join(sorted(known.keys() ^ given.keys()))}",
  )
  config = FrozenConfigDict(config_lib.resolve(config))
  validate_config(config)
  data = sources.load(config.data, config.seed)
  validate_against_data(config, data)
  return config, data


def validate_config(config) -> None:
  """Checks every field of a resolved config that no data are needed for.

  Raises:
    InputError: an unknown name (lists the choices), a value out of range, or
      fields that contradict each other.
  """
  choose("method", config.method, METHODS)
  choose("network", config.network, NETWORKS)
  choose("dataset", config.data.dataset, sources.SOURCES)
  choose("noise", config.data.noise, corrupt.NOISES)
  choose("pusher", config.pusher, pushers.PUSHERS)
  choose("schedule", config.schedule, SCHEDULES)
  choose("weight_rule", config.weight_rule, reweight.WEIGHT_RULES)
  flat = config_lib.flatten(config.to_dict())
  for field, (holds, words) in _RANGES.items():
    value = flat[field]
    check(
        math.isfinite(value) and holds(value),
        f"{field}={value}; expected a number {words}",
    )
  check(
      config.data.noise != "none" or config.data.noise_ratio == 0,
      f"data.noise_ratio={config.data.noise_ratio} but data.noise=none; set"
      f" data.noise to one of: {', '.join(corrupt.NOISES)}",
  )
  check(
      config.method != "fsr"
      or config.reward_batch_size <= config.dictionary_size,
      f"reward_batch_size={config.reward_batch_size} is larger than"
      f" dictionary_size={config.dictionary_size}; a reward batch is drawn"
      " from the dictionary without replacement",
  )
  check(
      config.lr_warmup_epochs < config.num_epochs,
      f"lr_warmup_epochs={config.lr_warmup_epochs} leaves nothing of"
      f" num_epochs={config.num_epochs}",
  )
  if config.schedule == "step":
    _validate_decays(config)


def _validate_decays(config) -> None:
  epochs, factors = config.lr_decay_epochs, config.lr_decay_factors
  check(
      all(isinstance(x, int) for x in epochs)
      and all(isinstance(x, int | float) and 0 <= x <= 1 for x in factors)
      and len(epochs) == len(factors)
      and list(epochs) == sorted(set(epochs))
      and all(epoch > config.lr_warmup_epochs for epoch in epochs),
      f"lr_decay_epochs={tuple(epochs)} and"
      f" lr_decay_factors={tuple(factors)}; expected increasing epochs after"
      " lr_warmup_epochs and a factor in 0-1 for each",
  )


def validate_against_data(config, data: Data) -> None:
  """Checks the fields whose bounds the data set.

  Raises:
    InputError: B or K larger than the training set.
  """
  fields = ["batch_size"]
  if config.method == "fsr":
    fields.append("dictionary_size")
  for field in fields:
    check(
        config[field] <= len(data.train),
        f"{field}={config[field]} is larger than the {len(data.train)}"
        f" training examples of {config.data.dataset}",
    )


def notices(config, data: Data) -> list[str]:
  """What is allowed but perhaps not meant, one line each."""
  lines = []
  if config.method == "fsr" and config.warmup_epochs >= config.num_epochs:
    lines.append(
        f"warmup_epochs={config.warmup_epochs} covers all"
        f" {config.num_epochs} epochs: no weights will be learned"
    )
  if config.method == "fsr" and config.dictionary_size < data.num_classes:
    lines.append(
        f"dictionary_size={config.dictionary_size} is below the"
        f" {data.num_classes} classes: they take turns from epoch to epoch"
    )
  return lines
