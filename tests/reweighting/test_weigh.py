"""Weights from a queue against definitions that share no code with them."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.maths import losses, queue, reweight, tables
from fsr_jax.maths.collectives import AXIS
from fsr_jax.reweighting import ReweightingOptions, noise, reweighter
from tests.reweighting.small import (
  INDEX,
  LABEL,
  B,
  C,
  F,
  filled,
  head,
  problem,
  told,
  weigh,
)

TARGET = np.eye(C)[LABEL[INDEX]]
RULES = ("clip", "shift", "relative")


def softmax(z):
  z = np.exp(z - z.max(-1, keepdims=True))
  return z / z.sum(-1, keepdims=True)


def by_rule(g, rule, alpha=1.0):
  """Weights of g, as the three rules are written."""
  raw = {
    "clip": np.maximum(0, -alpha * g),
    "shift": 1 / B - alpha * g - np.min(1 / B - alpha * g) + 1 / B,
    "relative": np.maximum(0, 1 - alpha * g / np.sqrt(np.mean(g**2))),
  }[rule]
  return raw / raw.sum()


def rewards_of(state):
  """(features, targets) of the slots that are not empty.

  Targets are scaled so that the mean loss has the queue's shares.
  """
  features, label, share = (np.array(x) for x in queue.contents(state.queue))
  there = share > 0
  target = np.eye(C)[label] * share[:, None] * there.sum()
  return features[there].astype(np.float64), target[there]


class QueueTest(parameterized.TestCase):
  @parameterized.product(rule=RULES, per_length=[False, True])
  def test_definition(self, rule, per_length):
    """jax.grad of the rewards' loss through the look-ahead, in float64."""
    with jax.enable_x64(True):
      ours, state, features, params = problem(
        dtype=np.float64, weight_rule=rule, per_length=per_length
      )
      state = filled(state)
      weights, new = weigh(ours, state, features, params)
      rewards, reward_target = rewards_of(state)
      self.assertLen(rewards, 4)  # Of 5, the oldest of class 1 is gone.
      train = lambda p: losses.cross_entropy(head(p, features), TARGET)
      reward = lambda p: losses.cross_entropy(head(p, rewards), reward_target)
      g = np.array(
        reweight.weight_gradient_by_definition(train, reward, params, 0.1)
      )
      ahead = reweight.lookahead(train, params, 0.1)
      expected_loss = reward(ahead).mean()
      error = softmax(np.array(head(params, features))) - TARGET
    if per_length:
      g = g / (np.linalg.norm(error, axis=-1) + 1e-2)
    np.testing.assert_allclose(weights, by_rule(g, rule), rtol=1e-10)
    np.testing.assert_allclose(new.last.reward_loss, expected_loss, rtol=1e-10)
    self.assertGreater(np.ptp(weights), 1e-3)

  @parameterized.parameters(*RULES)
  def test_finite_differences(self, rule):
    """R(Theta*(omega)) in NumPy, float64."""
    with jax.enable_x64(True):
      ours, state, features, params = problem(
        seed=3, dtype=np.float64, weight_rule=rule, per_length=False
      )
      state = filled(state, label=(2, 2, 0))
      weights, _ = weigh(ours, state, features, params)
      x, w, b = map(np.array, (features, params["kernel"], params["bias"]))
      rewards, reward_target = rewards_of(state)
    error = softmax(x @ w + b) - TARGET

    def reward_loss(omega):
      ahead = w - 0.1 * x.T @ (omega[:, None] * error)
      bias = b - 0.1 * omega @ error
      p = softmax(rewards @ ahead + bias)
      return -np.mean(np.sum(reward_target * np.log(p), -1))

    h, base = 1e-4, np.full(B, 1 / B)
    g = np.array(
      [
        (reward_loss(base + h * e) - reward_loss(base - h * e)) / (2 * h)
        for e in np.eye(B)
      ]
    )
    np.testing.assert_allclose(weights, by_rule(g, rule), rtol=1e-6, atol=1e-8)

  def test_a_wrong_label_loses_its_weight(self):
    """Of equal samples those with the rewards' label gain."""
    ours, state, _, params = problem(weight_rule="relative")
    state = filled(state, label=(1,))
    rewards, _ = rewards_of(state)
    features = jnp.tile(jnp.array(rewards, jnp.float32), (B, 1))
    weights, _ = weigh(ours, state, features, params)
    right = LABEL[INDEX] == 1
    self.assertGreater(weights[right].min(), 2 * weights[~right].max())

  @parameterized.parameters("lookahead", "weight_net")
  def test_empty_queue_gives_uniform_weights(self, weighting):
    ours, state, features, params = problem(weighting=weighting)
    weights, new = weigh(ours, state, features, params)
    np.testing.assert_array_equal(weights, np.float32(1 / B))
    self.assertTrue(np.isnan(new.last.reward_loss))
    self.assertTrue(np.isfinite(new.last.lookahead_loss))
    jax.tree.map(
      np.testing.assert_array_equal, new.weight_net, state.weight_net
    )

  @parameterized.parameters("lookahead", "weight_net")
  def test_warm_up_gives_uniform_weights_and_keeps_the_net(self, weighting):
    ours, state, features, params = problem(
      weighting=weighting, warmup_epochs=1
    )
    state = told(filled(state))._replace(trusted=jnp.ones(len(LABEL), bool))
    weights, new = weigh(ours, state, features, params)
    np.testing.assert_array_equal(weights, np.float32(1 / B))
    self.assertTrue(np.isnan(new.last.reward_loss))
    jax.tree.map(
      np.testing.assert_array_equal, new.weight_net, state.weight_net
    )
    # The queue fills all the same, and samples are seen.
    self.assertEqual(int(new.queue.pushed.sum()), 5 + B)
    self.assertEqual(int(new.tables.visits.sum()), B)
    after = ours.refresh(new, jnp.array(LABEL))
    weights, moved = weigh(ours, after, features, params)
    self.assertGreater(np.ptp(weights), 0)
    if weighting == "weight_net":
      steps = jax.tree.map(
        lambda a, b: float(jnp.abs(a - b).max()),
        moved.weight_net.params,
        state.weight_net.params,
      )
      # Adam's first step.
      self.assertAlmostEqual(max(jax.tree.leaves(steps)), 1e-3, delta=1e-5)

  def test_pushes_what_is_trusted_and_exact(self):
    ours, state, features, params = problem()
    trusted = np.isin(np.arange(len(LABEL)), INDEX[[0, 1, 3, 4]])
    state = state._replace(trusted=jnp.array(trusted))
    exact = jnp.array([True, False, True, True, True, True])
    _, new = weigh(ours, state, features, params, exact=exact)
    expected = queue.push(
      state.queue,
      features,
      jnp.array(LABEL[INDEX]),
      jnp.array([True, False, False, True, True, False]),
    )
    jax.tree.map(np.testing.assert_array_equal, new.queue, expected)
    self.assertEqual(int(new.queue.pushed.sum()), 3)

  def test_weights_are_of_the_queue_before_the_batch(self):
    ours, state, features, params = problem()
    everyone = jnp.ones(len(LABEL), bool)
    nobody = jnp.zeros(len(LABEL), bool)
    weights = [
      weigh(ours, filled(state)._replace(trusted=t), features, params)[0]
      for t in (everyone, nobody)
    ]
    np.testing.assert_array_equal(*weights)

  def test_same_on_2_devices(self):
    ours, state, features, params = problem(per_length=True)
    state = told(filled(state))._replace(trusted=jnp.ones(len(LABEL), bool))
    weights, new = weigh(ours, state, features, params)

    def share(state, index, label, features, params):
      logits = head(params, features)
      return ours.weigh(state, index, label, features, logits, head, params)

    shared = jax.pmap(share, axis_name=AXIS, in_axes=(None, 0, 0, 0, None))(
      state,
      INDEX.reshape(2, 3),
      LABEL[INDEX].reshape(2, 3),
      features.reshape(2, 3, F),
      params,
    )
    np.testing.assert_allclose(shared[0].ravel(), weights, rtol=1e-5)
    for device in range(2):
      jax.tree.map(
        lambda a, b, d=device: np.testing.assert_allclose(
          a[d], b, rtol=1e-4, atol=1e-6
        ),
        shared[1],
        new,
      )


