"""What is allowed but perhaps not meant: numbers, and epochs that are few."""

from fsr_jax import fields
from fsr_jax.config.options import DATA, Options
from fsr_jax.data.dataset import Data
from fsr_jax.data.options import DataOptions
from fsr_jax.train.options import TrainOptions


def numbers(options: Options) -> list[str]:
  """One line for each number that is far from what is usual."""
  train = options.train
  groups = (
    options.run,
    train.network,
    train.optimization,
    train.objective,
    train.reweighting,
  )
  lines = [line for group in groups for line in fields.unusual(group)]
  return lines + fields.unusual(train.data, DATA)


def epochs(train: TrainOptions) -> list[str]:
  """One line for each stage of a run that its epochs do not reach."""
  lines, optimization = [], train.optimization
  count, warmup_epochs = (
    optimization.num_epochs,
    train.reweighting.warmup_epochs,
  )
  if warmup_epochs >= count and (train.reweighting.learned or train.relabels):
    lines.append(
      f"warmup_epochs={warmup_epochs} covers all {count} epochs:"
      " neither learned weights nor re-labelling will begin"
    )
  if warmup_epochs >= count and train.estimates_transition:
    lines.append(
      f"warmup_epochs={warmup_epochs} covers all {count} epochs: the"
      " transition matrix, estimated at its end, will never correct a loss"
    )
  rise = optimization.lr_warmup_epochs
  if rise >= count:
    lines.append(
      f"lr_warmup_epochs={rise} covers all {count} epochs: the learning rate"
      f" only rises, as far as {optimization.learning_rate * count / rise:.3g}"
    )
  elif (
    optimization.schedule == "step"
    and min(optimization.lr_decay_epochs, default=count) >= count
  ):
    lines.append(
      f"lr_decay_epochs={optimization.lr_decay_epochs} come after all {count}"
      " epochs: the learning rate does not fall"
    )
  return lines


def crops(options: DataOptions, data: Data) -> list[str]:
  """One line where random crops lose much of a picture."""
  side, padding = min(data.train.image.shape[1:3]), options.crop_padding
  if padding * 4 <= side:
    return []
  return [
    f"data.crop_padding={padding} is unusual for pictures of {side} pixels: up"
    f" to {padding / side:.0%} of their height and width may be cropped away"
  ]
