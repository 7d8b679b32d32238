"""The weights of one batch (Algorithm 1, lines 7 to 13), and what is kept."""

import jax
import jax.numpy as jnp

from fsr_jax.maths import (
  collectives,
  losses,
  pushers,
  queue,
  reweight,
  tables,
  weight_net,
)
from fsr_jax.maths.checks import at_least_float32, expect
from fsr_jax.maths.collectives import Tree
from fsr_jax.maths.reweight import Losses
from fsr_jax.reweighting import net, noise
from fsr_jax.reweighting.options import ReweightingOptions
from fsr_jax.reweighting.samples import Head, Mixed, SampleLoss, Weighed
from fsr_jax.reweighting.state import LastStep, ReweightingState


def weigh(
  options: ReweightingOptions,
  state: ReweightingState,
  index: jax.Array,
  label: jax.Array,
  features: jax.Array,
  logits: jax.Array,
  head: Head,
  head_params: Tree,
  *,
  target: jax.Array | None = None,
  sample_loss: SampleLoss = losses.cross_entropy,
  exact: jax.Array | None = None,
  mixed: Mixed | None = None,
  reward_losses: Losses | None = None,
  momentum: Tree | None = None,
) -> tuple[jax.Array, ReweightingState]:
  """The weights of a batch, and the state after it.

  Nothing is differentiated through: call it beside the loss or inside.

  Args:
    options: ReweightingOptions.
    state: ReweightingState.
    index: int [b], which training samples; each at most once in a batch.
    label: int [b], their given labels.
    features: float [b, ...], what the head is put on: of the un-mixed samples,
      their own or, with MixUp in one pass, estimates by `mixup.unmix`.
    logits: float [b, C], head(head_params, features).
    head: the looked-ahead part of the network (section 4.2: its last layer).
    head_params: Theta^meta, its parameters.
    target: float [b, C], of the un-mixed samples where it is not one-hot:
      smoothed or scaled by class.
    sample_loss: of the training loss, linear in its target.
    exact: bool [b], False where features and logits are rough estimates; those
      do not enter the queue. None where none are.
    mixed: the mixed images' own pass, where there is one.
    reward_losses: head_params -> float [q], losses of this step's rewards;
      for rewards other than a queue. None leaves the weights uniform.
    momentum: pytree like head_params, added to the look-ahead gradient.

  Returns:
    (weights float32 [b], state). Over the global batch they sum to 1, or all
    are 0; those of a weight net lie in 0-1/B.

  Raises:
    InputError: an argument of another dtype or shape.

  Source: Algorithm 1; eqs. 2, 3, 6.
  """
  expect(
    index=(index, "int B"),
    label=(label, "int B"),
    features=(features, "float B ..."),
    logits=(logits, "float B C"),
  )
  features, logits, head_params, mixed, momentum = jax.lax.stop_gradient(
    (features, logits, head_params, mixed, momentum)
  )
  logits = at_least_float32(logits)
  given = losses.one_hot(label, logits.shape[-1])
  target = given if target is None else target
  weighed = Weighed(head, sample_loss, features, target)
  if mixed is not None and mixed.features is not None:
    assert mixed.target is not None
    weighed = weighed._replace(features=mixed.features, target=mixed.target)
  lookahead_params = _lookahead(
    options, state, weighed.losses, head_params, momentum
  )
  rewards = _reward_gradient(
    options, state, head, lookahead_params, reward_losses
  )
  weights, moved, reward_loss = _weights(
    options, state, index, label, weighed, head_params, rewards
  )
  after = at_least_float32(head(lookahead_params, features))
  evidence, remembered = _evidence(state, index, given, logits, after, mixed)
  new = _observe(options, state, index, weights, evidence, remembered)
  none_helped = collectives.psum(jnp.sum(weights)) == 0
  return weights, new._replace(
    queue=_pushed(state, index, label, features, exact),
    weight_net=moved,
    zero_batches=state.zero_batches + none_helped.astype(jnp.int32),
    last=LastStep(reward_loss, _lookahead_loss(options, evidence)),
  )


def _lookahead(options, state, train_losses, head_params, momentum) -> Tree:
  """Theta*; with a weight net its factors weigh the step."""
  factor: jax.Array | float = 1.0
  if state.weight_net is not None:
    factor = weight_net.value(
      state.weight_net.params, train_losses(head_params)
    )
  if momentum is not None:
    momentum = jax.tree.map(lambda m: options.lookahead_momentum * m, momentum)
  return reweight.lookahead(
    lambda p: factor * train_losses(p),
    head_params,
    options.lookahead_lr,
    momentum,
  )


def _reward_gradient(options, state, head, lookahead_params, reward_losses):
  """(reward loss, v, whether there are any rewards), or None for none."""
  if not options.learned:
    return None
  if state.queue is None:
    if reward_losses is None:
      return None
    return *reweight.reward_gradient(reward_losses, lookahead_params), True
  features, label, share = queue.contents(state.queue)

  def reward_loss(params):
    logits = head(params, features)
    target = losses.one_hot(label, logits.shape[-1])
    return jnp.sum(share * losses.cross_entropy(logits, target))

  # The queue is the same on every device: nothing is to be summed over them.
  loss, v = jax.value_and_grad(reward_loss)(lookahead_params)
  return loss, v, jnp.any(share > 0)


