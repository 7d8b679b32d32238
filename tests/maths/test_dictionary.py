"""The dictionary: balance, short classes, awkward K, Q and C."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import dictionary


def select(score, label, k, c, epoch=0):
  return np.array(
    dictionary.select(jnp.array(score), jnp.array(label), k, c, epoch)
  )


class SelectTest(parameterized.TestCase):
  def test_best_of_every_class_by_hand(self):
    score = np.array([0.1, 0.9, 0.5, 0.8, 0.7, 0.6])
    label = np.array([0, 0, 0, 1, 1, 1])
    self.assertCountEqual(select(score, label, 4, 2), [1, 2, 3, 4])

  @parameterized.product(k=[10, 30, 33], epoch=[0, 1, 7])
  def test_against_sorting_each_class(self, k, epoch):
    rng = np.random.default_rng(k)
    c, label = 10, rng.integers(10, size=200)
    score = rng.normal(size=200).astype(np.float32)
    index = select(score, label, k, c, epoch)
    self.assertLen(index, k)
    self.assertLen(set(index.tolist()), k)
    for cls in range(c):
      members = np.flatnonzero(label == cls)
      best = members[np.argsort(-score[members])]
      chosen = index[label[index] == cls]
      self.assertIn(len(chosen), (k // c, k // c + 1))
      self.assertCountEqual(chosen, best[: len(chosen)])

  def test_constant_scores_leave_the_order_of_the_data(self):
    label = np.array([1, 0, 1, 0, 1, 0, 0])
    index = select(np.full(7, 0.5), label, 4, 2)
    self.assertCountEqual(index, [1, 3, 0, 2])
    # Of a share, any of its first ones: floor(0.5 * 4) = 2 of class 0.
    for u in (np.linspace(0, 0.9, 7), np.linspace(0.9, 0, 7)):
      drawn = dictionary.select_from_pool(
        jnp.full(7, 0.5), jnp.array(label), 2, 2, 0, 0.5, jnp.array(u)
      )
      self.assertIn(int(drawn[0]), (1, 3))
      self.assertEqual(int(drawn[1]), 0)

  def test_a_dictionary_of_one_serves_a_class_an_epoch(self):
    """The third class has one example, which is always its best."""
    label, score = np.array([0, 0, 1, 1, 2]), [0.0, 1.0, 3.0, 2.0, -9.0]
    chosen = [select(score, label, 1, 3, epoch)[0] for epoch in range(4)]
    self.assertEqual(chosen, [1, 2, 4, 1])

  def test_extra_slots_rotate_through_the_classes(self):
    label = np.repeat(np.arange(5), 4)
    extras = []
    for epoch in range(5):
      index = select(np.zeros(20), label, 7, 5, epoch)
      count = np.bincount(label[index], minlength=5)
      extras.append(count - 1)
    np.testing.assert_array_equal(np.sum(extras, 0), [2] * 5)

  def test_short_class_repeats_its_best_first(self):
    score = np.array([0.3, 0.2, 0.9, 0.8, 0.7, 0.6, 0.5])
    label = np.array([0, 0, 1, 1, 1, 1, 1])
    index = select(score, label, 10, 2)
    np.testing.assert_array_equal(index[label[index] == 0], [0, 1, 0, 1, 0])
    self.assertCountEqual(index[label[index] == 1], [2, 3, 4, 5, 6])

  def test_fewer_slots_than_classes_take_turns(self):
    label = np.repeat(np.arange(7), 3)
    seen = []
    for epoch in range(7):
      index = select(np.tile([0.0, 2.0, 1.0], 7), label, 3, 7, epoch)
      self.assertLen(set(label[index].tolist()), 3)
      np.testing.assert_array_equal(index % 3, [1, 1, 1])  # each one's best
      seen += label[index].tolist()
    np.testing.assert_array_equal(np.bincount(seen), [3] * 7)

  def test_many_classes_late_epoch_does_not_overflow(self):
    c, k = 8142, 2000
    index = select(np.zeros(c), np.arange(c), k, c, epoch=10**6)
    self.assertLen(set(index.tolist()), k)
    expected = (np.arange(k) + (10**6 % c) * k) % c
    np.testing.assert_array_equal(index, expected)

  def test_never_seen_comes_last(self):
    score = np.array([-np.inf, -5.0, -np.inf, -6.0], np.float32)
    index = select(score, np.zeros(4, int), 2, 1)
    np.testing.assert_array_equal(index, [1, 3])


class PoolTest(absltest.TestCase):
  def select(self, score, label, k, c, share, seed=0):
    u = jax.random.uniform(jax.random.key(seed), (len(label),))
    return np.array(
      dictionary.select_from_pool(
        jnp.array(score), jnp.array(label), k, c, seed, share, u
      )
    )

  def test_random_ones_of_the_best_share(self):
    rng = np.random.default_rng(0)
    label, score = np.repeat(np.arange(4), 50), rng.normal(size=200)
    drawn = [self.select(score, label, 20, 4, 0.2, seed) for seed in range(30)]
    for cls in range(4):
      members = np.flatnonzero(label == cls)
      pool = members[np.argsort(-score[members])[:10]]
      seen = [index[label[index] == cls] for index in drawn]
      for chosen in seen:
        self.assertLen(set(chosen.tolist()), 5)
      self.assertCountEqual(set(np.concatenate(seen).tolist()), pool)

  def test_a_pool_of_as_many_as_slots_is_the_best(self):
    rng = np.random.default_rng(1)
    label, score = np.repeat(np.arange(4), 50), rng.normal(size=200)
    self.assertCountEqual(
      self.select(score, label, 40, 4, 0.2), select(score, label, 40, 4)
    )

  def test_small_class_trusts_its_share_only(self):
    score = np.array([0.1, 0.9, 0.5] + [0.0] * 10)
    label = np.array([0] * 3 + [1] * 10)
    index = self.select(score, label, 8, 2, 0.4)
    self.assertEqual(index[label[index] == 0].tolist(), [1] * 4)
    self.assertLen(set(index[label[index] == 1].tolist()), 4)


class MembersTest(parameterized.TestCase):
  """`pool`: all of the best share."""

  @parameterized.parameters(
    # floor(0.4 * 5) = 2, floor(0.4 * 3) = 1 of 3.
    (0.4, [2, 4, 6]),
    # At least one of every class.
    (0.0, [4, 6]),
    (1.0, range(8)),
  )
  def test_by_hand(self, share, expected):
    score = jnp.array([0.1, 0.2, 0.8, 0.3, 0.9, -1.0, -0.5, -2.0])
    label = jnp.array([0, 0, 0, 0, 0, 1, 1, 1])
    member = dictionary.pool(score, label, 2, share)
    self.assertEqual(member.dtype, bool)
    np.testing.assert_array_equal(np.flatnonzero(member), list(expected))

  @parameterized.product(
    size=[5, 300], num_classes=[1, 4, 40], share=[0.0, 0.2, 0.7, 1.0]
  )
  def test_against_sorting(self, size, num_classes, share):
    """With scores that are level, both zeros, unseen samples, empty classes."""
    rng = np.random.default_rng(size + num_classes)
    score = np.round(rng.normal(size=size), 1).astype(np.float32)
    score[rng.uniform(size=size) < 0.1] = -np.inf
    score[rng.uniform(size=size) < 0.1] = -0.0
    label = rng.integers(0, max(1, num_classes - 1), size)  # The last is empty.
    expected = np.zeros(size, bool)
    for cls in range(num_classes):
      of_class = np.flatnonzero(label == cls)
      best = of_class[np.argsort(-score[of_class], kind="stable")]
      expected[best[: max(1, int(np.float32(share) * len(best)))]] = True
    got = dictionary.pool(
      jnp.array(score), jnp.array(label), num_classes, share
    )
    np.testing.assert_array_equal(got, expected)

  def test_samples_never_seen_come_last(self):
    score = jnp.array([-jnp.inf, -3.0, -jnp.inf, -2.0])
    member = dictionary.pool(score, jnp.zeros(4, int), 1, 0.5)
    np.testing.assert_array_equal(member, [False, True, False, True])

  def test_is_where_select_from_pool_draws(self):
    rng = np.random.default_rng(0)
    label, score = jnp.arange(200) % 4, jnp.array(rng.normal(size=200))
    member = dictionary.pool(score, label, 4, 0.2)
    drawn = [
      dictionary.select_from_pool(
        score, label, 20, 4, 0, 0.2, jnp.array(rng.uniform(size=200))
      )
      for _ in range(30)
    ]
    self.assertCountEqual(
      set(np.concatenate(drawn).tolist()), np.flatnonzero(member)
    )


class DrawTest(parameterized.TestCase):
  @parameterized.parameters(
    (100, 20, 10), (100, 100, 10), (33, 25, 10), (30, 7, 10), (20, 19, 3)
  )
  def test_balanced_without_replacement(self, k, q, c):
    label = jnp.arange(k) % c
    available = np.bincount(label, minlength=c)
    for seed in range(5):
      slots = np.array(dictionary.draw(jax.random.key(seed), label, q, c))
      self.assertLen(set(slots.tolist()), q)
      count = np.bincount(np.array(label)[slots], minlength=c)
      open_classes = count < available
      if open_classes.any():
        self.assertLessEqual(count.max() - count[open_classes].min(), 1)

  def test_every_slot_is_drawn_equally_often(self):
    label = jnp.arange(12) % 4
    draws = jax.vmap(lambda k: dictionary.draw(k, label, 5, 4))(
      jax.random.split(jax.random.key(0), 3000)
    )
    share = np.bincount(np.array(draws).ravel(), minlength=12) / 3000
    np.testing.assert_allclose(share, 5 / 12, atol=0.04)


if __name__ == "__main__":
  absltest.main()
