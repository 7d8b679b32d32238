"""The parts that methods are made of, alone and in the training step."""

import dataclasses
import functools

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fsr_jax import config as config_lib
from fsr_jax import models
from fsr_jax.config.validation import validate
from fsr_jax.data import sources
from fsr_jax.data.dataset import channel_statistics
from fsr_jax.errors import InputError
from fsr_jax.maths import (
  class_balance,
  losses,
  randomness,
  reweight,
  weight_net,
)
from fsr_jax.maths.randomness import StepKeys
from fsr_jax.train import input as inputs
from fsr_jax.train import loss as objective
from fsr_jax.train.forward import head_of, reward_losses
from fsr_jax.train.step import class_share, train_step
from tests import shrunk
from tests.train.one_step import (
  at,
  images,
  setup,
  step,
  with_reweighting,
  with_share,
  with_tables,
)

B, C = 16, 4
INDEX = jnp.arange(B)


def setup_held_out(**fields):
  """As `setup`, with rewards from 16 held-out samples."""
  clean = shrunk.random_data(num_examples=16, seed=7).train
  data = dataclasses.replace(shrunk.random_data(), held_out=clean)
  return setup(data, data__held_out=16, **fields)


def gather(ctx, state, resident):
  """Batch of INDEX."""
  key = jax.random.key(0)
  return inputs.gather(ctx.options, key, state.statistics, resident, INDEX)


def logits_of(ctx, state, resident):
  features, stats = ctx.network.features(
    state.params, state.batch_stats, images(resident, INDEX), True
  )
  return ctx.network.head(state.params["head"], stats, features, True)[0]


class PresetsTest(parameterized.TestCase):
  @parameterized.parameters(*config_lib.METHODS)
  @pytest.mark.slow
  def test_learns(self, method):
    """Four epochs on wrong labels fit the right ones better than before."""
    fields = {"method": method, "data__held_out": 20, "num_epochs": 4}
    data = sources.load(shrunk.config(**fields).data, 0)
    options = shrunk.options(**fields)
    programs, state = shrunk.trained(options, data)
    after = programs.devices.get(state)
    before = programs.create_state()
    self.assertTrue(
      all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.params))
    )
    mean, std = channel_statistics(data.train.image)
    image = (data.train.image / 255.0 - mean) / std
    network = models.create("mlp", 10, options.train.network.meta_blocks)

    def loss(params):
      features, stats = network.features(params, {}, image, False)
      logits, _ = network.head(params["head"], stats, features, False)
      target = losses.one_hot(jnp.array(data.train.clean_label), 10)
      return float(losses.cross_entropy(logits, target).mean())

    self.assertLess(loss(after.params), loss(before.params))

  def test_l2r_is_fsr_on_clean_rewards_with_everything_looked_ahead(self):
    parts = {
      "rewards": "held_out",
      "meta_blocks": -1,
      "mixup": False,
      "pseudo_loss_weight": 0.0,
      "relabel_when_sure": False,
      "logit_adjustment": 0.0,
      "label_scores": False,
      "weight_rule": "clip",
      "per_length": False,
      "data__held_out": 20,
    }
    fsr = shrunk.options(method="fsr_exact", **parts)
    l2r = shrunk.options(method="l2r", data__held_out=20)
    self.assertEqual(fsr.train, l2r.train)

  def test_parts_that_are_set_stay(self):
    options = shrunk.options(method="focal", mixup=True, label_smoothing=0.05)
    o = options.train.objective
    self.assertEqual(
      (o.loss, o.mixup, o.label_smoothing), ("focal", True, 0.05)
    )

  @parameterized.parameters(
    ({"method": "l2r"}, "data.held_out=0"),
    ({"method": "mwn", "data__held_out": 8}, "data.held_out=8"),
    ({"loss": "hinge"}, "unknown loss 'hinge'; choose one of: cross"),
    ({"weighting": "none"}, "unknown weighting"),
    ({"rewards": "all"}, "unknown rewards"),
    ({"pseudo_loss": "mse"}, "unknown pseudo_loss"),
    ({"method": "remix", "mixup": False}, "remix=True but mixup=False"),
    (
      {"method": "elr", "pseudo_loss_weight": 0.0},
      "method=elr but pseudo_loss_weight=0",
    ),
    ({"gce_q": 0.0}, "gce_q=0.0; expected a number in 0.001-1"),
    (
      {"method": "forward_correction", "warmup_epochs": 0},
      "warmup_epochs=0, but transition=estimated, .* expected 1 or more",
    ),
  )
  def test_parts_that_contradict(self, fields, message):
    with self.assertRaisesRegex(InputError, message):
      validate(shrunk.options(**fields))


