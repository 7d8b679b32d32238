"""From images to logits, stage by stage: a model as a pure function."""

from collections.abc import Callable
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax import models
from fsr_jax.errors import check
from fsr_jax.maths.collectives import Tree
from fsr_jax.models.pretrained import without_field_and_cut
from fsr_jax.run.checkpoint import named
from fsr_jax.run.use.description import NAME, Description
from fsr_jax.train import evaluate
from fsr_jax.train.state import Statistics

# The stage whose arrays have no prefix in files.
NETWORK = "network"
# The frozen backbone.
EXTRACTOR = "extractor"


class Stage(NamedTuple):
  """One step from images to logits.

  Attributes:
    apply: (arrays, x) -> x, pure; arrays like the template.
    template: tree of the shapes of its arrays.
  """

  apply: Callable[[Tree, Any], jax.Array]
  template: Tree


@functools.lru_cache(maxsize=8)
def stages(description: Description) -> dict[str, Stage]:
  """The stages of a model, the one that sees the images first.

  There is one, the network that was trained, and before it the frozen backbone
  where there is one. A stage's name is the prefix of its arrays.
  """
  extractor, shape = description.extractor, description.image_shape
  found = {}
  if extractor is not None:
    found[EXTRACTOR] = Stage(extractor.apply, extractor.template())
    shape = (extractor.num_features,)
  network = models.create(
    description.network,
    description.num_classes,
    description.meta_blocks,
    jnp.dtype(description.compute_dtype),
  )
  params, batch_stats = jax.eval_shape(
    lambda key: network.init(key, shape), jax.random.key(0)
  )
  channels = jax.ShapeDtypeStruct(shape[-1:], jnp.float32)
  template = {
    "params": params,
    "batch_stats": batch_stats,
    "statistics": Statistics(channels, channels),
  }

  def apply(arrays, image):
    return evaluate.logits(network, image=image, **arrays)

  return {**found, NETWORK: Stage(apply, template)}


def logits(description: Description, arrays: Tree, image) -> jax.Array:
  """What a model says of images: all of its stages, one after the other.

  Args:
    description: Description.
    arrays: {stage: its arrays}.
    image: uint8 [b, H, W, channels], or float32 [b, F].

  Returns:
    float32 [b, C].
  """
  for name, stage in stages(description).items():
    image = stage.apply(arrays[name], image)
  return image


@functools.lru_cache(maxsize=8)
def compiled(description: Description) -> Callable:
  """`logits`, compiled once for all models of one description."""
  return jax.jit(functools.partial(logits, description))


def plain_names(description: Description) -> dict[str, str]:
  """Name in the tree {stage: arrays} -> the same in files of a saved model.

  In files the network's arrays are called as they are in it, whatever its cut
  into backbone and head: "blocks_0.Dense_0.kernel", "linear.bias", and "mean"
  and "std" of its inputs' channels.
  """
  found: dict[str, str] = {}
  for stage, (_, template) in stages(description).items():
    prefix = "" if stage == NETWORK else f"{stage}."
    names = without_field_and_cut(named(template))
    found |= {f"{stage}.{n}": prefix + short for n, short in names.items()}
  if len(set(found.values())) < len(found):
    raise AssertionError("two arrays of a network have one name")
  return found


def filled(
  description: Description, given: dict[str, np.ndarray], where: object
) -> Tree:
  """The arrays of a model.

  Args:
    description: Description.
    given: name in the tree {stage: arrays} -> array.
    where: they are from, for messages.

  Returns:
    {stage: arrays}, float32.

  Raises:
    InputError: an array is missing, too many, or of another shape.
  """
  template = {n: stage.template for n, stage in stages(description).items()}
  wanted = named(template)
  odd = [name for name in wanted if name not in given]
  odd += [name for name in given if name not in wanted]
  odd += [
    n for n, x in wanted.items() if n in given and given[n].shape != x.shape
  ]
  check(
    not odd,
    f"{where} does not fit network={description.network}, of which"
    f" {NAME} says that it is: {len(odd)} arrays are missing, too"
    f" many or of another shape, e.g. {odd[0] if odd else ''}",
  )
  leaves = [np.asarray(given[name], np.float32) for name in wanted]
  return jax.tree.unflatten(jax.tree.structure(template), leaves)
