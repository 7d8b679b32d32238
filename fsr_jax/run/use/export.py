"""--mode=export: a network for programs that know nothing of this package."""

import functools
import importlib.util
import pathlib

import jax
from jax import export as jax_export
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from fsr_jax.errors import check
from fsr_jax.files import place, replacing
from fsr_jax.models.pretrained import TORCHVISION, to_torch
from fsr_jax.run.use import stages
from fsr_jax.run.use.description import NAME, Description
from fsr_jax.run.use.model import ARRAYS, Model
from fsr_jax.run.watch.screen import say

PROGRAM = "model.stablehlo"
TORCH = "torchvision.safetensors"
_PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def probabilities(description: Description, arrays, image) -> jax.Array:
  """Probabilities of the classes, float32 [b, C], of raw images.

  Args:
    description: of a model.
    arrays: of it.
    image: uint8 [b, H, W, channels], or float32 [b, F].
  """
  return jax.nn.softmax(stages.logits(description, arrays, image))


def program(model: Model) -> bytes:
  """The model as one serialised program: images in, probabilities out.

  Args:
    model: Model.

  Returns:
    StableHLO by `jax.export`, parameters and normalisation inside, for any
    batch size, for CPUs, CUDA, ROCm and TPUs.

  Raises:
    InputError: flatbuffers is missing, by which jax.export serializes.
  """
  check(
    importlib.util.find_spec("flatbuffers") is not None,
    "jax.export needs the package flatbuffers (pip install flatbuffers), here"
    " and where the program is loaded",
  )
  description = model.description
  function = functools.partial(
    probabilities, description, jax.tree.map(np.asarray, model.arrays)
  )
  kind = jnp.float32 if description.vectors else jnp.uint8
  sizes = ("b", *(str(n) for n in description.image_shape))
  image = jax.ShapeDtypeStruct(
    jax_export.symbolic_shape(", ".join(sizes)), kind
  )
  exported = jax_export.export(jax.jit(function), platforms=_PLATFORMS)(image)
  return bytes(exported.serialize())


def export(model: Model, directory: str) -> pathlib.Path:
  """Writes a model in forms that other programs read.

  Args:
    model: Model.
    directory: folder for model.stablehlo (see `program`), for model.json and
      model.safetensors (as `Model.save`) and, of ResNets that torchvision and
      timm have too, torchvision.safetensors in their names and layout.

  Returns:
    Path of the folder.

  Raises:
    InputError: as `Model.save`.
  """
  path = place(directory)
  serialized = program(model)
  model.save(directory)
  with replacing(path / PROGRAM) as partial:
    partial.write_bytes(serialized)
  written = [PROGRAM, ARRAYS, NAME]
  description = model.description
  if description.network in TORCHVISION:
    arrays = to_torch(model.plain(), TORCHVISION[description.network])
    with replacing(path / TORCH) as partial:
      safetensors.numpy.save_file(arrays, partial)
    written.append(TORCH)
  shape = ", ".join(map(str, description.image_shape))
  kind = "float32" if description.vectors else "uint8"
  say(
    f"{description.network}: {kind} [b, {shape}] -> probabilities of"
    f" {description.num_classes:,} classes, float32"
  )
  for name in written:
    say(f"  {name:<25} {(path / name).stat().st_size:>13,} bytes")
  say(f"\n{path.absolute()}")
  return path
