"""The step against a reference written without it, and its limit cases."""

import functools

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np
import optax

from fsr_jax.maths import dictionary, losses, reweight
from fsr_jax.maths.randomness import StepKeys
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.programs import train_steps
from fsr_jax.train.step import train_step
from tests import shrunk
from tests.train.one_step import (
  at,
  images,
  mean_loss,
  setup,
  step,
  with_reweighting,
  with_tables,
)


class TrainStepTest(parameterized.TestCase):
  def test_plain_step_is_sgd_on_the_mean_loss(self):
    ctx, resident, state = setup(method="plain", lr_warmup_epochs=0)
    index = jnp.arange(16)
    new, metrics = step(state, resident, index, ctx=ctx, active=True)

    loss = mean_loss(ctx, resident, index)
    value, gradient = jax.value_and_grad(loss)(state.params)
    expected = jax.tree.map(
      lambda p, g: p - 0.1 * (g + 5e-4 * p), state.params, gradient
    )
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
      new.params,
      expected,
    )
    np.testing.assert_allclose(metrics.loss, value, rtol=1e-6)
    self.assertEqual(int(new.step), 1)

  @parameterized.product(
    weight_rule=["clip", "shift", "relative"], mixed=[False, True]
  )
  def test_fsr_step_from_its_equations(self, weight_rule, mixed):
    """Weights by jax.grad's definition, loss and tables by hand, MLP."""
    ctx, resident, state = setup(
      method="fsr_exact",
      mixup=mixed,
      pseudo_loss_weight=2.0,
      weight_rule=weight_rule,
      weight_lr=1.0,
      weigh_mixed=True,
      per_length=weight_rule == "relative",
      pseudo_loss="cross_entropy",
      relabel_when_sure=False,
      logit_adjustment=0.0,
      pseudo_label_momentum=0.1,
      label_smoothing=0.1,
    )
    old = np.full((64, 4), 0.25, np.float32)
    state = with_tables(
      state,
      pseudo_label=jnp.array(old * 0.9),
      visits=jnp.ones(64, jnp.int32),
    )
    index = jnp.arange(16)
    new, metrics = step(state, resident, index, ctx=ctx, active=True)

    keys = StepKeys.of(0, state.step)
    x = clean = images(resident, index)
    hard = np.eye(4)[np.array(resident.label[index])]
    y = 0.9 * hard + 0.1 / 4
    if mixed:
      u = jax.random.uniform(keys.batch, (16, 4))[:, 0]
      lam = np.array(1 - u**2 / 2)
      pair = np.arange(16) ^ 1
      x4, y2 = lam[:, None, None, None], lam[:, None]
      x = x4 * x + (1 - x4) * x[pair]
      y = y2 * y + (1 - y2) * y[pair]
    trusted = state.reweighting.dictionary
    slot = dictionary.draw(keys.draw, trusted.label, 16, 4)
    trusted = trusted.index[slot]
    meta = state.params["head"]

    def head(params, features):
      return ctx.network.head(params, {}, features, True)[0]

    def features(params, image):
      return ctx.network.features(params, {}, image, train=True)[0]

    h = features(state.params, x)
    reward_h = features(state.params, images(resident, trusted))
    reward_y = np.eye(4)[np.array(resident.label[trusted])]
    g = reweight.weight_gradient_by_definition(
      lambda p: losses.cross_entropy(head(p, h), y),
      lambda p: losses.cross_entropy(head(p, reward_h), reward_y),
      meta,
      0.1,
    )
    raw = np.maximum(0, -g)
    if weight_rule == "shift":
      raw = (1 / 16 - g) - np.min(1 / 16 - g) + 1 / 16
    elif weight_rule == "relative":
      # Cross entropy's gradient for the logits is p - y.
      p = jax.nn.softmax(head(meta, h))
      g = g / (np.linalg.norm(p - y, axis=-1) + 1e-2)
      raw = np.maximum(0, 1 - g / np.sqrt(np.mean(g**2)))
    weights = raw / raw.sum()
    np.testing.assert_allclose(
      new.reweighting.tables.last_weight[index],
      16 * weights,
      rtol=2e-3,
      atol=1e-4,
    )

    def loss(params):
      mixed_logits = head(params["head"], features(params, x))
      weighted = losses.cross_entropy(mixed_logits, y)
      logits = head(params["head"], features(params, clean))
      pseudo = losses.cross_entropy(logits, old[:16])
      return jnp.sum(weights * weighted) + 2.0 * jnp.mean(pseudo), logits

    (value, logits), gradient = jax.value_and_grad(loss, has_aux=True)(
      state.params
    )
    np.testing.assert_allclose(metrics.loss, value, rtol=1e-4)
    np.testing.assert_allclose(
      metrics.effective_batch,
      weights.sum() ** 2 / (16 * (weights**2).sum()),
      rtol=2e-3,
    )
    expected = jax.tree.map(
      lambda p, g: p - 0.1 * (g + 5e-4 * p), state.params, gradient
    )
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5),
      new.params,
      expected,
    )
    score = -losses.cross_entropy(logits, hard)
    np.testing.assert_allclose(
      new.reweighting.tables.score[index], 0.1 * score, rtol=1e-4
    )
    np.testing.assert_allclose(
      new.reweighting.tables.pseudo_label[index],
      0.1 * 0.9 * old[:16] + 0.9 * jax.nn.softmax(logits),
      rtol=1e-4,
    )
    np.testing.assert_array_equal(new.reweighting.tables.visits[16:], 1)
    np.testing.assert_array_equal(new.reweighting.tables.score[16:], 0)

  # In one program with what comes after it, sums have another order.
  @parameterized.parameters(("fsr_exact", 0), ("fsr", 1e-7))
  def test_warm_up_has_uniform_weights_and_no_pseudo_loss(
    self, method, tolerance
  ):
    ctx, resident, state = setup(
      method=method, mixup=False, logit_adjustment=0.0
    )
    fsr, metrics = step(state, resident, jnp.arange(16), ctx=ctx, active=False)
    plain_ctx, _, plain_state = setup(method="plain")
    plain, _ = step(
      plain_state, resident, jnp.arange(16), ctx=plain_ctx, active=True
    )
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=tolerance),
      fsr.params,
      plain.params,
    )
    np.testing.assert_allclose(fsr.reweighting.tables.last_weight[:16], 1.0)
    self.assertEqual(float(metrics.zero_weights), 0)
    self.assertTrue(np.all(fsr.reweighting.tables.score[:16] != 0))

  def test_running_statistics_come_from_the_un_mixed_images(self):
    self.enter_context(shrunk.with_tiny_batch_norm())
    fields = {
      "method": "fsr_exact",
      "network": "tiny",
      "pseudo_loss_weight": 0.0,
    }
    mixed_ctx, resident, state = setup(mixup=True, **fields)
    clean_ctx, _, _ = setup(mixup=False, **fields)
    after = [
      step(state, resident, jnp.arange(16), ctx=ctx, active=False)[
        0
      ].batch_stats
      for ctx in (mixed_ctx, clean_ctx)
    ]
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
      *after,
    )

  def test_batch_in_which_no_sample_helps_is_counted(self):
    """Every label of the batch is the opposite of the dictionary's."""
    data = shrunk.random_data(num_examples=32, num_classes=2)
    ctx, resident, state = setup(
      data=data,
      method="fsr_exact",
      mixup=False,
      pseudo_loss_weight=0.0,
      dictionary_size=16,
      reward_batch_size=16,
      weight_rule="clip",
    )
    image = jnp.broadcast_to(resident.image[:1], resident.image.shape)
    resident = resident.replace(image=image)
    # All images are one; the dictionary calls it 1, the batch calls it 0.
    state = with_reweighting(
      state,
      dictionary=dictionary.Dictionary(
        jnp.zeros(16, jnp.int32), jnp.ones(16, jnp.int32)
      ),
    )
    zeros = jnp.arange(0, 32, 2)
    new, metrics = step(state, resident, zeros, ctx=ctx, active=True)
    self.assertEqual(int(new.reweighting.zero_batches), 1)
    self.assertEqual(float(metrics.zero_weights), 16)
    np.testing.assert_allclose(metrics.loss, 0.0)

  def test_lookahead_momentum_uses_the_heads_buffer(self):
    ctx, resident, state = setup(lookahead_momentum=0.9, mixup=False)
    buffer = jax.tree.map(
      jnp.ones_like, optax.tree_utils.tree_get(state.opt_state, "trace")
    )
    moving = state.replace(
      opt_state=optax.tree_utils.tree_set(state.opt_state, trace=buffer)
    )
    index = jnp.arange(16)
    without, ahead = (
      self.lookahead_params(ctx, s, resident, index) for s in (state, moving)
    )
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(
        a - b, -0.1 * 0.9, rtol=1e-4, atol=1e-6
      ),
      ahead,
      without,
    )

  def lookahead_params(self, ctx, state, resident, index):
    """Theta* of a step."""
    seen, original = [], reweight.lookahead

    def recorded(*args):
      seen.append(original(*args))
      return seen[-1]

    with absltest.mock.patch.object(reweight, "lookahead", recorded):
      train_step(at(state, ctx, True), resident, index, ctx=ctx, rewarded=False)
    (params,) = seen
    return params

  def test_non_finite_step_is_named(self):
    ctx, resident, state = setup()
    resident = poisoned(resident, 40)  # In the third batch.
    state = state.replace(step=jnp.int32(100))
    _, totals = four_steps(ctx, state, resident)
    self.assertEqual(int(totals.bad_step), 102)
    # MixUp pairs it with its neighbour.
    self.assertEqual(int(totals.bad_examples), 2)
    self.assertEqual(int(totals.bad_example), 40)

  def test_scores_and_statistics_are_watched(self):
    """Neither is in the loss of its step."""
    self.enter_context(shrunk.with_tiny_batch_norm())
    ctx, resident, state = setup(network="tiny", mixup=False)
    score = state.reweighting.tables.score.at[3].set(jnp.nan)
    statistics = jax.tree.map(lambda x: x + jnp.inf, state.batch_stats)
    for spoilt in (
      with_tables(state, score=score),
      state.replace(batch_stats=statistics),
    ):
      _, metrics = step(spoilt, resident, jnp.arange(16), ctx=ctx, active=False)
      self.assertTrue(np.isfinite(metrics.loss))
      self.assertEqual(int(metrics.bad_step), 0)
      self.assertEqual(int(metrics.bad_examples), 0)

  def test_update_that_overflows_is_named_at_once(self):
    """Loss and gradient are finite; the state after the step is not."""
    ctx, resident, state = setup(learning_rate=1e38, weight_decay=100.0)
    _, metrics = step(state, resident, jnp.arange(16), ctx=ctx, active=False)
    self.assertTrue(np.isfinite(metrics.loss))
    self.assertEqual(int(metrics.bad_step), 0)


