"""Accuracy over a split, every example counted exactly once."""

import flax
import jax
import jax.numpy as jnp

from fsr_jax.data.images import augment
from fsr_jax.maths import collectives, losses
from fsr_jax.train.state import Resident, TrainState


class Counts(flax.struct.PyTreeNode):
  """Sums over the examples of a batch whose mask is 1; float32 scalars.

  Attributes:
    examples: number of examples.
    loss: cross entropy, nats.
    top1, top5: examples whose label is among the 1 (5) largest logits (among
      all of them where there are fewer classes).
  """

  examples: jax.Array
  loss: jax.Array
  top1: jax.Array
  top5: jax.Array


def count_batch(logits: jax.Array, label: jax.Array, mask: jax.Array) -> Counts:
  """Counts of one batch.

  Args:
    logits: float32 [b, C].
    label: int32 [b].
    mask: float32 [b], 0 for padding.

  Returns:
    Counts.
  """
  num_classes = logits.shape[-1]
  loss = losses.cross_entropy(logits, losses.one_hot(label, num_classes))
  _, best = jax.lax.top_k(logits, min(5, num_classes))
  hit = best == label[:, None]
  return Counts(
    examples=jnp.sum(mask),
    # A non-finite loss in the padding must not reach the sum.
    loss=jnp.sum(jnp.where(mask > 0, loss, 0.0)),
    top1=jnp.sum(mask * hit[:, 0]),
    top5=jnp.sum(mask * jnp.any(hit, axis=-1)),
  )


def evaluate_step(
  state: TrainState,
  data: Resident,
  index: jax.Array,
  mask: jax.Array,
  image: jax.Array | None = None,
  *,
  ctx,
) -> dict[str, Counts]:
  """Counts of one global batch, with the parameters and with their average.

  Args:
    state: TrainState.
    data: Resident, the split evaluated.
    index: int32 [B], the global batch; padding repeats an example.
    mask: float32 [B], 0 for padding.
    image: uint8 [b, H, W, channels], this device's share, where `data` has no
      images.
    ctx: step.Context.

  Returns:
    {"raw": Counts, "ema": Counts}, summed over devices.
  """
  index, mask = (collectives.local_slice(x) for x in (index, mask))
  if image is None:
    assert data.image is not None
    image = data.image[index]
  image = augment.normalize(image, *state.statistics)
  label = data.label[index]

  def counts(params, batch_stats):
    features, _ = ctx.network.features(params, batch_stats, image, train=False)
    logits, _ = ctx.network.head(
      params["head"], batch_stats, features, train=False
    )
    return collectives.psum(count_batch(logits, label, mask))

  return {
    "raw": counts(state.params, state.batch_stats),
    "ema": counts(state.ema_params, state.ema_batch_stats),
  }
