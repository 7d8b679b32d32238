"""What is allowed but perhaps not meant: numbers, and epochs that are few."""

import numpy as np

from fsr_jax import fields
from fsr_jax.config.options import DATA, Options, RunOptions, all_fields
from fsr_jax.data.dataset import Data
from fsr_jax.data.options import DataOptions
from fsr_jax.train.options import TrainOptions

# Classes one of which has so many times as many samples as another.
_UNEQUAL = 2


def numbers(options: Options) -> list[str]:
  """One line for each number that is far from what is usual."""
  lines = [x for group in options.groups for x in fields.unusual(group)]
  return lines + fields.unusual(options.train.data, DATA)


def unread(options: Options) -> list[str]:
  """One line for each option that another one switches off."""
  values = {k: v for group in options.groups for k, v in vars(group).items()}
  lines = []
  for name, value in values.items():
    _, entry = all_fields()[name]
    switch, on = entry.metadata["of"] or (name, value)
    if values[switch] != on and value != entry.default:
      lines.append(
        f"{name}={value} is not used: {switch}={values[switch]}, not {on}"
      )
  return lines


def shares(train: TrainOptions, data: Data) -> list[str]:
  """For which shares of the classes predictions will be, where not as usual."""
  objective = train.objective
  tau = objective.logit_adjustment
  count = np.bincount(data.train.label, minlength=data.num_classes)
  if tau and int(count.max()) >= _UNEQUAL * max(int(count.min()), 1):
    power = f"as common as in training to the power of {1 - tau:g}"
    return [
      f"logit_adjustment={tau:g}: predictions will be for classes that are"
      f" {'equally common' if tau == 1 else power}; --prior=train of predict"
      " and evaluate takes them as common as among the training labels"
    ]
  if not tau and objective.class_prior == "given" and objective.loss != "ldam":
    return [
      "class_prior=given is not used: logit_adjustment=0, not above, and"
      f" loss={objective.loss}, not ldam"
    ]
  return []


def epochs(train: TrainOptions) -> list[str]:
  """One line for each stage of a run that its epochs do not reach."""
  lines, optimization = [], train.optimization
  count, warmup_epochs = (
    optimization.num_epochs,
    train.reweighting.warmup_epochs,
  )
  whole = f"all {count} epochs" if count > 1 else "the one epoch"
  if warmup_epochs >= count and (train.reweighting.learned or train.relabels):
    lines.append(
      f"warmup_epochs={warmup_epochs} covers {whole}:"
      " neither learned weights nor re-labelling will begin"
    )
  if warmup_epochs >= count and train.estimates_transition:
    lines.append(
      f"warmup_epochs={warmup_epochs} covers {whole}: the"
      " transition matrix, estimated at its end, will never correct a loss"
    )
  rise = optimization.lr_warmup_epochs
  if rise >= count:
    lines.append(
      f"lr_warmup_epochs={rise} covers {whole}: the learning rate"
      f" only rises, as far as {optimization.learning_rate * count / rise:.3g}"
    )
  elif (
    optimization.schedule == "step"
    and min(optimization.lr_decay_epochs, default=count) >= count
  ):
    lines.append(
      f"lr_decay_epochs={optimization.lr_decay_epochs} come after {whole}:"
      " the learning rate does not fall"
    )
  return lines


def choice(run: RunOptions) -> list[str]:
  """One line where an epoch is chosen by the labels that it is measured on."""
  if not run.keep_best.startswith("test_"):
    return []
  return [
    f"keep_best={run.keep_best} chooses the best epoch by test labels: what it"
    " is worth on others is less than that value"
  ]


def crops(options: DataOptions, data: Data) -> list[str]:
  """One line where random crops lose much of a picture."""
  side, padding = min(data.train.image.shape[1:3]), options.crop_padding
  if padding * 4 <= side:
    return []
  return [
    f"data.crop_padding={padding} is unusual for pictures of {side} pixels: up"
    f" to {padding / side:.0%} of their height and width may be cropped away"
  ]
