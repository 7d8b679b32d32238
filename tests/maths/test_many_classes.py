"""iNaturalist's size: 8,142 classes, 2,000 slots, 350 rewards a step."""

import math

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.maths import dictionary, tables
from fsr_jax.reweighting import ReweightingOptions, reweighter
from fsr_jax.run import monitor

C, K, Q = 8142, 2000, 350
SHARE = ReweightingOptions().dictionary_share
EPOCHS = math.ceil(C / K)


def long_tail():
  """(score, label, class sizes): 40 examples of a class down to 1, shuffled."""
  rng = np.random.default_rng(0)
  count = np.maximum(1, (40 * 0.01 ** (np.arange(C) / C)).astype(int))
  count = rng.permutation(count)
  label = rng.permutation(np.repeat(np.arange(C), count))
  return rng.normal(size=label.size).astype(np.float32), label, count


@jax.jit
def best(score, label, epoch):
  return dictionary.select(score, label, K, C, epoch)


@jax.jit
def pooled(score, label, epoch):
  u = jax.random.uniform(jax.random.key(epoch), label.shape)
  return dictionary.select_from_pool(score, label, K, C, epoch, SHARE, u)


class ManyClassesTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.score, cls.label, cls.count = long_tail()
    order = np.lexsort((-cls.score, cls.label))
    start = np.cumsum(cls.count) - cls.count
    # Of every example, how many of its class have a better score.
    cls.rank = np.empty(cls.label.size, int)
    cls.rank[order] = np.arange(cls.label.size) - start[cls.label[order]]

  def selected(self, select, first):
    score, label = jnp.array(self.score), jnp.array(self.label)
    return [np.array(select(score, label, first + e)) for e in range(EPOCHS)]

  def test_the_tail_is_like_the_real_one(self):
    self.assertEqual(self.count.max(), 40)
    self.assertGreater(np.sum(self.count == 1), 1000)

  # Also where the offset of the slots starts over, at epoch C.
  @parameterized.product(select=(best, pooled), first=(0, 7, C - 2))
  def test_one_sample_a_class_and_every_class_has_its_turn(self, select, first):
    chosen = self.selected(select, first)
    for index in chosen:
      self.assertLen(set(self.label[index].tolist()), K)
    served = np.bincount(self.label[np.concatenate(chosen)], minlength=C)
    self.assertEqual(served.min(), 1)
    # 10,000 slots for 8,142 classes: 1,858 have a second turn.
    self.assertEqual(served.max(), 2)
    self.assertEqual(np.sum(served == 2), EPOCHS * K - C)

  def test_the_best_of_each_class(self):
    for index in self.selected(best, 0):
      np.testing.assert_array_equal(self.rank[index], 0)

  def test_anyone_of_the_best_share(self):
    index = np.concatenate(self.selected(pooled, 0))
    pool = np.maximum(1, np.floor(SHARE * self.count)).astype(int)
    self.assertTrue(np.all(self.rank[index] < pool[self.label[index]]))
    # Each of three in a pool is drawn as often as the others.
    times = np.bincount(self.rank[index[pool[self.label[index]] == 3]])
    self.assertLen(times, 3)
    np.testing.assert_allclose(times / times.sum(), 1 / 3, atol=0.05)
    # The single example of a class is its pool.
    single = np.flatnonzero(self.count[self.label] == 1)
    self.assertContainsSubset(single, index)

  def test_rewards_are_of_different_classes(self):
    label = jnp.array(self.label[self.selected(pooled, 3)[0]])
    drawn = np.array(
      jax.vmap(lambda key: dictionary.draw(key, label, Q, C))(
        jax.random.split(jax.random.key(0), 60)
      )
    )
    for slots in drawn:
      self.assertLen(set(np.array(label)[slots].tolist()), Q)
    # 60 batches draw 21,000 of 2,000: all slots, evenly.
    times = np.bincount(drawn.ravel(), minlength=K)
    self.assertGreater(times.min(), 0)
    self.assertAlmostEqual(times.std(), math.sqrt(10.5 * (1 - Q / K)), delta=1)

  def test_what_the_run_reports(self):
    """All classes were in a dictionary; some have no test image."""
    image = np.zeros((self.label.size, 1, 1, 1), np.uint8)
    label = self.label.astype(np.int32)
    test = np.flatnonzero(label < C - 100)
    data = Data(
      Split(image, label),
      Split(image, label).take(test),
      tuple(map(str, range(C))),
    ).validate()
    chosen = self.selected(best, 0)
    table = tables.init(label.size, C, False)._replace(
      trusted=np.bincount(np.concatenate(chosen), minlength=label.size),
      last_weight=np.ones(label.size),
      mean_weight=np.ones(label.size),
      visits=np.ones(label.size),
    )
    last = dictionary.Dictionary(chosen[-1], label[chosen[-1]])
    options = ReweightingOptions(rewards="dictionary")
    state = reweighter(options, num_classes=C).init(jnp.array(label), (1,))
    state = state._replace(tables=table, dictionary=last)
    result = monitor.measure(state, data, options)
    self.assertAlmostEqual(result["dictionary_coverage"], C / label.size)
    self.assertEqual(result["dictionary_coverage_min"], 1 / 40)
    self.assertEqual(result["dictionary_coverage_max"], 1)
    self.assertIsNone(result["dictionary_purity"])


if __name__ == "__main__":
  absltest.main()
