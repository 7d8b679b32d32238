"""Configs of runs: what a file in `configs/` and flags set, and what it means.

The fields are those of the options (`config.options`); this module turns them
into the ConfigDict that flags change, and back into typed options.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fsr_jax import fields
from fsr_jax.config import own_data
from fsr_jax.config.methods import METHODS, PARTS, TABLE_4
from fsr_jax.config.options import (
  DATA,
  Options,
  RunOptions,
  all_fields,
)
from fsr_jax.config.own_data import leave_open
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources import Source
from fsr_jax.errors import check, choose
from fsr_jax.models.options import NetworkOptions
from fsr_jax.reweighting import ReweightingOptions
from fsr_jax.train.options import (
  ObjectiveOptions,
  OptimizationOptions,
  TrainOptions,
)

# Fields that say where and how a run is done, not what it computes: a run may
# be resumed with other values (on the same training labels, which it compares).
FREE_FIELDS = frozenset(
  name for name, (_, entry) in all_fields().items() if entry.metadata["free"]
)


# Follows num_epochs unless it is set.
_WARMUP = "warmup_epochs"


def base() -> ConfigDict:
  """The base configuration: CIFAR noise settings of the paper's Table 4.

  Options that some method sets are left open, and warmup_epochs; `resolve`
  fills them in, and those that follow from the user's own data where a config
  file opens them.
  """
  config = ConfigDict({"data": ConfigDict()})
  for name, (group, entry) in all_fields().items():
    value = entry.default
    if value is None or name in PARTS or name == _WARMUP:
      value = placeholder(fields.type_of(group, entry.name))
    holder = config.data if name.startswith(DATA) else config
    holder[entry.name] = value
  return config.lock()  # A misspelt field in a config file is an error.


def of_own_data(path: str | None = None) -> ConfigDict:
  """The base configuration for the user's own data.

  Args:
    path: of the data (data.path); None where they are named later, or are in
      memory.

  Returns:
    ConfigDict in which what follows from the data (own_data.FOLLOWS) is open.
  """
  config = base()
  leave_open(config)
  config.data.path = path
  config.num_epochs = 100
  config.schedule = "cosine"
  return config


def resolve(config: ConfigDict, source: Source | None = None) -> ConfigDict:
  """A copy in which what is left open is filled in: by method, by the number
  of epochs and by own data.

  Args:
    config: ConfigDict with the fields of `base`.
    source: of data in memory; None where the config says where they are.

  Raises:
    InputError: an unknown method (lists the choices); the user's own data,
      where they are looked at, are not there or not what they seem to be.
  """
  choose("method", config.method, METHODS)
  config = ConfigDict(config.to_dict())
  preset, known = METHODS[config.method].fields, all_fields()
  for name in PARTS:
    if config[name] is None:
      config[name] = preset.get(name, known[name][1].default)
  if config[_WARMUP] is None:
    config[_WARMUP] = usual_warmup(config.num_epochs)
  own_data.fill(config, source)
  return config


def usual_warmup(num_epochs: int) -> int:
  """Epochs of warm-up of a run in which they are not set.

  A sixth, which is near the released code's 20 of 127; in long runs a round
  number, in short ones at least one epoch.
  """
  sixth = max(1, num_epochs // 6)
  return sixth if sixth < 5 else min(20, sixth // 5 * 5)


def typed(config: ConfigDict) -> Options:
  """The options that a resolved config stands for.

  Args:
    config: from `resolve`.

  Returns:
    Options, not validated.
  """
  values = config.to_dict()
  return Options(
    run=fields.pick(RunOptions, values),
    train=TrainOptions(
      data=fields.pick(DataOptions, values["data"]),
      network=fields.pick(NetworkOptions, values),
      optimization=fields.pick(OptimizationOptions, values),
      objective=fields.pick(ObjectiveOptions, values),
      reweighting=fields.pick(ReweightingOptions, values),
    ),
  )


def arguments(given: str, **defaults: str | float) -> list:
  """What follows the colon of --config=FILE.py:A,B,C.

  Args:
    given: values separated by commas.
    **defaults: name -> value of what is left out; a number says that a number
      is expected.

  Returns:
    One value for each of `defaults`.

  Raises:
    InputError: too many, or no number where one is expected.
  """
  parts = [part.strip() for part in given.split(",")] if given else []
  check(
    len(parts) <= len(defaults),
    f"{given} has {len(parts)} parts; expected {','.join(defaults).upper()}",
  )
  values: list = parts + list(defaults.values())[len(parts) :]
  for i, (name, default) in enumerate(defaults.items()):
    if not isinstance(default, str):
      try:
        values[i] = float(values[i])
      except ValueError:
        words = name.replace("_", " ")
        check(False, f"{words} {values[i]!r} is not a number")
  return values


def flatten(tree: dict, prefix: str = "") -> dict[str, object]:
  """{"data": {"flip": True}} -> {"data.flip": True}."""
  flat: dict[str, object] = {}
  for key, value in tree.items():
    if isinstance(value, dict):
      flat.update(flatten(value, f"{prefix}{key}."))
    else:
      flat[prefix + key] = value
  return flat


__all__ = [
  "FREE_FIELDS",
  "METHODS",
  "PARTS",
  "TABLE_4",
  "Options",
  "all_fields",
  "arguments",
  "base",
  "flatten",
  "of_own_data",
  "resolve",
  "typed",
  "usual_warmup",
]
