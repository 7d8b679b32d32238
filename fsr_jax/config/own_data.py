"""What follows from the user's own data: sizes and a network that fit them.

configs/folder.py leaves these fields open, so that flags say first where the
data are and how they are read; `config.resolve` fills in what is still open.
"""

import pathlib
import re
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fsr_jax import fields
from fsr_jax.config.options import DATA, all_fields
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources import Source
from fsr_jax.data.sources.survey import Survey, survey
from fsr_jax.train.extractor import Extractor

FOLLOWS = (
  "data.dataset",
  "data.image_size",
  "data.crop_padding",
  "data.min_crop_area",
  "data.flip",
  "network",
  "batch_size",
  "dictionary_size",
  "reward_batch_size",
  "queue_size",
  "lr_warmup_epochs",
  "learning_rate",
)
# Pictures at least so large get random-resized crops, as ImageNet does; a
# network sees no larger ones without its first layers shrinking them.
_LARGE = 96
# Pixels a side that the weights of published ResNets expect.
_USUAL_SIDE = 224


def leave_open(config: ConfigDict) -> None:
  """Opens the fields of FOLLOWS, in place."""
  known = all_fields()
  for name in FOLLOWS:
    group, entry = known[name]
    holder = config.data if name.startswith(DATA) else config
    holder[entry.name] = placeholder(fields.type_of(group, entry.name))


def fill(config: ConfigDict, source: Source | None = None) -> None:
  """Fills in the fields of FOLLOWS that are open, in place.

  Args:
    config: its other fields say where the data are and how they are read.
    source: of data in memory.

  Raises:
    InputError: no data there, or not what they seem to be.
  """
  left = [name for name in FOLLOWS if _value(config, name) is None]
  if not left:
    return
  given = {k: v for k, v in config.data.to_dict().items() if v is not None}
  seen = survey(DataOptions(**given), given.get("dataset"), source)
  for name in left:
    value = _chosen(name, config, seen)
    holder = config.data if name.startswith(DATA) else config
    holder[name.removeprefix(DATA)] = value


def _value(config: ConfigDict, name: str) -> Any:
  holder = config.data if name.startswith(DATA) else config
  return holder[name.removeprefix(DATA)]


def _chosen(name: str, config: ConfigDict, seen: Survey) -> Any:
  """Value of a field; those before it in FOLLOWS have theirs."""
  data: ConfigDict = config.data
  usual: Any = all_fields()[name][1].default
  count = min(seen.num_examples, data.max_examples or seen.num_examples)
  large = seen.side > _LARGE and not seen.fixed
  frozen = config.frozen_backbone
  # What is trained on: pictures, or vectors.
  vectors = seen.vectors or frozen
  match name:
    case "data.dataset":
      return seen.dataset
    case "data.image_size":
      if seen.fixed:
        return 0
      return _USUAL_SIDE if frozen else _size(seen.side)
    case "data.crop_padding":
      if large or vectors:
        return 0
      # At most an eighth of a small picture.
      return min(usual, _side(data, seen) // 8)
    case "data.min_crop_area":
      return 0.08 if large and not vectors else usual
    case "data.flip":
      return False if vectors else usual
    case "network":
      if seen.vectors:
        return "mlp"
      named = _named_network(config.pretrained)
      if named:
        return named
      if _side(data, seen) <= _LARGE:
        return "resnet32"
      return "resnet18" if count < 50_000 or seen.fixed else "resnet50"
    case "batch_size":
      # As many steps an epoch as fit a small set, at most the usual 100 a
      # batch.
      return max(2, min(100, count // 20 // 2 * 2))
    case "dictionary_size":
      # A twentieth of the examples, two of every class at least.
      most = max(5000, seen.num_classes)
      return min(count, max(count // 20, 2 * seen.num_classes), most)
    case "reward_batch_size":
      return min(config.dictionary_size, config.batch_size)
    case "queue_size":
      # Features of a small network hardly move: more of them do more good than
      # their age does harm (docs/measured/one_pass.md).
      return 500 if vectors else usual
    case "lr_warmup_epochs":
      return min(1 if vectors else 3, config.num_epochs // 10)
    case "learning_rate":
      count = _num_features(config, seen)
      return min(usual, float(f"{2 / count:.2g}")) if count else usual
  raise ValueError(name)


def _named_network(pretrained: str | None) -> str | None:
  """The ResNet that a file, its folder or a model on the hub is called by."""
  parts = pathlib.PurePath(pretrained or "").parts[-2:]
  found = [re.match(r"(resnet(?:18|34|50))(?![0-9])", part) for part in parts]
  return next((match[1] for match in reversed(found) if match), None)


def _num_features(config: ConfigDict, seen: Survey) -> int:
  """F of what is trained on; 0 of pictures.

  The longest step that a linear layer can take is inversely proportional to
  F, as its normalised inputs have F as their mean square length. At 2 / F wrong
  labels are learned late: docs/features.md.
  """
  if not config.frozen_backbone or seen.vectors:
    return seen.num_features
  side = _side(config.data, seen)
  return Extractor(config.network, (side, side, 3)).num_features


def _side(data: ConfigDict, seen: Survey) -> int:
  """Of the pictures as the network sees them, pixels."""
  return data.image_size or seen.side


def _size(side: int) -> int:
  """Side of the square that a network sees of pictures of such a side."""
  if side > _LARGE:
    return 224
  return 32 if side < 48 else 64
