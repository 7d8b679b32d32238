"""The split every network here has: backbone -> features -> head -> logits."""

from collections.abc import Callable
from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from fsr_jax.maths.collectives import Tree


class Classifier(nn.Module):
  """Any backbone with a linear head.

  Attributes:
    backbone: Flax module, (image float [B, H, W, channels], train) -> [B, F].
    num_classes: C.
  """

  backbone: nn.Module
  num_classes: int

  def setup(self):
    self.head = nn.Dense(self.num_classes)

  def features(self, image, train: bool):
    return self.backbone(image, train=train)

  def logits(self, features):
    return self.head(features)

  def __call__(self, image, train: bool = False):
    return self.logits(self.features(image, train))


class Network(NamedTuple):
  """A network as the pure functions the training step needs.

  Attributes:
    init: (key, image_shape) -> (params, batch_stats). `params` has the two
      entries "backbone" and "head"; `batch_stats` is {} without batch norm.
    features: (params, batch_stats, image [B, H, W, channels] float, train) ->
      (features [B, F], batch_stats).
    head: (params["head"], features [B, F]) -> logits [B, C].
  """

  init: Callable[[jax.Array, tuple[int, ...]], tuple[Tree, Tree]]
  features: Callable[..., tuple[jax.Array, Tree]]
  head: Callable[[Tree, jax.Array], jax.Array]


def build(model: nn.Module) -> Network:
  """Network from a Flax module with methods `features` and `logits`.

  Args:
    model: like Classifier: its parameters are {"backbone": ..., "head": ...},
      and `logits` uses only those of "head".

  Returns:
    Network.
  """

  def init(key, image_shape):
    variables = model.init(key, jnp.zeros((1, *image_shape)), train=False)
    return variables["params"], variables.get("batch_stats", {})

  def features(params, batch_stats, image, train):
    variables = {"params": params, "batch_stats": batch_stats}
    if not (train and batch_stats):
      return model.apply(
          variables, image, train=train, method="features"
      ), batch_stats
    out, updated = model.apply(
        variables, image, train=True, method="features", mutable="batch_stats"
    )
    return out, updated["batch_stats"]

  def head(meta_params, features):
    return model.apply(
        {"params": {"head": meta_params}}, features, method="logits"
    )

  return Network(init, features, head)