class LossesTest(parameterized.TestCase):
  @parameterized.parameters(
    ("plain", lambda z, y, n: losses.cross_entropy(z, y)),
    (
      "label_smoothing",
      lambda z, y, n: losses.cross_entropy(z, 0.9 * y + 0.1 / C),
    ),
    ("focal", lambda z, y, n: losses.focal(z, y, 2.0)),
    ("gce", lambda z, y, n: losses.generalized_cross_entropy(z, y, 0.7)),
    (
      "cb_focal",
      lambda z, y, n: (
        losses.focal(z, y, 2.0)
        * (y @ class_balance.effective_number_factors(n, 0.9999))
      ),
    ),
    # The transition matrix is the identity until it is estimated.
    ("forward_correction", lambda z, y, n: losses.cross_entropy(z, y)),
  )
  def test_loss_of_a_step_is_the_mean(self, method, expected):
    ctx, resident, state = setup(method=method)
    count = jnp.array([10, 20, 30, 4])
    resident = resident.replace(class_count=count)
    batch = gather(ctx, state, resident)
    logits = logits_of(ctx, state, resident)
    loss = objective.weighted_loss(
      ctx.options,
      objective.sample_loss(ctx.options, state.transition, jnp.ones(C) / C),
      jnp.full(B, 1 / B),
      logits,
      batch,
    )
    _, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    np.testing.assert_allclose(metrics.loss, loss, rtol=1e-5)
    target = losses.one_hot(resident.label[:B], C)
    np.testing.assert_allclose(
      loss, expected(logits, target, count).mean(), rtol=1e-5
    )

  @parameterized.parameters(
    ("cross_entropy", losses.cross_entropy),
    ("focal", lambda z, y: losses.focal(z, y, 2.0)),
    ("gce", lambda z, y: losses.generalized_cross_entropy(z, y, 0.7)),
    ("forward_correction", losses.cross_entropy),
  )
  def test_logit_adjustment_goes_with_every_loss(self, loss, expected):
    """Shares of the given labels, which in `random_data` are a quarter each."""
    ctx, resident, state = setup(
      method="plain",
      loss=loss,
      logit_adjustment=0.5,
      class_prior="estimated",
    )
    share = jnp.array([0.4, 0.3, 0.2, 0.1])
    state = with_share(state, share)
    _, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    logits = logits_of(ctx, state, resident) + jnp.log(share) / 2
    target = losses.one_hot(resident.label[:B], C)
    np.testing.assert_allclose(
      metrics.loss, expected(logits, target).mean(), rtol=1e-5
    )

  def test_ldam_drw_balances_classes_at_the_end(self):
    """Batch loss by hand; classes of 40, 10, 10 and 4 samples."""
    ctx, resident, state = setup(
      method="ldam_drw", num_epochs=10, ldam_margin=3.0
    )
    count = jnp.array([40, 10, 10, 4])
    resident = resident.replace(class_count=count)
    logits = logits_of(ctx, state, resident)
    target = losses.one_hot(resident.label[:B], C)
    margin = 3 * (4 / count) ** 0.25
    own = target @ margin
    lowered = losses.cross_entropy(logits - target * own[:, None], target)
    factor = target @ class_balance.effective_number_factors(count, 0.9999)
    for epoch, expected in ((7, lowered), (8, factor * lowered)):
      state = with_reweighting(state, epoch=jnp.int32(epoch))
      compiled = jax.jit(functools.partial(train_step, ctx=ctx, rewarded=False))
      _, metrics = compiled(state, resident, INDEX)
      np.testing.assert_allclose(metrics.loss, expected.mean(), rtol=1e-5)

  def test_given_shares_are_those_of_the_given_labels(self):
    ctx, resident, state = setup(logit_adjustment=1.0, class_prior="given")
    resident = resident.replace(class_count=jnp.array([32, 16, 16, 0]))
    # Of no class less than one sample.
    np.testing.assert_allclose(
      class_share(ctx.options, state, resident), np.array([32, 16, 16, 1]) / 65
    )

  @parameterized.parameters(0.0, 1.0)
  def test_elr_adds_its_regularizer(self, tau):
    ctx, resident, state = setup(
      method="elr", logit_adjustment=tau, class_prior="estimated"
    )
    offset = jnp.zeros(C)
    if tau:
      share = jnp.array([0.4, 0.3, 0.2, 0.1])
      state, offset = with_share(state, share), jnp.log(share)
    old = jnp.full((64, C), 0.25)
    # One visit: debiased this is `old`.
    state = with_tables(
      state, pseudo_label=old * 0.3, visits=jnp.ones(64, jnp.int32)
    )
    _, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    logits = logits_of(ctx, state, resident) + offset
    target = losses.one_hot(resident.label[:B], C)
    p = np.array(jax.nn.softmax(logits))
    average = 0.7 * 0.25 + 0.3 * p
    expected = np.mean(
      losses.cross_entropy(logits, target)
      + 3.0 * np.log(1 - np.sum(p * average, -1))
    )
    np.testing.assert_allclose(metrics.loss, expected, rtol=1e-4)

  def test_re_labelling_waits_until_the_run_is_sure(self):
    losses_of = {}
    for waits, sure in ((False, False), (True, False), (True, True)):
      ctx, resident, state = setup(method="elr", relabel_when_sure=waits)
      state = with_tables(
        state,
        pseudo_label=jnp.full((64, C), 0.25 * 0.3),
        visits=jnp.ones(64, jnp.int32),
      )
      anchors = state.reweighting.anchors._replace(settled=jnp.bool_(sure))
      state = with_reweighting(state, anchors=anchors)
      _, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
      losses_of[waits, sure] = float(metrics.loss)
    target = losses.one_hot(resident.label[:B], C)
    logits = logits_of(ctx, state, resident)
    given = float(losses.cross_entropy(logits, target).mean())
    self.assertAlmostEqual(losses_of[True, False], given, places=5)
    self.assertLess(losses_of[True, True], given - 0.1)
    self.assertAlmostEqual(
      losses_of[True, True], losses_of[False, False], places=5
    )

  def test_cross_entropy_on_pseudo_labels_is_of_plain_logits(self):
    ctx, resident, state = setup(
      method="plain",
      pseudo_loss="cross_entropy",
      pseudo_loss_weight=2.0,
      logit_adjustment=1.0,
      class_prior="estimated",
    )
    share = jnp.array([0.4, 0.3, 0.2, 0.1])
    pseudo = jnp.tile(share[::-1], (64, 1))
    state = with_tables(
      with_share(state, share),
      pseudo_label=pseudo * 0.3,
      visits=jnp.ones(64, jnp.int32),
    )
    _, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    logits = logits_of(ctx, state, resident)
    target = losses.one_hot(resident.label[:B], C)
    expected = losses.cross_entropy(logits + jnp.log(share), target)
    expected += 2 * losses.cross_entropy(logits, pseudo[:B])
    np.testing.assert_allclose(metrics.loss, expected.mean(), rtol=1e-5)

  def test_transition_is_estimated_at_the_end_of_the_warm_up(self):
    data = shrunk.random_data()
    for epochs in (1, 2):
      options = shrunk.options(
        method="forward_correction", num_epochs=epochs, warmup_epochs=2
      )
      programs, state = shrunk.trained(options, data)
      estimated = programs.devices.get(state).transition
      if epochs == 1:
        np.testing.assert_array_equal(estimated, np.eye(C))
    np.testing.assert_allclose(estimated.sum(-1), 1, rtol=1e-5)
    self.assertLess(estimated.max(), 0.9)

  def test_with_mixup_predictions_are_kept_of_un_mixed_images(self):
    kept = []
    for mixup in (False, True):
      ctx, resident, state = setup(
        method="forward_correction", mixup=mixup, unmixed_pass=True
      )
      new, _ = step(state, resident, INDEX, ctx=ctx, active=False)
      kept.append(new.reweighting.tables.pseudo_label[:B])
    np.testing.assert_allclose(*kept, rtol=1e-5, atol=1e-6)

  def test_known_transition_comes_from_the_labels(self):
    data = sources.load(shrunk.config().data, 0)
    options = shrunk.options(
      method="forward_correction", transition="known", num_epochs=1
    )
    programs, state = shrunk.trained(options, data)
    known = programs.devices.get(state).transition
    np.testing.assert_allclose(np.diag(known), 0.65, atol=0.06)

  def test_remix_gives_the_smaller_class_the_whole_label(self):
    ctx, resident, state = setup(method="remix")
    resident = resident.replace(class_count=jnp.array([30, 10, 31, 9]))
    # Neighbours are of the classes 0, 1 and 2, 3.
    batch = gather(ctx, state, resident)
    u = np.array(randomness.step_uniforms(jax.random.key(0), B, 4))[:, 0]
    coefficient = 1 - u**2 / 2
    expected = np.where(np.arange(B) % 2, 1.0, coefficient)
    np.testing.assert_allclose(batch.label_coefficient, expected, rtol=1e-6)