class WeighTest(parameterized.TestCase):
  def args(self, **fields):
    ours, state, features, params = problem(**fields)
    return ours, filled(state), features, params

  def test_some_of_the_last_weight_stays(self):
    """m * last + (1 - m) * new, over its sum; 1/B where never seen."""
    present, _ = weigh(*self.args(weight_momentum=0.0))
    ours, state, features, params = self.args(weight_momentum=0.25)
    visits = np.isin(np.arange(len(LABEL)), INDEX[:3])
    last = np.random.default_rng(0).uniform(0, 2, len(LABEL))
    last = last.astype(np.float32)
    state = state._replace(
      tables=state.tables._replace(
        visits=jnp.array(visits, jnp.int32), last_weight=jnp.array(last)
      )
    )
    weights, new = weigh(ours, state, features, params)
    before = np.where(visits[INDEX], last[INDEX], 1.0) / B
    expected = 0.25 * before + 0.75 * np.array(present)
    expected /= expected.sum()
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    np.testing.assert_allclose(
      new.tables.last_weight[INDEX], B * expected, rtol=1e-5
    )

  @parameterized.parameters("lookahead", "uniform")
  def test_by_what_was_found_out(self, weighting):
    """A third of the weight, as labels are wrong, times the label score.

    After the warm-up, with learned weights and with uniform ones.
    """

    def weights_of(**fields):
      ours, state, features, params = problem(weighting=weighting, **fields)
      state = told(filled(state) if state.queue is not None else state)
      return np.array(weigh(ours, state, features, params)[0]), state

    plain, _ = weights_of(label_scores=False)
    weights, state = weights_of(label_scores=True, weigh_by_wrong_share=True)
    said = tables.mean_probabilities(state.tables.mean_root[INDEX])
    score = noise.label_score(state.noise, said, jnp.array(LABEL[INDEX]))
    self.assertGreater(np.ptp(score), 0.1)
    expected = (plain / 3 + 2 / 3 / B) * score
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-4)
    weights, _ = weights_of(label_scores=True, warmup_epochs=1)
    np.testing.assert_allclose(weights, 1 / B, rtol=1e-6)

  @parameterized.product(
    rule=RULES, dtype=["bfloat16", "float16"], momentum=[0.0, 0.5]
  )
  def test_lower_precision(self, rule, dtype, momentum):
    ours, state, features, params = self.args(
      weight_rule=rule, weight_momentum=momentum
    )
    low = jax.tree.map(lambda p: p.astype(dtype), params)
    for head_params in (params, low):
      weights, new = weigh(ours, state, features.astype(dtype), head_params)
      self.assertEqual(weights.dtype, jnp.float32)
      self.assertAlmostEqual(float(weights.sum()), 1.0, delta=1e-6)
      self.assertEqual(
        jax.tree.map(lambda x: x.dtype, new),
        jax.tree.map(lambda x: x.dtype, state),
      )

  def test_nothing_is_differentiated_through(self):
    ours, state, features, params = self.args()

    def total(features, params):
      weights, _ = ours.weigh(
        state,
        jnp.array(INDEX),
        jnp.array(LABEL[INDEX]),
        features,
        head(params, features),
        head,
        params,
      )
      return jnp.sum(weights * jnp.arange(B))

    gradient = jax.jit(jax.grad(total, argnums=(0, 1)))(features, params)
    for leaf in jax.tree.leaves(gradient):
      np.testing.assert_array_equal(leaf, 0)

  def test_uniform(self):
    ours, state, features, params = problem(weighting="uniform")
    self.assertIsNone(state.queue)
    weights, new = weigh(ours, state, features, params)
    np.testing.assert_array_equal(weights, np.float32(1 / B))
    self.assertTrue(np.isnan(new.last.reward_loss))
    self.assertTrue(np.isnan(new.last.lookahead_loss))

  def test_rewards_of_a_step_of_its_own(self):
    """A dictionary's: uniform without them, by the definition with them."""
    ours, state, features, params = problem(rewards="dictionary")
    weights, _ = weigh(ours, state, features, params)
    np.testing.assert_array_equal(weights, np.float32(1 / B))
    rewards = np.random.default_rng(1).normal(size=(5, F)).astype(np.float32)
    reward = lambda p: losses.cross_entropy(
      head(p, rewards), jnp.eye(C)[jnp.arange(5) % C]
    )
    weights, _ = weigh(ours, state, features, params, reward_losses=reward)
    train = lambda p: losses.cross_entropy(head(p, features), TARGET)
    g = np.array(
      reweight.weight_gradient_by_definition(train, reward, params, 0.1)
    )
    error = softmax(np.array(head(params, features))) - TARGET
    g = g / (np.linalg.norm(error, axis=-1) + 1e-2)
    np.testing.assert_allclose(weights, by_rule(g, "relative"), rtol=1e-3)

  def test_no_sample_helps(self):
    """clip: every sample bears another label than the rewards."""
    ours, state, _, params = problem(weight_rule="clip")
    features = jnp.ones((B, F))
    entries = queue.push(
      state.queue, features[:2], jnp.full(2, 2), jnp.ones(2, bool)
    )
    weights, new = ours.weigh(
      state._replace(queue=entries),
      jnp.array(INDEX),
      jnp.zeros(B, jnp.int32),
      features,
      head(params, features),
      head,
      params,
    )
    np.testing.assert_array_equal(weights, 0)
    self.assertEqual(int(new.zero_batches), 1)

  @parameterized.parameters(
    (1, np.ones(B), r"index is float32 \[6\]; expected int \[B\]"),
    (2, np.eye(C)[LABEL[INDEX]], r"label is float32 \[6, 3\]"),
    (3, np.ones((B, F), int), r"features is int32 \[6, 4\]"),
    (4, np.ones((B + 1, C)), r"logits is float32 \[7, 3\].* B = 6"),
  )
  def test_refused(self, place, wrong, message):
    ours, state, features, params = problem()
    arguments = [
      state,
      jnp.array(INDEX),
      jnp.array(LABEL[INDEX]),
      features,
      head(params, features),
      head,
      params,
    ]
    arguments[place] = jnp.array(wrong)
    with self.assertRaisesRegex(InputError, message):
      ours.weigh(*arguments)

  def test_wrong_options(self):
    with self.assertRaisesRegex(InputError, "unknown weight_rule 'best'"):
      reweighter(ReweightingOptions(weight_rule="best"), num_classes=2)
    with self.assertRaisesRegex(InputError, "lookahead_lr=0; expected"):
      reweighter(ReweightingOptions(lookahead_lr=0), num_classes=2)


if __name__ == "__main__":
  absltest.main()
