"""Optimizers against Optax used directly, and what is refused of them."""

import dataclasses

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np
import optax

from fsr_jax.config.validation import validate
from fsr_jax.errors import InputError
from fsr_jax.train.optimization import OPTIMIZERS, OptimizationOptions
from fsr_jax.train.optimizer import WITH_BUFFER, learning_rate, optimizer
from tests import shrunk
from tests.train.one_step import mean_loss, setup, step

OPTIONS = OptimizationOptions(
  num_epochs=10, schedule="cosine", learning_rate=0.02, weight_decay=0.1
)
PARAMS = {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.ones(2)}


def direct(name, rate, clip=None):
  """The same optimizer as Optax documents it."""
  l2 = optax.add_decayed_weights(0.1)
  chain = {
    "sgd": lambda: (l2, optax.sgd(rate, momentum=0.9)),
    "nesterov": lambda: (l2, optax.sgd(rate, momentum=0.9, nesterov=True)),
    "adam": lambda: (l2, optax.adam(rate, b1=0.9)),
    "adamw": lambda: (optax.adamw(rate, b1=0.9, weight_decay=0.1),),
    "lion": lambda: (optax.lion(rate, b1=0.9, weight_decay=0.1),),
    "lamb": lambda: (optax.lamb(rate, b1=0.9, weight_decay=0.1),),
  }[name]()
  if clip is not None:
    chain = (optax.clip_by_global_norm(clip), *chain)
  return optax.chain(*chain)


def after(tx, steps, gradient_scale=1.0):
  """Parameters after some steps along gradients that change their sign."""
  params, state = PARAMS, tx.init(PARAMS)

  @jax.jit
  def one(params, state, i):
    gradient = jax.tree.map(
      lambda p: gradient_scale * jnp.cos(p + i) * p, params
    )
    updates, state = tx.update(gradient, state, params)
    return optax.apply_updates(params, updates), state

  for i in range(steps):
    params, state = one(params, state, i)
  return params


