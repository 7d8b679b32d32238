"""Wrong input is found here, before anything is trained or written."""

import math

from ml_collections import ConfigDict, FrozenConfigDict

from fsr_jax import config as config_lib
from fsr_jax.data import sources
from fsr_jax.data.dataset import Data
from fsr_jax.data.images.reader import Encoded
from fsr_jax.data.labels import imbalance, noise
from fsr_jax.data.options import check_options
from fsr_jax.errors import check, choose
from fsr_jax.maths import pushers, reweight
from fsr_jax.models import blocks_of
from fsr_jax.step import objective, weighting
from fsr_jax.step.state import (
  SCHEDULES,
  estimates_transition,
  keeps_dictionary,
)

# What a field must be: (test, words for the message).
_POSITIVE = (lambda x: x > 0, "above 0")
_NOT_NEGATIVE = (lambda x: x >= 0, "0 or above")
_FRACTION = (lambda x: 0 <= x <= 1, "in 0-1")
_BELOW_ONE = (lambda x: 0 <= x < 1, "in 0-1, below 1")

_RANGES = {
  "seed": (lambda x: 0 <= x < 2**32, "in 0-4294967295"),
  "data.num_classes": _NOT_NEGATIVE,
  "data.max_examples": _NOT_NEGATIVE,
  "data.held_out": _NOT_NEGATIVE,
  "data.imbalance_ratio": (lambda x: x >= 1, "1 or above"),
  "data.noise_ratio": _FRACTION,
  "data.crop_padding": _NOT_NEGATIVE,
  "data.min_crop_area": (lambda x: 0 < x <= 1, "above 0, at most 1"),
  "data.image_size": _NOT_NEGATIVE,
  "data.resident_gb": _NOT_NEGATIVE,
  "data.test_share": _BELOW_ONE,
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
  "dictionary_share": _FRACTION,
  "reward_batch_size": _POSITIVE,
  "lookahead_lr": _POSITIVE,
  "lookahead_momentum": _NOT_NEGATIVE,
  "focal_gamma": _NOT_NEGATIVE,
  "gce_q": (lambda x: 0 < x <= 1, "above 0, at most 1"),
  "class_balance_beta": _BELOW_ONE,
  "remix_ratio": (lambda x: x >= 1, "1 or above"),
  "weight_net_lr": _POSITIVE,
  "weight_lr": _NOT_NEGATIVE,
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
  choose("method", config.method, config_lib.METHODS)
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
  _validate_names(config)
  flat = config_lib.flatten(config.to_dict())
  for field, (holds, words) in _RANGES.items():
    value = flat[field]
    check(
      math.isfinite(value) and holds(value),
      f"{field}={value}; expected a number {words}",
    )
  check_options(config.data)
  _validate_parts(config)
  check(
    config.lr_warmup_epochs < config.num_epochs,
    f"lr_warmup_epochs={config.lr_warmup_epochs} leaves nothing of"
    f" num_epochs={config.num_epochs}",
  )
  if config.schedule == "step":
    _validate_decays(config)


def _validate_names(config) -> None:
  """Fields whose value is a name."""
  blocks_of(config.network)
  sources.source_of(config.data.dataset)
  choose("imbalance", config.data.imbalance, imbalance.IMBALANCES)
  choose("noise", config.data.noise, noise.NOISES)
  choose("on_error", config.data.on_error, ("raise", "skip"))
  choose("pusher", config.pusher, pushers.PUSHERS)
  choose("schedule", config.schedule, SCHEDULES)
  choose("weighting", config.weighting, weighting.WEIGHTINGS)
  choose("rewards", config.rewards, weighting.REWARDS)
  choose("weight_rule", config.weight_rule, reweight.WEIGHT_RULES)
  choose(
    "reward_batch_norm",
    config.reward_batch_norm,
    weighting.REWARD_BATCH_NORMS,
  )
  choose("loss", config.loss, objective.LOSSES)
  choose("pseudo_loss", config.pseudo_loss, objective.PSEUDO_LOSSES)
  choose("transition", config.transition, ("known", "estimated"))


def _validate_parts(config) -> None:
  """Parts of a method that contradict each other."""
  if config.weighting != "uniform":
    _validate_rewards(config)
  check(
    config.mixup or not config.remix,
    "remix=True but mixup=False; remix is a MixUp: set mixup=True",
  )
  check(
    config.weight_rule != "clip" or config.weight_lr > 0,
    "weight_lr=0 with weight_rule=clip leaves no weight; expected above 0",
  )
  check(
    config.method != "elr" or config.pseudo_loss_weight > 0,
    "method=elr but pseudo_loss_weight=0, which switches it off; expected a"
    " number above 0",
  )
  check(
    not estimates_transition(config)
    or 0 < config.warmup_epochs < config.num_epochs,
    f"warmup_epochs={config.warmup_epochs} of num_epochs={config.num_epochs},"
    " but transition=estimated, which is done at the end of the warm-up;"
    " expected 1 or more, and fewer than num_epochs",
  )


def _validate_rewards(config) -> None:
  source = "dictionary_size"
  size = config.dictionary_size
  if config.rewards == "held_out":
    source, size = "data.held_out", config.data.held_out
    check(
      size > 0,
      f"method={config.method} draws rewards from held-out clean samples, but"
      " data.held_out=0; set it to how many shall be set aside",
    )
  check(
    config.reward_batch_size <= size,
    f"reward_batch_size={config.reward_batch_size} is larger than"
    f" {source}={size}; a reward batch is drawn from them without"
    " replacement",
  )


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
  check(
    len(data.train.image.shape) == 4
    or (
      config.data.crop_padding == 0
      and not config.data.flip
      and config.data.min_crop_area == 1
    ),
    "feature vectors cannot be cropped or mirrored; set data.crop_padding=0,"
    " data.min_crop_area=1, data.flip=False and a network of vectors (mlp)",
  )
  fields = ["batch_size"]
  if keeps_dictionary(config):
    fields.append("dictionary_size")
  if data.held_out is not None:
    check(
      len(data.held_out) >= data.num_classes,
      f"data.held_out={len(data.held_out)} is fewer than the"
      f" {data.num_classes} classes; expected one of each at least",
    )
  clean_label = data.train.clean_label
  check(
    config.loss != "forward_correction"
    or config.transition != "known"
    or (clean_label is not None and clean_label.min() >= 0),
    "transition=known needs the clean label of every training example, which"
    " these data have not",
  )
  for field in fields:
    check(
      config[field] <= len(data.train),
      f"{field}={config[field]} is larger than the {len(data.train)}"
      f" training examples of {config.data.dataset}",
    )


def notices(config, data: Data) -> list[str]:
  """What is allowed but perhaps not meant, one line each."""
  lines = []
  if data.skipped:
    lines.append(
      f"{len(data.skipped)} images cannot be read and are left out; see"
      " skipped.txt in the workdir"
    )
  if (
    config.data.image_size
    and config.data.min_crop_area == 1
    and (
      not isinstance(data.train.image, Encoded) and not config.data.test_from
    )
  ):
    lines.append(
      f"data.image_size={config.data.image_size} is not used: the images of"
      f" {config.data.dataset} keep their size"
    )
  later = config.weighting != "uniform" or config.pseudo_loss_weight
  if later and config.warmup_epochs >= config.num_epochs:
    lines.append(
      f"warmup_epochs={config.warmup_epochs} covers all"
      f" {config.num_epochs} epochs: neither learned weights nor re-labelling"
      " will begin"
    )
  if keeps_dictionary(config) and config.dictionary_size < data.num_classes:
    lines.append(
      f"dictionary_size={config.dictionary_size} is below the"
      f" {data.num_classes} classes: they take turns from epoch to epoch"
    )
  if keeps_dictionary(config) and (
    config.pusher == "mixed_margin" and not config.mixup
  ):
    lines.append(
      "pusher=mixed_margin without MixUp is eq. 5, which picks mislabelled"
      " samples; see README"
    )
  if config.pseudo_loss == "elr" and not config.pseudo_loss_weight:
    lines.append("pseudo_loss=elr is off: pseudo_loss_weight=0")
  if config.weighting == "uniform" and config.rewards == "held_out":
    lines.append("rewards=held_out are not used: weighting=uniform")
  return lines
