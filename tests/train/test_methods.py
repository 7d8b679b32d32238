"""The parts that methods are made of, alone and in the training step."""

import dataclasses
import functools

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax import config as config_lib
from fsr_jax import models
from fsr_jax.data import order, sources
from fsr_jax.data.dataset import channel_statistics
from fsr_jax.errors import InputError
from fsr_jax.maths import (
  class_balance,
  losses,
  reweight,
  weight_net,
)
from fsr_jax.run.validate import validate_config
from fsr_jax.step import batch as batches
from fsr_jax.step import objective, weighting
from tests import shrunk
from tests.test_step import images, setup, step

B, C = 16, 4
INDEX = jnp.arange(B)


def setup_held_out(**fields):
  """As `setup`, with rewards from 16 held-out samples."""
  clean = shrunk.random_data(num_examples=16, seed=7).train
  data = dataclasses.replace(shrunk.random_data(), held_out=clean)
  return setup(data, data__held_out=16, **fields)


def logits_of(ctx, state, resident):
  features, stats = ctx.network.features(
    state.params, state.batch_stats, images(resident, INDEX), True
  )
  return ctx.network.head(state.params["head"], stats, features, True)[0]


class PresetsTest(parameterized.TestCase):
  @parameterized.parameters(*config_lib.METHODS)
  def test_learns(self, method):
    """Four epochs on wrong labels fit the right ones better than before."""
    fields = {"method": method, "data__held_out": 20, "num_epochs": 4}
    data = sources.load(shrunk.config(**fields).data, 0)
    c = shrunk.frozen(**fields)
    engine, state = shrunk.trained(c, data)
    after = engine.devices.get(state)
    before = engine.create_state()
    self.assertTrue(
      all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.params))
    )
    mean, std = channel_statistics(data.train.image)
    image = (data.train.image / 255.0 - mean) / std
    network = models.create(c.network, 10, meta_blocks=c.meta_blocks)

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
      "pseudo_loss": "cross_entropy",
      "pseudo_loss_weight": 0.0,
      "pseudo_label_momentum": 0.1,
      "weight_rule": "clip",
      "per_length": False,
      "data__held_out": 20,
    }
    fsr = shrunk.frozen(method="fsr", **parts).to_dict()
    l2r = shrunk.frozen(method="l2r", data__held_out=20).to_dict()
    self.assertEqual({**fsr, "method": "l2r"}, l2r)

  def test_parts_that_are_set_stay(self):
    c = shrunk.frozen(method="focal", mixup=True, label_smoothing=0.05)
    self.assertEqual(
      (c.loss, c.mixup, c.label_smoothing), ("focal", True, 0.05)
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
    ({"gce_q": 0.0}, "gce_q=0.0; expected a number above 0"),
    (
      {"method": "forward_correction", "warmup_epochs": 0},
      "warmup_epochs=0 of num_epochs=2, but transition=estimated",
    ),
  )
  def test_parts_that_contradict(self, fields, message):
    with self.assertRaisesRegex(InputError, message):
      validate_config(shrunk.frozen(**fields))


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
        * (y @ class_balance.effective_number_weights(n, 0.9999))
      ),
    ),
    # The transition matrix is the identity until it is estimated.
    ("forward_correction", lambda z, y, n: losses.cross_entropy(z, y)),
  )
  def test_loss_of_a_step_is_the_mean(self, method, expected):
    ctx, resident, state = setup(method=method)
    count = jnp.array([10, 20, 30, 4])
    resident = resident.replace(class_count=count)
    batch = batches.gather(
      ctx.config, jax.random.key(0), resident, INDEX, C, None
    )
    loss, _ = objective.total_loss(state.params, ctx, state, batch, None, None)
    logits = logits_of(ctx, state, resident)
    target = losses.one_hot(resident.label[:B], C)
    np.testing.assert_allclose(
      loss, expected(logits, target, count).mean(), rtol=1e-5
    )

  def test_elr_adds_its_regularizer(self):
    ctx, resident, state = setup(method="elr")
    old = jnp.full((64, C), 0.25)
    state = state.replace(
      tables=state.tables._replace(
        # One visit: debiased this is `old`.
        pseudo_label=old * 0.3,
        visits=jnp.ones(64, jnp.int32),
      )
    )
    _, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    logits = logits_of(ctx, state, resident)
    target = losses.one_hot(resident.label[:B], C)
    p = np.array(jax.nn.softmax(logits))
    average = 0.7 * 0.25 + 0.3 * p
    expected = np.mean(
      losses.cross_entropy(logits, target)
      + 3.0 * np.log(1 - np.sum(p * average, -1))
    )
    np.testing.assert_allclose(metrics.loss, expected, rtol=1e-4)

  def test_transition_is_estimated_at_the_end_of_the_warm_up(self):
    data = shrunk.random_data()
    c = shrunk.frozen(
      method="forward_correction", num_epochs=2, warmup_epochs=2
    )
    engine, state = shrunk.trained(
      shrunk.frozen(method="forward_correction", num_epochs=1, warmup_epochs=2),
      data,
    )
    np.testing.assert_array_equal(
      engine.devices.get(state).transition, np.eye(C)
    )
    engine, state = shrunk.trained(c, data)
    estimated = engine.devices.get(state).transition
    np.testing.assert_allclose(estimated.sum(-1), 1, rtol=1e-5)
    self.assertLess(estimated.max(), 0.9)

  def test_with_mixup_predictions_are_kept_of_un_mixed_images(self):
    kept = []
    for mixup in (False, True):
      ctx, resident, state = setup(method="forward_correction", mixup=mixup)
      new, _ = step(state, resident, INDEX, ctx=ctx, active=False)
      kept.append(new.tables.pseudo_label[:B])
    np.testing.assert_allclose(*kept, rtol=1e-5, atol=1e-6)

  def test_known_transition_comes_from_the_labels(self):
    data = sources.load(shrunk.config().data, 0)
    c = shrunk.frozen(
      method="forward_correction", transition="known", num_epochs=1
    )
    engine, state = shrunk.trained(c, data)
    known = engine.devices.get(state).transition
    np.testing.assert_allclose(np.diag(known), 0.65, atol=0.06)

  def test_remix_gives_the_smaller_class_the_whole_label(self):
    ctx, resident, _ = setup(method="remix")
    resident = resident.replace(class_count=jnp.array([30, 10, 31, 9]))
    # Neighbours are of the classes 0, 1 and 2, 3.
    batch = batches.gather(
      ctx.config, jax.random.key(0), resident, INDEX, C, None
    )
    u = np.array(order.step_uniforms(jax.random.key(0), B, 4))[:, 0]
    coefficient = 1 - u**2 / 2
    expected = np.where(np.arange(B) % 2, 1.0, coefficient)
    np.testing.assert_allclose(batch.label_coefficient, expected, rtol=1e-6)


