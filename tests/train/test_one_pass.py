"""The step of one pass against a reference written from its equations.

Mixing is a matrix M: row i has lambda_i at i and 1 - lambda_i at its partner.
The images are M x, the targets M (omega y), and what the network would have
made of the un-mixed samples is estimated as M^-1 f(M x).
"""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import losses, queue, reweight
from fsr_jax.maths.randomness import StepKeys
from fsr_jax.reweighting.noise import Noise
from tests.train.one_step import (
  images,
  setup,
  step,
  with_reweighting,
  with_tables,
)

B, C, N = 16, 4, 64
INDEX = jnp.arange(B)
HARD = np.eye(C)[np.arange(B) % C]
# What the run has found out: a quarter of the labels is wrong.
SHARE = np.array([0.4, 0.3, 0.2, 0.1])
FOUND = Noise(
  transition=jnp.array(0.1 + 0.6 * np.eye(C), jnp.float32),
  class_share=jnp.array(SHARE, jnp.float32),
  wrong_share=jnp.float32(0.25),
  predicted_share=jnp.full(C, 0.25, jnp.float32),
)


def prepared(**fields):
  """A step's state with predictions, last weights and a queue."""
  ctx, resident, state = setup(
    **{
      "label_smoothing": 0.1,
      "pseudo_loss_weight": 2.0,
      "pseudo_label_momentum": 0.7,
      **fields,
    }
  )
  rng = np.random.default_rng(0)
  old = rng.dirichlet(np.ones(C), size=N).astype(np.float32)
  last = rng.uniform(0, 2, N).astype(np.float32)
  state = with_tables(
    state,
    mean_root=jnp.array(np.sqrt(old)),
    pseudo_label=jnp.array(old * 0.3),  # One visit: debiased this is `old`.
    last_weight=jnp.array(last),
    visits=jnp.ones(N, jnp.int32),
  )
  entries = queue.push(
    state.reweighting.queue,
    jnp.array(rng.uniform(size=(10, 128)), jnp.float32),
    jnp.array(rng.integers(C, size=10)),
    jnp.ones(10, bool),
  )
  trusted = np.arange(N) % 3 > 0
  anchors = state.reweighting.anchors._replace(settled=jnp.bool_(True))
  state = with_reweighting(
    state,
    queue=entries,
    trusted=jnp.array(trusted),
    noise=FOUND,
    anchors=anchors,
  )
  return ctx, resident, state, old, last, trusted


def mixing(state):
  """(lambda [B], M [B, B]) of the step, by its definition."""
  u = np.array(jax.random.uniform(StepKeys.of(0, state.step).batch, (B, 4)))
  foreign = u[:, 0] ** 2 / 2
  pair = np.arange(B) ^ 1
  both = foreign + foreign[pair]
  foreign = np.where(both > 0.5, foreign / both / 2, foreign)
  matrix = np.diag(1 - foreign)
  matrix[np.arange(B), pair] = foreign
  return 1 - foreign, matrix


