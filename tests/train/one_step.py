"""One training step on small data, for the tests of its parts."""

import functools

import jax
import jax.numpy as jnp
import optax

from fsr_jax.train import feeder
from fsr_jax.train import state as states
from fsr_jax.train.step import context, train_step
from tests import shrunk

NO_AUGMENTATION = {"data__crop_padding": 0, "data__flip": False}


def setup(data=None, **fields):
  """(Context, Resident, state) for one device; images are (x - 0.5) / 0.25."""
  options = shrunk.options(**{**NO_AUGMENTATION, **fields}).train
  data = data or shrunk.random_data()
  steps = len(data.train) // options.optimization.batch_size
  ctx = context(options, data.num_classes, steps)
  resident, _ = feeder.residents(data, options, seed=0)
  resident = jax.tree.map(jnp.asarray, resident)
  statistics = states.Statistics(jnp.array([0.5]), jnp.array([0.25]))
  create = functools.partial(
    states.create, options, ctx.network, ctx.reweighter, ctx.tx
  )
  return ctx, resident, jax.jit(create)(resident, statistics)


def at(state, ctx, active: bool):
  """The state with the warm-up over, or not begun."""
  warmup_epochs = ctx.options.reweighting.warmup_epochs
  assert active or warmup_epochs
  return with_reweighting(state, epoch=jnp.int32(active * warmup_epochs))


def with_reweighting(state, **entries):
  """The state with some entries of its ReweightingState exchanged."""
  return state.replace(reweighting=state.reweighting._replace(**entries))


def with_tables(state, **entries):
  """The state with some of its tables exchanged."""
  tables = state.reweighting.tables._replace(**entries)
  return with_reweighting(state, tables=tables)


def with_share(state, class_share):
  """The state in which the true classes are thought to have these shares."""
  noise = state.reweighting.noise._replace(class_share=class_share)
  return with_reweighting(state, noise=noise)


def step(state, resident, index, *, ctx, active):
  """The compiled step; compiled, for the tests' own speed.

  Args:
    state, resident, index: as for `train_step`.
    ctx: Context.
    active: whether the warm-up is over.
  """
  rewarded = active and ctx.options.reweighting.draws_rewards
  compiled = jax.jit(functools.partial(train_step, ctx=ctx, rewarded=rewarded))
  return compiled(at(state, ctx, active), resident, index)


def images(resident, index):
  """Network input of un-augmented samples, un-mixed."""
  return (resident.image[index] / 255.0 - 0.5) / 0.25


def mean_loss(ctx, resident, index):
  """params -> mean cross entropy of a batch; without batch norm."""

  def loss(params):
    features, _ = ctx.network.features(
      params, {}, images(resident, index), train=True
    )
    logits, _ = ctx.network.head(params["head"], {}, features, True)
    return optax.softmax_cross_entropy_with_integer_labels(
      logits, resident.label[index]
    ).mean()

  return loss