class WeightingTest(parameterized.TestCase):
  def learn(self, ctx, state, image, rewards):
    """What `weigh` gives after the warm-up; Theta* too."""
    state = at(state, ctx, True)
    features, _ = ctx.network.features(
      state.params, state.batch_stats, image, True
    )
    head = head_of(ctx, state.batch_stats)
    return ctx.reweighter.weigh(
      state.reweighting,
      INDEX,
      jnp.arange(B) % C,
      features,
      head(state.params["head"], features),
      head,
      state.params["head"],
      reward_losses=reward_losses(
        ctx, state.params, state.batch_stats, rewards, image
      ),
    )

  @parameterized.parameters("mlp", "tiny")
  def test_l2r_weights_are_those_of_second_order_autodiff(self, network):
    """Everything looked ahead, batch norm included; to 1e-5."""
    self.enter_context(shrunk.with_tiny_batch_norm())
    ctx, resident, state = setup_held_out(
      method="l2r", network=network, weight_lr=1.0
    )
    image = images(resident, INDEX)
    target = losses.one_hot(resident.label[:B], C)
    rewards = inputs.draw_rewards(
      ctx.options,
      StepKeys.of(0, 3),
      state.statistics,
      resident,
      state.reweighting.dictionary,
    )
    weights, _ = jax.jit(functools.partial(self.learn, ctx))(
      state, image, rewards
    )

    def losses_of(image, target):
      def of(p):
        logits, _ = ctx.network.head(p, state.batch_stats, image, True)
        return losses.cross_entropy(logits, target)

      return of

    g = reweight.weight_gradient_by_definition(
      losses_of(image, target),
      losses_of(rewards.image, rewards.target),
      state.params["head"],
      0.1,
    )
    raw = np.maximum(0, -np.array(g))
    np.testing.assert_allclose(weights, raw / raw.sum(), atol=1e-5)
    self.assertNotIn("backbone", state.params)
    self.assertGreater(np.mean(raw > 0), 0.1)

  def test_class_weights_do_not_reach_the_pusher(self):
    scores = []
    for class_balanced in (False, True):
      ctx, resident, state = setup(
        method="fsr_exact",
        pusher="mixed_margin",
        class_balanced=class_balanced,
        lookahead_lr=1e-6,
      )
      resident = resident.replace(class_count=jnp.array([1, 20, 30, 40]))
      new, _ = step(state, resident, INDEX, ctx=ctx, active=False)
      scores.append(new.reweighting.tables.score[:B])
    np.testing.assert_allclose(*scores, atol=1e-5)

  def test_held_out_samples_stay(self):
    data = sources.load(shrunk.config(data__held_out=20).data, 0)
    options = shrunk.options(method="l2r", data__held_out=20)
    programs, state = shrunk.trained(options, data)
    kept = programs.devices.get(state).reweighting.dictionary
    np.testing.assert_array_equal(kept.index, np.arange(20))
    np.testing.assert_array_equal(kept.label, data.held_out.label)

  def test_weights_of_un_mixed_samples_go_with_their_labels(self):
    fields = {"method": "fsr_exact", "pseudo_loss_weight": 0.0}
    ctx, resident, state = setup(weigh_mixed=False, **fields)
    new, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    weights = np.array(new.reweighting.tables.last_weight[:B]) / B

    un_mixed, _, _ = setup(mixup=False, **fields)
    alone, _ = step(state, resident, INDEX, ctx=un_mixed, active=True)
    np.testing.assert_allclose(
      alone.reweighting.tables.last_weight[:B] / B,
      weights,
      rtol=2e-3,
      atol=1e-5,
    )
    key = StepKeys.of(0, state.step).batch
    u = jax.random.uniform(key, (B, 4))[:, 0]
    c = np.array(1 - u**2 / 2)[:, None]
    pair = np.arange(B) ^ 1
    x = images(resident, INDEX)
    c4 = c[..., None, None]
    features, _ = ctx.network.features(
      state.params, {}, c4 * x + (1 - c4) * x[pair], True
    )
    logits, _ = ctx.network.head(state.params["head"], {}, features, True)
    hard = np.eye(C)[np.array(resident.label[:B])]
    own = losses.cross_entropy(logits, hard)
    others = losses.cross_entropy(logits, hard[pair])
    expected = np.sum(
      c[:, 0] * weights * own + (1 - c[:, 0]) * weights[pair] * others
    )
    np.testing.assert_allclose(metrics.loss, expected, rtol=1e-4)

  @parameterized.parameters("own", "joint", "running")
  def test_statistics_of_the_reward_batch(self, batch_norm):
    self.enter_context(shrunk.with_tiny_batch_norm())
    ctx, resident, state = setup(
      method="fsr_exact",
      network="tiny",
      mixup=False,
      reward_batch_norm=batch_norm,
    )
    image = images(resident, INDEX)
    target = losses.one_hot(resident.label[:B], C)
    rewards = inputs.Rewards(
      images(resident, INDEX + B) + 1.0,
      losses.one_hot(resident.label[B : 2 * B], C),
    )
    _, got = self.learn(ctx, state, image, rewards)
    features, _ = ctx.network.features(
      state.params, state.batch_stats, image, True
    )
    head = head_of(ctx, state.batch_stats)
    lookahead_params = reweight.lookahead(
      lambda p: losses.cross_entropy(head(p, features), target),
      state.params["head"],
      ctx.options.reweighting.lookahead_lr,
    )
    batch = {
      "own": rewards.image,
      "joint": jnp.concatenate([rewards.image, image]),
      "running": rewards.image,
    }[batch_norm]
    features, _ = ctx.network.features(
      state.params, state.batch_stats, batch, batch_norm != "running"
    )
    logits, _ = ctx.network.head(
      lookahead_params, state.batch_stats, features[:B], True
    )
    np.testing.assert_allclose(
      got.last.reward_loss,
      losses.cross_entropy(logits, rewards.target).mean(),
      rtol=1e-5,
    )

  def test_weight_net_is_moved_and_its_weights_are_used(self):
    ctx, resident, state = setup_held_out(method="mwn", mixup=False)
    new, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    target = losses.one_hot(resident.label[:B], C)
    loss = losses.cross_entropy(logits_of(ctx, state, resident), target)
    net = new.reweighting.weight_net.params
    weights = weight_net.value(net, loss)
    np.testing.assert_allclose(
      new.reweighting.tables.last_weight[:B], weights, rtol=1e-3
    )
    np.testing.assert_allclose(metrics.loss, np.mean(weights * loss), rtol=1e-3)
    moved = jax.tree.map(
      lambda a, b: float(jnp.abs(a - b).max()),
      state.reweighting.weight_net.params,
      net,
    )
    # Adam's first step is its learning rate wherever the gradient is not 0.
    self.assertAlmostEqual(max(jax.tree.leaves(moved)), 1e-3, delta=1e-5)


if __name__ == "__main__":
  absltest.main()