class OnePassTest(parameterized.TestCase):
  @parameterized.product(
    pseudo_loss=["cross_entropy", "elr"], weight_momentum=[0.0, 0.5]
  )
  def test_step_from_its_equations(self, pseudo_loss, weight_momentum):
    ctx, resident, state, old, last, trusted = prepared(
      pseudo_loss=pseudo_loss, weight_momentum=weight_momentum
    )
    new, metrics = step(state, resident, INDEX, ctx=ctx, active=True)
    tables = new.reweighting.tables

    lam, m = mixing(state)
    self.assertGreater(np.mean(lam < 0.95), 0.3)
    m = jnp.array(m, jnp.float32)
    unmixed = jnp.linalg.inv(m)
    image = jnp.tensordot(m, images(resident, INDEX), 1)
    meta = state.params["head"]
    y = 0.9 * HARD + 0.1 / C

    def head(params, features):
      return ctx.network.head(params, {}, features, True)[0]

    def given_loss(logits, target):
      return losses.cross_entropy(logits + np.log(SHARE), target)

    def features(params):
      return ctx.network.features(params, {}, image, train=True)[0]

    estimate = unmixed @ features(state.params)
    rewards, label, share = queue.contents(state.reweighting.queue)
    # The mean of the slots' losses with the queue's shares.
    reward_y = (
      np.eye(C)[np.array(label)] * np.array(share)[:, None] * len(share)
    )
    g = reweight.weight_gradient_by_definition(
      lambda p: given_loss(head(p, estimate), y),
      lambda p: losses.cross_entropy(head(p, rewards), reward_y),
      meta,
      0.1,
    )
    error = jax.nn.softmax(head(meta, estimate) + np.log(SHARE)) - y
    g = g / (np.linalg.norm(error, axis=-1) + 1e-2)
    weights = np.maximum(0, 1 - g / np.sqrt(np.mean(g**2)))
    # As far as labels are wrong; times P(true class is the given one |
    # prediction, given label).
    weights = 0.25 * weights / weights.sum() + 0.75 / B
    joint = (
      old[:B] * SHARE / 0.25 * np.array(FOUND.transition).T[np.arange(B) % C]
    )
    weights = weights * np.sum(joint * HARD, 1) / joint.sum(1)
    weights = weights / weights.sum()
    if weight_momentum:
      weights = weight_momentum * last[:B] / B + (1 - weight_momentum) * weights
      weights = weights / weights.sum()
    np.testing.assert_allclose(
      tables.last_weight[INDEX], B * weights, rtol=2e-3, atol=1e-4
    )

    def loss(params, through=True):
      mixed_logits = head(params["head"], features(params))
      weighted = given_loss(mixed_logits, m @ (weights[:, None] * y))
      logits = unmixed @ mixed_logits
      pseudo_logits = logits if through else jax.lax.stop_gradient(logits)
      p = jax.nn.softmax(pseudo_logits)
      if pseudo_loss == "elr":
        p = jax.nn.softmax(pseudo_logits + np.log(SHARE))
        average = jax.lax.stop_gradient(0.7 * old[:B] + 0.3 * p)
        pseudo = jnp.log(1 - jnp.sum(p * average, -1))
      else:
        pseudo = -jnp.sum(old[:B] * jnp.log(p), -1)
      return jnp.sum(weighted) + 2.0 * jnp.mean(pseudo), logits

    differentiated = jax.value_and_grad(loss, has_aux=True)
    (value, logits), gradient = differentiated(state.params)
    np.testing.assert_allclose(metrics.loss, value, rtol=1e-4)
    expected = jax.tree.map(
      lambda p, g: p - 0.1 * (g + 5e-4 * p), state.params, gradient
    )
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5),
      new.params,
      expected,
    )
    # The loss is learned from through the un-mixing: that is no rounding.
    _, without = differentiated(state.params, False)
    gap = jax.tree.map(
      lambda a, b: float(jnp.abs(a - b).max()), gradient, without
    )
    self.assertGreater(min(jax.tree.leaves(gap)), 1e-3)

    score = -losses.cross_entropy(logits, HARD)
    np.testing.assert_allclose(tables.score[INDEX], 0.1 * score, rtol=1e-3)
    np.testing.assert_allclose(
      tables.pseudo_label[INDEX],
      0.7 * 0.3 * old[:B] + 0.3 * jax.nn.softmax(logits),
      rtol=1e-3,
      atol=1e-6,
    )
    np.testing.assert_array_equal(tables.visits[B:], 1)
    np.testing.assert_array_equal(tables.score[B:], 0)
    np.testing.assert_allclose(
      metrics.train_loss, losses.cross_entropy(logits, HARD).mean(), rtol=1e-4
    )
    correct = np.sum(np.argmax(logits, -1) == np.argmax(HARD, -1))
    self.assertEqual(float(metrics.correct), correct)

    # Trusted samples that are nearly un-mixed are the next rewards.
    accepted = trusted[:B] & (lam >= 0.9)
    self.assertBetween(accepted.sum(), 1, B - 1)
    entries = queue.push(
      state.reweighting.queue, estimate, jnp.arange(B) % C, jnp.array(accepted)
    )
    np.testing.assert_array_equal(new.reweighting.queue.pushed, entries.pushed)
    np.testing.assert_allclose(
      new.reweighting.queue.features, entries.features, rtol=1e-3, atol=1e-4
    )

  def test_without_mixup_nothing_is_estimated(self):
    """One pass of un-mixed images is all: weights by the definition."""
    ctx, resident, state, _, _, trusted = prepared(
      mixup=False,
      weight_momentum=0.0,
      label_smoothing=0.0,
      label_scores=False,
      logit_adjustment=0.0,
    )
    new, _ = step(state, resident, INDEX, ctx=ctx, active=True)
    features, _ = ctx.network.features(
      state.params, {}, images(resident, INDEX), True
    )
    head = lambda p, x: ctx.network.head(p, {}, x, True)[0]
    rewards, label, share = queue.contents(state.reweighting.queue)
    # The mean of the slots' losses with the queue's shares.
    reward_y = (
      np.eye(C)[np.array(label)] * np.array(share)[:, None] * len(share)
    )
    g = reweight.weight_gradient_by_definition(
      lambda p: losses.cross_entropy(head(p, features), HARD),
      lambda p: losses.cross_entropy(head(p, rewards), reward_y),
      state.params["head"],
      0.1,
    )
    error = jax.nn.softmax(head(state.params["head"], features)) - HARD
    g = g / (np.linalg.norm(error, axis=-1) + 1e-2)
    weights = np.maximum(0, 1 - g / np.sqrt(np.mean(g**2)))
    np.testing.assert_allclose(
      new.reweighting.tables.last_weight[:B],
      B * weights / weights.sum(),
      rtol=2e-3,
      atol=1e-4,
    )
    pushed = new.reweighting.queue.pushed - state.reweighting.queue.pushed
    self.assertEqual(int(pushed.sum()), trusted[:B].sum())

  @parameterized.parameters(
    ("plain", [B]), ("fsr", [B]), ("fsr_exact", [B] * 3)
  )
  def test_passes_of_a_step(self, method, expected):
    """Batch sizes that go through the backbone."""
    self.assertEqual(self.features_calls(method=method), expected)

  def features_calls(self, **fields):
    """Batch sizes that pass through the backbone in a step."""
    ctx, resident, state = setup(**fields)
    sizes, features = [], ctx.network.features

    def counted(params, batch_stats, image, train):
      sizes.append(image.shape[0])
      return features(params, batch_stats, image, train)

    network = ctx.network._replace(features=counted)
    step(state, resident, INDEX, ctx=ctx._replace(network=network), active=True)
    return sizes


if __name__ == "__main__":
  absltest.main()