class OptimizerTest(parameterized.TestCase):
  @parameterized.product(name=OPTIMIZERS, steps=[1, 4])
  def test_is_optaxs(self, name, steps):
    options = dataclasses.replace(OPTIONS, optimizer=name)
    got = after(optimizer(options, steps_per_epoch=5), steps)
    # One cosine from 0.02 to 0 over 10 epochs of 5 steps.
    rate = optax.cosine_decay_schedule(0.02, 50)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
      got,
      after(direct(name, rate), steps),
    )
    moved = jax.tree.map(lambda a, b: float(abs(a - b).min()), got, PARAMS)
    self.assertGreater(min(jax.tree.leaves(moved)), 1e-4)

  @parameterized.product(
    schedule=("cosine_restarts", "cosine", "step"), rise=(1, 3, 100)
  )
  def test_a_run_that_ends_before_the_rise_does(self, schedule, rise):
    options = OptimizationOptions(
      num_epochs=1, schedule=schedule, lr_warmup_epochs=rise
    )
    validate(
      shrunk.options(num_epochs=1, lr_warmup_epochs=rise, schedule=schedule)
    )
    rates = jax.vmap(learning_rate(options, 10))(jnp.arange(10))
    np.testing.assert_allclose(
      rates, 0.1 * np.arange(10) / (10 * rise), rtol=1e-4, atol=1e-9
    )

  def test_decays_beyond_the_end(self):
    """Even those whose step would not fit into int32."""
    options = OptimizationOptions(
      num_epochs=4, schedule="step", lr_decay_epochs=(2, 2**31 - 1)
    )
    rates = jax.vmap(learning_rate(options, 10))(jnp.arange(40))
    np.testing.assert_allclose(rates, 20 * [0.1] + 20 * [0.001], rtol=1e-6)

  @parameterized.product(name=OPTIMIZERS, scale=[1e-3, 100.0])
  def test_gradient_clip(self, name, scale):
    """Before the decay; a shorter gradient is as it was."""
    options = dataclasses.replace(OPTIONS, optimizer=name, gradient_clip=0.5)
    got = after(optimizer(options, steps_per_epoch=5), 3, scale)
    rate = optax.cosine_decay_schedule(0.02, 50)
    expected = after(direct(name, rate, 0.5 if scale > 1 else None), 3, scale)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), got, expected
    )

  def test_gradient_clip_by_hand(self):
    options = dataclasses.replace(
      OPTIONS, weight_decay=0.0, gradient_clip=1.0, lr_warmup_epochs=0
    )
    tx = optimizer(options, steps_per_epoch=5)
    gradient = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
    updates, _ = tx.update(gradient, tx.init(gradient), gradient)
    np.testing.assert_allclose(updates["a"], [-0.02 * 0.6], rtol=1e-6)
    np.testing.assert_allclose(updates["b"], [-0.02 * 0.8], rtol=1e-6)

  @parameterized.parameters("nesterov", "adamw", "lamb")
  def test_in_a_training_step(self, name):
    ctx, resident, state = setup(
      method="plain", optimizer=name, schedule="cosine", weight_decay=0.1
    )
    index = jnp.arange(16)
    new, _ = step(state, resident, index, ctx=ctx, active=True)

    loss = mean_loss(ctx, resident, index)
    tx = direct(name, ctx.options.optimization.learning_rate)
    updates, _ = tx.update(
      jax.grad(loss)(state.params), tx.init(state.params), state.params
    )
    # Adam's first step is the gradient's sign: where that is 0 it is chance.
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
      new.params,
      optax.apply_updates(state.params, updates),
    )

  def test_lookahead_momentum_needs_a_buffer(self):
    for name in OPTIMIZERS:
      options = shrunk.options(optimizer=name, lookahead_momentum=0.9)
      if name in WITH_BUFFER:
        validate(options)
        continue
      with self.assertRaisesRegex(
        InputError,
        f"lookahead_momentum=0.9 .* optimizer={name} .* sgd or nesterov",
      ):
        validate(options)
      validate(shrunk.options(optimizer=name))

  @parameterized.parameters(*WITH_BUFFER)
  def test_lookahead_momentum_finds_the_buffer(self, name):
    """Behind a clip too."""
    ctx, resident, state = setup(
      optimizer=name, lookahead_momentum=0.9, gradient_clip=1.0, mixup=False
    )
    # Not the same everywhere: that would move all logits of a sample alike.
    buffer = jax.tree.map(
      lambda x: jnp.linspace(-1, 1, x.size).reshape(x.shape),
      optax.tree_utils.tree_get(state.opt_state, "trace"),
    )
    moving = state.replace(
      opt_state=optax.tree_utils.tree_set(state.opt_state, trace=buffer)
    )
    seen = []
    for s in (state, moving):
      new, _ = step(s, resident, jnp.arange(16), ctx=ctx, active=True)
      seen.append(float(new.reweighting.last.lookahead_loss))
    self.assertGreater(abs(seen[0] - seen[1]), 1e-3)

  @parameterized.parameters("adam2", "SGD")
  def test_unknown(self, name):
    with self.assertRaisesRegex(InputError, f"unknown optimizer '{name}'"):
      validate(shrunk.options(optimizer=name))

  def test_negative_clip(self):
    with self.assertRaisesRegex(InputError, "gradient_clip=-1.0; expected"):
      validate(shrunk.options(gradient_clip=-1.0))


class LearningRateTest(absltest.TestCase):
  def test_step_decay_counts_from_the_start_of_the_run(self):
    o = shrunk.options(schedule="step", num_epochs=200, lr_warmup_epochs=5)
    rate = learning_rate(o.train.optimization, steps_per_epoch=10)
    for at_step, expected in (
      (0, 0.0),
      (25, 0.05),
      (50, 0.1),
      (1599, 0.1),
      (1600, 1e-3),
      (1799, 1e-3),
      (1800, 1e-5),
      (1999, 1e-5),
    ):
      np.testing.assert_allclose(rate(at_step), expected, rtol=1e-5, atol=1e-9)

  def test_cosine(self):
    o = shrunk.options(schedule="cosine", num_epochs=10).train.optimization
    rate = learning_rate(o, steps_per_epoch=10)
    np.testing.assert_allclose(
      [rate(0), rate(50), rate(100)], [0.1, 0.05, 0.0], atol=1e-7
    )


if __name__ == "__main__":
  absltest.main()
