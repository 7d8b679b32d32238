"""model.json: what has to be known of a network beside its arrays.

It lies in the workdir of a run and in the folder of a saved model: with it a
network is used where neither the training data nor their place are.
"""

import dataclasses
import json
import math
import pathlib
from typing import Any

import numpy as np

from fsr_jax.data.dataset import Data
from fsr_jax.data.images.reader import resize_of
from fsr_jax.data.options import crop_side
from fsr_jax.errors import InputError, check
from fsr_jax.files import MOST_JSON, read_file, replacing
from fsr_jax.models.custom import check_allowed
from fsr_jax.run.pretrained.extractors import described
from fsr_jax.train.extractor import Extractor
from fsr_jax.train.options import TrainOptions

NAME = "model.json"
_FORMAT = "fsr_jax model 1"


@dataclasses.dataclass(frozen=True)
class Description:
  """A network's classes, its input and what it is made of.

  Attributes:
    class_names: one name a class, C of them.
    class_counts: training examples of each class by given label, [C].
    logit_adjustment: tau that it was trained with; its predictions are then
      for classes that are as common as class_counts to the power of 1 - tau.
    image_shape: of one input: (H, W, channels) of uint8, (F,) of float32.
    resize: shorter side, in pixels, that pictures in files get before the
      square of H x W in their middle is cut out; 0 where none can be read,
      because inputs are vectors, have no three channels or are no squares.
    network, meta_blocks, compute_dtype: as in NetworkOptions; of the network
      on the features where there is an extractor.
    extractor: the frozen backbone that sees the images first; None where the
      network itself does.
  """

  class_names: tuple[str, ...]
  class_counts: tuple[int, ...]
  image_shape: tuple[int, ...]
  resize: int
  network: str
  meta_blocks: int
  compute_dtype: str
  extractor: Extractor | None = None
  logit_adjustment: float = 0.0

  @property
  def num_classes(self) -> int:
    return len(self.class_names)

  @property
  def expected_share(self) -> np.ndarray:
    """float32 [C], sum 1: shares of the classes that predictions are for."""
    counts = np.array(self.class_counts, np.float64)
    share = (counts / counts.sum()) ** (1 - self.logit_adjustment)
    return (share / share.sum()).astype(np.float32)

  @property
  def vectors(self) -> bool:
    """Whether inputs are feature vectors."""
    return len(self.image_shape) == 1


def describe(options: TrainOptions, data: Data) -> Description:
  """The description of what is trained with these options on these data."""
  shape = data.input_shape(crop_side(options.data))
  square = len(shape) == 3 and shape[0] == shape[1] and shape[2] == 3
  counts = np.bincount(data.train.label, minlength=data.num_classes)
  whole, trained = options.network, options.on_features.network
  extractor = None
  if whole.frozen_backbone:
    extractor = described(whole, shape)
  return Description(
    class_names=data.class_names,
    class_counts=tuple(counts.tolist()),
    image_shape=shape,
    resize=resize_of(shape[0], options.data.min_crop_area) if square else 0,
    network=trained.network,
    meta_blocks=trained.meta_blocks,
    compute_dtype=trained.compute_dtype,
    extractor=extractor,
    logit_adjustment=float(options.objective.logit_adjustment),
  )


def write(directory: pathlib.Path, description: Description) -> None:
  """Writes model.json, over one that is there."""
  content = {"format": _FORMAT, **dataclasses.asdict(description)}
  with replacing(directory / NAME) as partial:
    # ASCII: names of folders need not be UTF-8, and are read as they were.
    partial.write_text(json.dumps(content, indent=2) + "\n")


def is_there(directory: pathlib.Path) -> bool:
  """Whether `directory` has a model.json that is one of ours."""
  try:
    read(directory)
  except InputError:
    return False
  return True


def read(directory: pathlib.Path) -> Description:
  """What model.json says.

  Raises:
    InputError: there is none, or it is not as `write` writes it.
  """
  path = directory / NAME
  try:
    found = json.loads(read_file(path, MOST_JSON))
  except (ValueError, RecursionError) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(f"cannot read {path} ({error}); expected JSON") from error
  check(
    isinstance(found, dict) and found.get("format") == _FORMAT,
    f"{path} is not of the form {_FORMAT!r}, in which models are described",
  )
  # Models of earlier versions were trained without.
  found = {"logit_adjustment": 0.0, **found}
  kinds: dict[str, Any] = {
    "class_names": _list_of(str),
    "class_counts": _list_of(int),
    "image_shape": _list_of(int),
    "resize": _is(int),
    "network": _is(str),
    "meta_blocks": _is(int),
    "compute_dtype": _is(str),
    "extractor": _is_extractor,
    "logit_adjustment": lambda x: type(x) is float and 0 <= x < math.inf,
  }
  odd = [name for name, fits in kinds.items() if not fits(found.get(name))]
  check(
    not odd,
    f"{path}: {odd[0] if odd else ''} is missing or is none; no program of ours"
    " wrote it so",
  )
  values: dict[str, Any] = {
    name: tuple(value) if isinstance(value, list) else value
    for name in kinds
    for value in (found.get(name),)
  }
  if found.get("extractor") is not None:
    first = found["extractor"]
    values["extractor"] = Extractor(
      first["network"], tuple(first["image_shape"]), first["compute_dtype"]
    )
  description = Description(**values)
  shape, counts = description.image_shape, description.class_counts
  check(
    description.num_classes == len(counts) > 1
    and min(counts) > 0
    and len(shape) in (1, 3)
    and math.prod(shape) > 0,
    f"{path}: class_names, class_counts and image_shape do not fit together",
  )
  return description


def read_allowed(directory: pathlib.Path, allow_code: bool) -> Description:
  """As `read`, of a model that is to be used.

  Args:
    directory: path.
    allow_code: whether networks that are package.module:function, code that
      the file names, may be imported and run.

  Raises:
    InputError: as `read`, or code that is not allowed.
  """
  found = read(directory)
  networks = [found.network]
  if found.extractor is not None:
    networks.append(found.extractor.network)
  check_allowed(directory / NAME, allow_code, *networks)
  return found


def _is(kind: type):
  return lambda x: type(x) is kind


def _is_extractor(x) -> bool:
  """Whether x is what an Extractor is written as, or none."""
  return x is None or (
    isinstance(x, dict)
    and _is(str)(x.get("network"))
    and _is(str)(x.get("compute_dtype"))
    and _list_of(int)(x.get("image_shape"))
    and len(x["image_shape"]) == 3
  )


def _list_of(kind: type):
  return lambda x: isinstance(x, list) and all(type(y) is kind for y in x)
