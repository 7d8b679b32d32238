"""The passes of a batch through the network, and what is seen of its samples.

One pass is enough: with MixUp the two mixed images of a pair tell together what
the network would have made of each of the two alone (`mixup.unmix`). A second
pass of the un-mixed images (`unmixed_pass`) is the paper's form, and twice as
dear.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths import losses, mixup
from fsr_jax.maths.collectives import Tree
from fsr_jax.maths.reweight import Losses
from fsr_jax.reweighting import Mixed
from fsr_jax.train.input import Batch, Rewards

# Share of its own image from which on a mixed sample's features may stand for
# the un-mixed one's among the rewards.
_NEARLY_UNMIXED = 0.9


class Logits(NamedTuple):
  """What losses are taken on; the same array twice without MixUp.

  Attributes:
    mixed: float [b, C], of Batch.image.
    unmixed: float [b, C], of Batch.unmixed_image: from its own pass, or an
      estimate from the mixed.
  """

  mixed: jax.Array
  unmixed: jax.Array


class Residue(NamedTuple):
  """What the passes leave besides: nothing of it is differentiated.

  Attributes:
    mixed, unmixed: features [b, ...], as in Logits.
    batch_stats: running statistics after this step.
  """

  mixed: jax.Array
  unmixed: jax.Array
  batch_stats: Tree


class Seen(NamedTuple):
  """A batch's samples as a Reweighter is told of them.

  Attributes:
    features: float [b, ...], of the un-mixed samples.
    logits: float [b, C], of the un-mixed samples.
    exact: bool [b], False where those are rough estimates; None where none
      are.
    mixed: the mixed images' pass, where they and the un-mixed have one each.
  """

  features: jax.Array
  logits: jax.Array
  exact: jax.Array | None
  mixed: Mixed | None


def forward(
  params: Tree, ctx, batch_stats: Tree, batch: Batch, relabels: bool
) -> tuple[Logits, Residue]:
  """One or two passes in training mode.

  Args:
    params: Theta, to be differentiated.
    ctx: step.Context.
    batch_stats: running statistics.
    batch: Batch.
    relabels: whether there is a re-labelling loss in this step.

  Returns:
    (Logits, Residue).
  """
  options = ctx.options

  def one(params, image):
    features, stats = ctx.network.features(params, batch_stats, image, True)
    logits, stats = ctx.network.head(params["head"], stats, features, True)
    return features, logits, stats

  features, logits, stats = mixed = one(params, batch.image)
  if options.passes_unmixed:
    if not relabels or options.objective.pseudo_loss_on_mixed:
      # No loss is taken on this pass: it needs no backward pass.
      params = jax.lax.stop_gradient(params)
    # This pass decides the running statistics: evaluation sees un-mixed
    # images.
    features, logits, stats = one(params, batch.unmixed_image)
  elif options.unmixes:
    features = mixup.unmix(features, batch.coefficient)
    logits = mixup.unmix(logits, batch.coefficient)
  return Logits(mixed[1], logits), Residue(mixed[0], features, stats)


def see(ctx, batch: Batch, logits: Logits, residue: Residue) -> Seen:
  """What the passes tell of the un-mixed samples.

  Args:
    ctx: step.Context.
    batch: Batch.
    logits, residue: from `forward`.

  Returns:
    Seen.
  """
  options, exact, mixed = ctx.options, None, None
  if options.unmixes:
    exact = batch.coefficient >= _NEARLY_UNMIXED
  if options.passes_unmixed:
    given = losses.one_hot(batch.label, logits.mixed.shape[-1])
    coefficient = batch.label_coefficient
    mixed = Mixed(
      losses.cross_entropy(logits.mixed, mixup.mix(given, coefficient))
    )
    if options.objective.weigh_mixed:
      mixed = mixed._replace(
        features=residue.mixed, target=mixup.mix(batch.target, coefficient)
      )
    if options.objective.pseudo_loss_on_mixed:
      mixed = mixed._replace(logits=logits.mixed)
  return Seen(residue.unmixed, logits.unmixed, exact, mixed)


def head_of(ctx, batch_stats: Tree, train: bool = True):
  """(params, features) -> logits; running statistics stay as they are."""

  def head(params, features):
    return ctx.network.head(params, batch_stats, features, train)[0]

  return head


def reward_losses(
  ctx, params: Tree, batch_stats: Tree, rewards: Rewards, unmixed: jax.Array
) -> Losses:
  """Passes a reward batch through the backbone, without gradient.

  Args:
    ctx: step.Context.
    params: Theta.
    batch_stats: running statistics; they stay as they are.
    rewards: Rewards.
    unmixed: float32 [b, ...], the un-mixed training images, for
      reward_batch_norm=joint.

  Returns:
    head_params -> float [q], losses in nats.
  """
  batch_norm = ctx.options.objective.reward_batch_norm
  train, images = batch_norm != "running", rewards.image
  if batch_norm == "joint":
    images = jnp.concatenate([images, unmixed])
  features, _ = ctx.network.features(params, batch_stats, images, train)
  head = head_of(ctx, batch_stats, train)

  def of(head_params):
    logits = head(head_params, features)[: rewards.image.shape[0]]
    return losses.cross_entropy(logits, rewards.target)

  return of
