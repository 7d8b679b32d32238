"""A frozen backbone: what turns pictures into feature vectors."""

import dataclasses

import jax
import jax.numpy as jnp

from fsr_jax import models
from fsr_jax.data.images import augment
from fsr_jax.errors import check
from fsr_jax.maths.collectives import Tree
from fsr_jax.models import Network
from fsr_jax.train.state import Statistics


@dataclasses.dataclass(frozen=True)
class Extractor:
  """All of a network but its linear layer; its arrays are kept beside it.

  Attributes:
    network: as in NetworkOptions.
    image_shape: (H, W, channels) of the pictures.
    compute_dtype: as in NetworkOptions.
  """

  network: str
  image_shape: tuple[int, int, int]
  compute_dtype: str = "float32"

  def _built(self) -> Network:
    # The linear layer is not used, whatever its number of classes.
    return models.create(
      self.network, 2, compute_dtype=jnp.dtype(self.compute_dtype)
    )

  def template(self) -> Tree:
    """Shapes of its arrays: {"params", "batch_stats", "statistics"}.

    Returns:
      Tree of jax.ShapeDtypeStruct; `statistics` is a Statistics, of the
      channels of the pictures that the arrays were trained on.

    Raises:
      InputError: the network has no layer below the linear one.
    """
    check(
      bool(models.blocks_of(self.network)),
      f"network={self.network} has nothing below its linear layer; a frozen"
      " backbone needs a network of pictures, resnet18 for example",
    )
    init, shape = self._built().init, self.image_shape
    params, batch_stats = jax.eval_shape(
      lambda key: init(key, shape), jax.random.key(0)
    )
    channels = jax.ShapeDtypeStruct(self.image_shape[-1:], jnp.float32)
    return {
      "params": {"backbone": params["backbone"]},
      "batch_stats": {k: x for k, x in batch_stats.items() if k == "backbone"},
      "statistics": Statistics(channels, channels),
    }

  def apply(self, arrays: Tree, image: jax.Array) -> jax.Array:
    """The features of pictures; pure.

    Args:
      arrays: like `template`.
      image: uint8 [b, H, W, channels].

    Returns:
      float32 [b, F], pooled over the picture.
    """
    x = augment.normalize(image, *arrays["statistics"])
    features, _ = self._built().features(
      arrays["params"], arrays["batch_stats"], x, False
    )
    return features.astype(jnp.float32)

  @property
  def num_features(self) -> int:
    """F."""
    image = jax.ShapeDtypeStruct((1, *self.image_shape), jnp.uint8)
    return jax.eval_shape(self.apply, self.template(), image).shape[-1]
