"""extractor.safetensors in a workdir: the frozen backbone of a run.

With it the run is continued, evaluated and used where the file that its weights
are from is not.
"""

import json
import pathlib

import jax
import numpy as np
import safetensors.numpy

from fsr_jax import archives
from fsr_jax.errors import InputError, check
from fsr_jax.files import replacing
from fsr_jax.maths.collectives import Tree
from fsr_jax.models.options import NetworkOptions
from fsr_jax.models.pretrained import without_field_and_cut
from fsr_jax.run.checkpoint import named
from fsr_jax.run.pretrained import weights as weights_lib
from fsr_jax.train.extractor import Extractor

NAME = "extractor.safetensors"
# Smaller pictures than published weights were trained on tell them little.
_SMALL = 96


def described(
  options: NetworkOptions, image_shape: tuple[int, ...]
) -> Extractor:
  """The backbone that is frozen.

  Args:
    options: NetworkOptions.
    image_shape: (H, W, channels) of the pictures.
  """
  height, width, channels = image_shape
  shape = (height, width, channels)
  return Extractor(options.network, shape, options.compute_dtype)


def create(
  extractor: Extractor, options: NetworkOptions
) -> tuple[Tree, list[str]]:
  """Its arrays, those that `pretrained` names.

  Args:
    extractor: Extractor.
    options: `pretrained` set.

  Returns:
    (arrays like its template, what to know of them, one line each).

  Raises:
    InputError: nothing there to read, or it does not fit the network.
  """
  assert options.pretrained is not None
  template = extractor.template()
  weights = weights_lib.read(options.pretrained)
  wanted = _by_plain_name(template)
  for channel in weights.statistics._fields:
    del wanted[channel]
  found = weights_lib.fitted(options.network, wanted, weights)
  arrays = _filled(template, found | weights.statistics._asdict())
  mean, std = (
    ", ".join(f"{x:.3g}" for x in channel) for channel in weights.statistics
  )
  height, width, _ = extractor.image_shape
  notes = [
    f"{options.network} of {weights.where} stays as it is: what is trained sees"
    f" its {extractor.num_features} features of each picture of {height} x"
    f" {width} pixels, whose channels are normalised by the statistics"
    f" {weights.normalized} (mean {mean}; std {std})"
  ]
  if weights.torch and min(height, width) < _SMALL:
    notes.append(
      f"pictures of {height} x {width} pixels are small for these weights,"
      " which saw 224 x 224 as a rule: their features will tell little;"
      " pictures in files are enlarged by --config.data.image_size=224"
    )
  return arrays, notes


def save(workdir: pathlib.Path, extractor: Extractor, arrays: Tree) -> None:
  """Writes extractor.safetensors, over one that is there."""
  names = without_field_and_cut(named(extractor.template()))
  plain = {
    names[name]: np.ascontiguousarray(x, np.float32)
    for name, x in named(arrays).items()
  }
  about = {
    "network": extractor.network,
    "image_shape": json.dumps(extractor.image_shape),
    "compute_dtype": extractor.compute_dtype,
  }
  with replacing(workdir / NAME) as partial:
    safetensors.numpy.save_file(plain, partial, about)


def load(workdir: pathlib.Path, network: str) -> tuple[Extractor, Tree]:
  """What `save` wrote.

  Args:
    workdir: path.
    network: that it is of; another one that the file names, which may be any
      code, is not looked at.

  Raises:
    InputError: it is not there, is damaged, or of another network.
  """
  path = workdir / NAME
  found, about = archives.safetensors(path)
  try:
    height, width, channels = json.loads(about["image_shape"])
    shape = (int(height), int(width), int(channels))
    theirs, dtype = about["network"], about["compute_dtype"]
  except (LookupError, TypeError, ValueError) as error:
    raise InputError(
      f"cannot read {path} ({error}); a run with a frozen backbone writes it"
      " when it begins"
    ) from error
  check(
    theirs == network,
    f"{path} is of network={theirs}; expected network={network}",
  )
  extractor = Extractor(network, shape, dtype)
  try:
    template = extractor.template()
  except (TypeError, ValueError) as error:
    raise InputError(f"cannot read {path} ({error})") from error
  wanted = {name: x.shape for name, x in _by_plain_name(template).items()}
  check(
    wanted == {name: x.shape for name, x in found.items()},
    f"{path} does not fit network={extractor.network}, of which it says that it"
    " is",
  )
  return extractor, _filled(template, found)


def _by_plain_name(template: Tree) -> Tree:
  arrays = named(template)
  names = without_field_and_cut(arrays)
  return {names[name]: x for name, x in arrays.items()}


def _filled(template: Tree, given: dict[str, np.ndarray]) -> Tree:
  """A tree like `template` of the arrays given by plain names, float32."""
  leaves = [np.array(given[n], np.float32) for n in _by_plain_name(template)]
  return jax.tree.unflatten(jax.tree.structure(template), leaves)
