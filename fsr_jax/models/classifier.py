"""The split every network here has: backbone -> features -> head -> logits.

A network is a sequence of blocks and a linear layer. The cut may lie before
any block: what is above it is the head, Theta^meta, and is looked ahead; what
is below it is the backbone, whose features are shared and never differentiated
twice (eq. 6, last row; Figure 4 right).
"""

from collections.abc import Callable
from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from fsr_jax.errors import check
from fsr_jax.maths.collectives import Tree


class Stack(nn.Module):
  """Blocks one after the other; the identity where there are none.

  Attributes:
    blocks: Flax modules, each (x, train) -> x.
  """

  blocks: tuple[nn.Module, ...]

  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    for block in self.blocks:
      x = block(x, train)
    return x


class Head(nn.Module):
  """The blocks above the cut and the linear layer.

  Attributes:
    stack: Stack.
    num_classes: C.
  """

  stack: Stack
  num_classes: int

  @nn.compact
  def __call__(self, features: jax.Array, train: bool) -> jax.Array:
    x = self.stack(features, train)
    check(
      x.ndim == 2,
      f"the network's last block returned {x.shape}; expected [B, F]",
    )
    return nn.Dense(self.num_classes, name="linear")(x)


class Classifier(nn.Module):
  """Any backbone and head; their parameters are {"backbone", "head"}.

  Attributes:
    backbone: Flax module, (image float [B, H, W, channels], train) ->
      features.
    head: Flax module, (features, train) -> logits float [B, C].
  """

  backbone: nn.Module
  head: nn.Module

  def features(self, image, train: bool):
    return self.backbone(image, train)

  def logits(self, features, train: bool):
    return self.head(features, train)

  def __call__(self, image, train: bool):
    return self.logits(self.features(image, train), train)


class Network(NamedTuple):
  """A network as the pure functions the training step needs.

  `batch_stats` always are those of the whole network, {} without batch norm;
  each function returns them with its own part moved where `train` is True.

  Attributes:
    init: (key, image_shape) -> (params, batch_stats). `params` has the
      entries "backbone" (missing where the head is everything) and "head";
      image_shape is that of one input, (F,) for feature vectors.
    features: (params, batch_stats, image [B, H, W, channels] float, train) ->
      (features [B, ...], batch_stats).
    head: (params["head"], batch_stats, features, train) ->
      (logits [B, C], batch_stats).
  """

  init: Callable[[jax.Array, tuple[int, ...]], tuple[Tree, Tree]]
  features: Callable[..., tuple[jax.Array, Tree]]
  head: Callable[..., tuple[jax.Array, Tree]]


def classifier(
  blocks: tuple[nn.Module, ...], num_classes: int, meta_blocks: int = 0
) -> Classifier:
  """Cuts a sequence of blocks into backbone and head.

  Args:
    blocks: modules (x, train) -> x, the last one to [B, F].
    num_classes: C.
    meta_blocks: how many blocks belong to the head; -1 for all of them.

  Returns:
    Classifier.

  Raises:
    InputError: fewer blocks than that.
  """
  check(
    -1 <= meta_blocks <= len(blocks),
    f"meta_blocks={meta_blocks}; this network has {len(blocks)} blocks"
    " (-1 = all of them)",
  )
  cut = 0 if meta_blocks == -1 else len(blocks) - meta_blocks
  return Classifier(
    backbone=Stack(blocks[:cut]),
    head=Head(Stack(blocks[cut:]), num_classes),
  )


def _lowered(params: Tree, dtype: DTypeLike) -> Tree:
  """Parameters of the blocks in `dtype`; those of the linear layer as is."""

  def lower(path, leaf):
    names = [entry.key for entry in path]
    linear = names[:1] == ["linear"] or names[:2] == ["head", "linear"]
    return leaf if linear else leaf.astype(dtype)

  return jax.tree_util.tree_map_with_path(lower, params)


def build(model: nn.Module, compute_dtype: DTypeLike = jnp.float32) -> Network:
  """Network from a Flax module like Classifier.

  Args:
    model: has the methods `features` and `logits`; `logits` uses only the
      parameters and statistics called "head".
    compute_dtype: the blocks get their input and parameters in it. Parameters
      are stored, batch-norm statistics taken and the linear layer computed in
      float32.

  Returns:
    Network.
  """
  lowers = compute_dtype != jnp.float32

  def init(key, image_shape):
    variables = model.init(key, jnp.zeros((1, *image_shape)), train=False)
    return variables["params"], variables.get("batch_stats", {})

  def apply(method, params, batch_stats, x, train):
    if lowers:
      x = x.astype(compute_dtype)
    variables = {"params": params, "batch_stats": batch_stats}
    if not (train and batch_stats):
      return model.apply(variables, x, train=train, method=method), batch_stats
    out, updated = model.apply(
      variables, x, train=True, method=method, mutable="batch_stats"
    )
    return out, updated["batch_stats"]

  def features(params, batch_stats, image, train):
    if lowers:
      params = _lowered(params, compute_dtype)
    return apply("features", params, batch_stats, image, train)

  def head(meta_params, batch_stats, features, train):
    if lowers:
      meta_params = _lowered(meta_params, compute_dtype)
    params = {"head": meta_params}
    return apply("logits", params, batch_stats, features, train)

  return Network(init, features, head)