class WeightingTest(parameterized.TestCase):
  def learn(self, ctx, state, image, target, rewards):
    features, _ = ctx.network.features(
      state.params, state.batch_stats, image, True
    )
    return weighting.learn(
      ctx, state, losses.cross_entropy, features, target, rewards, image
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
    rewards = batches.draw_rewards(
      ctx.config, jax.random.key(3), resident, state.dictionary, C, None
    )
    got = jax.jit(functools.partial(self.learn, ctx))(
      state, image, target, rewards
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
    np.testing.assert_allclose(got.weights, raw / raw.sum(), atol=1e-5)
    self.assertNotIn("backbone", state.params)
    self.assertGreater(np.mean(raw > 0), 0.1)

  def test_class_weights_do_not_reach_the_pusher(self):
    scores = []
    for class_balanced in (False, True):
      ctx, resident, state = setup(
        pusher="mixed_margin",
        class_balanced=class_balanced,
        lookahead_lr=1e-6,
      )
      resident = resident.replace(class_count=jnp.array([1, 20, 30, 40]))
      new, _ = step(state, resident, INDEX, ctx=ctx, active=False)
      scores.append(new.tables.score[:B])
    np.testing.assert_allclose(*scores, atol=1e-5)

  def test_held_out_samples_stay(self):
    data = sources.load(shrunk.config(data__held_out=20).data, 0)
    c = shrunk.frozen(method="l2r", data__held_out=20)
    engine, state = shrunk.trained(c, data)
    kept = engine.devices.get(state).dictionary
    np.testing.assert_array_equal(kept.index, np.arange(20))
    np.testing.assert_array_equal(kept.label, data.held_out.label)

  def test_weights_of_un_mixed_samples_go_with_their_labels(self):
    ctx, resident, state = setup(weigh_mixed=False, pseudo_loss_weight=0.0)
    new, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    weights = np.array(new.tables.last_weight[:B]) / B

    un_mixed, _, _ = setup(mixup=False, pseudo_loss_weight=0.0)
    alone, _ = step(state, resident, INDEX, ctx=un_mixed, active=True)
    np.testing.assert_allclose(
      alone.tables.last_weight[:B] / B, weights, rtol=2e-3, atol=1e-5
    )
    key, _ = jax.random.split(order.step_key(0, state.step))
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
      network="tiny", mixup=False, reward_batch_norm=batch_norm
    )
    image = images(resident, INDEX)
    rewards = batches.Rewards(
      images(resident, INDEX + B) + 1.0,
      losses.one_hot(resident.label[B : 2 * B], C),
    )
    got = self.learn(
      ctx, state, image, losses.one_hot(resident.label[:B], C), rewards
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
      got.lookahead_params, state.batch_stats, features[:B], True
    )
    np.testing.assert_allclose(
      got.reward_loss,
      losses.cross_entropy(logits, rewards.target).mean(),
      rtol=1e-5,
    )

  def test_weight_net_is_moved_and_its_weights_are_used(self):
    ctx, resident, state = setup_held_out(method="mwn", mixup=False)
    new, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    target = losses.one_hot(resident.label[:B], C)
    loss = losses.cross_entropy(logits_of(ctx, state, resident), target)
    weights = weight_net.weights(new.weigher.params, loss)
    np.testing.assert_allclose(new.tables.last_weight[:B], weights, rtol=1e-3)
    np.testing.assert_allclose(metrics.loss, np.mean(weights * loss), rtol=1e-3)
    moved = jax.tree.map(
      lambda a, b: float(jnp.abs(a - b).max()),
      state.weigher.params,
      new.weigher.params,
    )
    # Adam's first step is its learning rate wherever the gradient is not 0.
    self.assertAlmostEqual(max(jax.tree.leaves(moved)), 1e-3, delta=1e-5)


class CutTest(absltest.TestCase):
  def test_the_cut_changes_no_logits(self):
    image = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    whole = models.create("resnet8", 3, meta_blocks=-1)
    params, stats = whole.init(jax.random.key(0), (8, 8, 3))
    expected, _ = whole.head(params["head"], stats, image, True)

    def split(tree, cut):
      blocks = tree["head"]["stack"]
      rest = {k: v for k, v in tree["head"].items() if k != "stack"}
      below = {k: v for k, v in blocks.items() if int(k[-1]) < cut}
      above = {
        f"blocks_{int(k[-1]) - cut}": v
        for k, v in blocks.items()
        if int(k[-1]) >= cut
      }
      return {"backbone": below, "head": {"stack": above, **rest}}

    for meta_blocks in (0, 1, 3):
      network = models.create("resnet8", 3, meta_blocks=meta_blocks)
      p, s = split(params, 4 - meta_blocks), split(stats, 4 - meta_blocks)
      features, _ = network.features(p, s, image, True)
      logits, _ = network.head(p["head"], s, features, True)
      np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)

  def test_more_blocks_than_there_are(self):
    with self.assertRaisesRegex(InputError, "meta_blocks=5.*has 4 blocks"):
      models.create("resnet8", 3, meta_blocks=5)


if __name__ == "__main__":
  absltest.main()
