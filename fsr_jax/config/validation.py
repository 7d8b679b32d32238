"""Wrong input is found here, before anything is trained or written."""

from ml_collections import ConfigDict

from fsr_jax import config as config_lib
from fsr_jax import fields
from fsr_jax.config import notices as notices_lib
from fsr_jax.config import places
from fsr_jax.config.options import DATA, Options
from fsr_jax.data import options as data_options
from fsr_jax.data import sources
from fsr_jax.data.dataset import Data
from fsr_jax.data.sources import readers
from fsr_jax.errors import check
from fsr_jax.models import blocks_of
from fsr_jax.models.options import NetworkOptions
from fsr_jax.train.optimizer import WITH_BUFFER
from fsr_jax.train.options import OptimizationOptions


def resolve_and_load(
  config: ConfigDict,
  source: sources.Source | None = None,
  with_networks: bool = True,
) -> tuple[ConfigDict, Options, Data]:
  """The config as a run uses it, validated, and its data.

  Args:
    config: ConfigDict with the fields of config.base().
    source: of data in memory; None where the config says where they are.
    with_networks: as for `validate`.

  Returns:
    (resolved config, the options it stands for, Data).

  Raises:
    InputError: the message says what, where and what was expected.
  """
  known = config_lib.flatten(config_lib.base().to_dict())
  given = config_lib.flatten(config.to_dict())
  check(
    known.keys() == given.keys(),
    "the config must have the fields of config.base(); unknown or missing:"
    f" {', '.join(sorted(known.keys() ^ given.keys()))}",
  )
  config = places.absolute(config_lib.resolve(config, source))
  options = config_lib.typed(config)
  validate(options, with_networks)
  data = sources.load(options.train.data, options.run.seed, source)
  validate_against_data(options, data)
  return config, options, data


def validate(options: Options, with_networks: bool = True) -> None:
  """Checks every option that no data are needed for.

  Args:
    options: Options.
    with_networks: whether the networks are built, which runs code where they
      are the user's own.

  Raises:
    InputError: an unknown name (lists the choices), a value out of range, or
      options that contradict each other.
  """
  train = options.train
  for group in options.groups:
    fields.validate(group)
  fields.validate(train.data, DATA)
  if with_networks:
    blocks_of(train.network.network)
    blocks_of(train.network.feature_network)
  sources.source_of(train.data.dataset)
  data_options.check_options(train.data)
  _check_frozen(train.network)
  _check_schedule(train.optimization)
  _check_rewards(options)
  _check_passes(options)
  _check_loss(options)
  check(
    not options.run.shard_tables or not train.estimates_transition,
    "shard_tables=True and transition=estimated: the transition matrix is"
    " estimated from the whole table; expected one of them",
  )


def _check_frozen(o: NetworkOptions) -> None:
  """Whether a frozen backbone can be had."""
  check(
    not o.frozen_backbone or o.pretrained is not None,
    "frozen_backbone=True but pretrained is not set: features of a random"
    " network tell little; expected a file of weights, the workdir of a run or"
    " a name on the Hugging Face hub (docs/features.md)",
  )


def _check_schedule(o: OptimizationOptions) -> None:
  epochs, factors = o.lr_decay_epochs, o.lr_decay_factors
  check(
    o.schedule != "step"
    or (
      len(epochs) == len(factors)
      and list(epochs) == sorted(set(epochs))
      and all(epoch > o.lr_warmup_epochs for epoch in epochs)
    ),
    f"lr_decay_epochs={tuple(epochs)} and lr_decay_factors={tuple(factors)};"
    " expected increasing epochs after lr_warmup_epochs and a factor for each",
  )


def _check_rewards(options: Options) -> None:
  """Whether the rewards that weights are learned from can be had."""
  reweighting, data = options.train.reweighting, options.train.data
  check(
    reweighting.weight_rule != "clip" or reweighting.weight_lr > 0,
    "weight_lr=0 with weight_rule=clip leaves no weight; expected above 0",
  )
  optimizer = options.train.optimization.optimizer
  check(
    not reweighting.lookahead_momentum or optimizer in WITH_BUFFER,
    f"lookahead_momentum={reweighting.lookahead_momentum} takes the momentum"
    f" buffer of SGD, which optimizer={optimizer} has not; expected 0, or"
    f" optimizer {' or '.join(WITH_BUFFER)}",
  )
  if not reweighting.draws_rewards:
    return
  source, size = "dictionary_size", reweighting.dictionary_size
  if reweighting.rewards == "held_out":
    source, size = "data.held_out", data.held_out
    check(
      size > 0,
      f"method={options.run.method} draws rewards from held-out clean samples,"
      " but data.held_out=0; set it to how many shall be set aside",
    )
  check(
    reweighting.reward_batch_size <= size,
    f"reward_batch_size={reweighting.reward_batch_size} is larger than"
    f" {source}={size}; a reward batch is drawn from them without"
    " replacement",
  )


def _check_passes(options: Options) -> None:
  """Whether what is asked of a step is there in its passes."""
  train, objective = options.train, options.train.objective
  check(
    objective.mixup or not objective.remix,
    "remix=True but mixup=False; remix is a MixUp: set mixup=True",
  )
  if not train.unmixes:
    return
  needs = [
    name
    for name in ("weigh_mixed", "pseudo_loss_on_mixed")
    if getattr(objective, name)
  ]
  if train.reweighting.pusher == "mixed_margin":
    needs.append("pusher=mixed_margin")
  check(
    not needs,
    f"{' and '.join(needs)} of MixUp's mixed images beside the un-mixed ones,"
    " but unmixed_pass=False gives each image one pass; set unmixed_pass=True",
  )