def poisoned(resident, *examples):
  """Data of which some are not finite."""
  image = resident.image.astype(jnp.float32)
  return resident.replace(image=image.at[jnp.array(examples)].set(jnp.nan))


def four_steps(ctx, state, resident):
  """(state, Metrics) after steps on the examples in their order."""
  index = jnp.arange(64).reshape(4, 16)
  compiled = jax.jit(functools.partial(train_steps, ctx=ctx, rewarded=False))
  return compiled(state, Metrics.zero(), resident, index)


class SkipTest(parameterized.TestCase):
  @parameterized.parameters("sgd", "adam")
  def test_a_skipped_step_leaves_its_number_alone(self, optimizer):
    self.enter_context(shrunk.with_tiny_batch_norm())
    fields = {"network": "tiny", "optimizer": optimizer}
    ctx, resident, state = setup(on_nonfinite="skip", **fields)
    state = at(state, ctx, active=True)
    bad = poisoned(resident, 40)
    after, totals = four_steps(ctx, state, bad)
    self.assertEqual((int(totals.steps), int(totals.skipped)), (3, 1))
    self.assertEqual(int(totals.bad_step), 2)
    self.assertEqual(int(after.step), 4)
    # As if there had been three batches, but for the learning rate.
    tables = after.reweighting.tables
    np.testing.assert_array_equal(tables.visits, np.arange(64) // 16 != 2)
    for leaf in jax.tree.leaves((after, totals)):
      if jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.ndim:
        self.assertTrue(np.all(np.isfinite(leaf)))
    one, first = step(state, bad, jnp.arange(32, 48), ctx=ctx, active=True)
    self.assertEqual(float(first.skipped), 1)
    self.assertEqual(float(first.loss), 0)
    counts = [
      optax.tree_utils.tree_get_all_with_path(s.opt_state, "count")
      for s in (state, one)
    ]
    self.assertEqual([int(n) for _, n in counts[0]], [0] * len(counts[0]))
    for path, count in counts[1]:
      self.assertEqual(int(count), int("Schedule" in str(path)))
    back = optax.tree_utils.tree_set(one.opt_state, count=jnp.int32(0))
    jax.tree.map(
      np.testing.assert_array_equal,
      one.replace(step=state.step, opt_state=back),
      state,
    )

  def test_a_run_without_such_steps_is_the_same(self):
    results = []
    for rule in ("stop", "skip"):
      ctx, resident, state = setup(on_nonfinite=rule)
      results.append(four_steps(ctx, at(state, ctx, True), resident))
    # Two programs, whose sums have other orders.
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7),
      *results,
    )


if __name__ == "__main__":
  absltest.main()