def _weights(options, state, index, label, weighed, head_params, rewards):
  """(weights [b], weight net or None, loss of the rewards or NaN)."""
  uniform = 1.0 / collectives.global_size(label)
  weights = jnp.full(label.shape, uniform, weighed.target.dtype)
  # Of a dtype of its own: a state of weak types would be compiled for again.
  nothing = jnp.full((), jnp.nan, weights.dtype)
  moved, reward_loss = state.weight_net, nothing
  begun = active = state.epoch >= options.warmup_epochs
  if rewards is not None:
    reward_loss, v, there = rewards
    active = begun & there
    learned = _learned(options, state, weighed, head_params, v)
    weights, moved = _choose(active, learned, (weights, moved))
    reward_loss = jnp.where(active, reward_loss, nothing)
  scored = _by_label_score(options, state, index, label, weights)
  weights = jnp.where(begun, scored, weights)
  if rewards is not None and moved is None:
    kept = _with_last(options, state, index, weights)
    weights = jnp.where(active, kept, weights)
  return weights, moved, reward_loss


def _learned(options, state, weighed, head_params, v):
  """(weights [b], weight net after its step or None) from v."""
  moved = state.weight_net
  g = reweight.weight_gradient(
    weighed.losses, head_params, v, options.lookahead_lr
  )
  if moved is not None:
    loss = weighed.losses(head_params)
    return net.move(moved, loss, g, options.weight_net_lr)
  if options.per_length:
    g = reweight.per_length(g, weighed.logit_gradient(head_params))
  rule = reweight.WEIGHT_RULES[options.weight_rule]
  return reweight.normalize(rule(g, options.weight_lr)), None


def _by_label_score(options, state, index, label, weights) -> jax.Array:
  """Weights by what the run has found out, once it has; on their scale.

  The probability that the label is right, times the weight itself or, with
  weigh_by_wrong_share, as much of it as labels are wrong: where few are,
  whoever helps no reward is rather a hard sample than a wrong one. Measured in
  docs/measured/board.md.
  """
  if not options.label_scores or state.anchors is None:
    return weights
  said = tables.mean_probabilities_of(state.tables, index)
  score = noise.label_score(state.noise, said, label)
  total = collectives.psum(jnp.sum(weights))
  if options.weigh_by_wrong_share:
    uniform = total / collectives.global_size(weights)
    # Before that no label is known to be wrong, and none is taken for right.
    sure = noise.is_sure(state.anchors)
    share = jnp.where(sure, state.noise.wrong_share, 1.0)
    weights = tables.moving_average(weights, uniform, share)
  return total * reweight.normalize(weights * score)


def _with_last(options, state, index, weights) -> jax.Array:
  """Weights of which a share is that of the last visit (weight_momentum)."""
  if not options.weight_momentum:
    return weights
  seen = state.tables.visits[index] > 0
  before = jnp.where(seen, state.tables.last_weight[index], 1.0)
  before /= collectives.global_size(weights)
  return reweight.normalize(
    tables.moving_average(before, weights, options.weight_momentum)
  )


def _choose(condition: jax.Array, chosen: Tree, other: Tree) -> Tree:
  """Leaf by leaf, one of two trees."""
  return jax.tree.map(lambda a, b: jnp.where(condition, a, b), chosen, other)


def _evidence(state, index, given, logits, lookahead_logits, mixed):
  """(Evidence for the pushers, logits whose predictions are remembered)."""
  remembered = logits
  if mixed is None:
    mixed_loss = losses.cross_entropy(logits, given)
  else:
    mixed_loss = mixed.loss
    if mixed.logits is not None:
      remembered = at_least_float32(mixed.logits)
  evidence = pushers.Evidence(
    target=given,
    logits=logits,
    lookahead_logits=lookahead_logits,
    mixed_loss=mixed_loss,
    recall=state.tables.recall[index],
  )
  return evidence, remembered


def _observe(
  options, state, index, weights, evidence, remembered
) -> ReweightingState:
  """The tables after this batch."""
  probabilities = None
  if state.tables.pseudo_label is not None:
    probabilities = jax.nn.softmax(remembered)
  root = None
  if state.tables.mean_root is not None:
    root = jnp.sqrt(jax.nn.softmax(evidence.logits))
  seen = tables.Observation(
    index=index,
    score=pushers.PUSHERS[options.pusher](evidence),
    weights=weights,
    predicted=evidence.predicted,
    correct=evidence.correct,
    probabilities=probabilities,
    root=root,
  )
  return state._replace(
    tables=tables.update(
      state.tables,
      seen,
      options.score_momentum,
      options.pseudo_label_momentum,
    )
  )


def _pushed(state, index, label, features, exact):
  """The queue with the batch's trusted samples."""
  if state.queue is None:
    return None
  accepted = state.trusted[index]
  if exact is not None:
    accepted &= exact
  return queue.push(state.queue, features, label, accepted)


def _lookahead_loss(options, evidence) -> jax.Array:
  """Mean loss on the given labels under Theta*; NaN with uniform weights."""
  if not options.learned:
    return jnp.full((), jnp.nan, evidence.logits.dtype)
  loss = losses.cross_entropy(evidence.lookahead_logits, evidence.target)
  return collectives.psum(jnp.sum(loss)) / collectives.global_size(loss)