def _check_loss(options: Options) -> None:
  """Whether the parts of the loss go together."""
  train = options.train
  check(
    options.run.method != "elr" or train.relabels,
    "method=elr but pseudo_loss_weight=0, which switches it off; expected a"
    " number above 0",
  )
  warmup_epochs = train.reweighting.warmup_epochs
  check(
    not train.estimates_transition or warmup_epochs > 0,
    f"warmup_epochs={warmup_epochs}, but transition=estimated, which is done at"
    " the end of the warm-up; expected 1 or more",
  )


def validate_against_data(options: Options, data: Data) -> None:
  """Checks the options whose bounds the data set.

  Raises:
    InputError: B or K larger than the training set, images that cannot be
      augmented so, clean labels that are not there.
  """
  train = options.train
  pictures, frozen = (
    len(data.train.image.shape) == 4,
    train.network.frozen_backbone,
  )
  check(
    pictures or not frozen,
    "frozen_backbone=True makes features of pictures, but these data are"
    " feature vectors already; leave it out, and pretrained",
  )
  check(
    (pictures and not frozen)
    or (
      train.data.crop_padding == 0
      and not train.data.flip
      and train.data.min_crop_area == 1
    ),
    "feature vectors cannot be cropped or mirrored; set data.crop_padding=0,"
    " data.min_crop_area=1, data.flip=False"
    + ("" if frozen else " and a network of vectors (mlp)"),
  )
  if data.held_out is not None:
    check(
      len(data.held_out) >= data.num_classes,
      f"data.held_out={len(data.held_out)} is fewer than the"
      f" {data.num_classes} classes; expected one of each at least",
    )
  clean_label = data.train.clean_label
  check(
    train.objective.loss != "forward_correction"
    or train.objective.transition != "known"
    or (clean_label is not None and clean_label.min() >= 0),
    "transition=known needs the clean label of every training example, which"
    " these data have not",
  )
  sizes = {"batch_size": train.optimization.batch_size}
  if train.reweighting.keeps_dictionary and train.reweighting.draws_rewards:
    sizes["dictionary_size"] = train.reweighting.dictionary_size
  for field, size in sizes.items():
    check(
      size <= len(data.train),
      f"{field}={size} is larger than the {len(data.train)} training examples"
      f" of {train.data.dataset}",
    )
  _check_steps(train.optimization, len(data.train))
  if len(data.train.image.shape) == 4:
    _check_crops(train.data, data.train.image.shape)


def _check_steps(o: OptimizationOptions, num_examples: int) -> None:
  """Whether the steps of a run can be counted on a device."""
  per_epoch = num_examples // o.batch_size
  for field in ("num_epochs", "lr_warmup_epochs"):
    epochs = getattr(o, field)
    check(
      epochs * per_epoch <= fields.INT32_MAX,
      f"{field}={epochs} with {per_epoch} steps an epoch; expected at most"
      f" {fields.INT32_MAX // per_epoch}, as steps are counted in int32",
    )


def _check_crops(o: data_options.DataOptions, shape: tuple[int, ...]) -> None:
  """Whether every crop shows something of its picture."""
  side = min(shape[1:3])
  check(
    o.crop_padding < side,
    f"data.crop_padding={o.crop_padding} of images of {shape[1]} x {shape[2]}"
    f" pixels; expected below {side}: a crop could miss the whole picture",
  )


def notices(options: Options, data: Data) -> list[str]:
  """What is allowed but perhaps not meant, one line each."""
  train, lines = options.train, list(data.notes)
  reweighting, objective = train.reweighting, train.objective
  if data.skipped:
    lines.append(
      f"{len(data.skipped)} images cannot be read and are left out; see"
      " skipped.txt in the workdir"
    )
  lines += readers.unused(train.data, data)
  lines += notices_lib.unread(options) + notices_lib.numbers(options)
  lines += notices_lib.shares(train, data) + notices_lib.epochs(train)
  lines += notices_lib.crops(train.data, data)
  lines += notices_lib.choice(options.run)
  return lines + _notices_of_rewards(reweighting, objective, data)


def _notices_of_rewards(reweighting, objective, data: Data) -> list[str]:
  lines = []
  draws = reweighting.keeps_dictionary and reweighting.draws_rewards
  if draws and reweighting.dictionary_size < data.num_classes:
    lines.append(
      f"dictionary_size={reweighting.dictionary_size} is below the"
      f" {data.num_classes} classes: they take turns from epoch to epoch"
    )
  if (
    reweighting.keeps_dictionary
    and reweighting.pusher == "mixed_margin"
    and not objective.mixup
  ):
    lines.append(
      "pusher=mixed_margin without MixUp is eq. 5, which picks mislabelled"
      " samples; see README"
    )
  if objective.pseudo_loss == "elr" and not objective.pseudo_loss_weight:
    lines.append("pseudo_loss=elr is off: pseudo_loss_weight=0")
  if not reweighting.learned and reweighting.rewards == "held_out":
    lines.append("rewards=held_out are not used: weighting=uniform")
  return lines
