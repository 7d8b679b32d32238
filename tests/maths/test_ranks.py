"""Selection by rank is what sorting everything finds, in less memory."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import dictionary, ranks

SHARE = 0.2


def select(score, label, k, c, epoch):
  """`dictionary.select` by a stable sort of all samples."""
  best_first, start, count = in_order(score, label, c)
  rank, slot_class = slots(k, c, epoch)
  return best_first[start[slot_class] + rank % count[slot_class]]


def select_from_pool(score, label, k, c, epoch, share, u):
  """`dictionary.select_from_pool` by two stable sorts of all samples."""
  best_first, start, count = in_order(score, label, c)
  pool = jnp.maximum(1, jnp.floor(share * count)).astype(jnp.int32)
  of_class = label[best_first]
  in_pool = jnp.arange(label.size) - start[of_class] < pool[of_class]
  shuffled = jnp.lexsort((jnp.where(in_pool, u, 2.0), of_class))
  rank, slot_class = slots(k, c, epoch)
  rank %= pool[slot_class]
  return best_first[shuffled[start[slot_class] + rank]]


def in_order(score, label, c):
  best_first = jnp.lexsort((-score, label)).astype(jnp.int32)
  count = jnp.bincount(label, length=c)
  return best_first, jnp.cumsum(count) - count, count


def slots(k, c, epoch):
  slot = jnp.arange(k)
  return slot // c, (slot + epoch % c * (k % c)) % c


# (samples, classes, slots): one block of samples and three, classes of one and
# of thousands, fewer slots than classes, more slots than samples.
SIZES = ((40, 3, 7), (300, 40, 90), (70_001, 2, 500), (70_000, 9000, 2000))
SIZES += ((30, 5, 100),)


def samples(size, num_classes, kind):
  """(score float32, label int32, u float32), every class with a member."""
  rng = np.random.default_rng(size)
  label = rng.integers(0, num_classes, size, np.int32)
  label[rng.permutation(size)[:num_classes]] = np.arange(num_classes)
  score, u = rng.normal(size=size), rng.uniform(size=size)
  if kind == "tied":  # With both zeros, and samples that were never seen.
    score, u = np.round(score, 1), np.round(u, 1)
    score[rng.uniform(size=size) < 0.1] = -np.inf
    score[rng.uniform(size=size) < 0.1] = -0.0
  elif kind == "level":
    score, u = np.zeros(size), np.zeros(size)
  elif kind == "not a number":
    score[rng.uniform(size=size) < 0.9] = np.nan
    score[rng.uniform(size=size) < 0.1] = np.inf
  return jnp.float32(score), jnp.array(label), jnp.float32(u)


class RanksTest(parameterized.TestCase):
  @parameterized.product(
    size=SIZES, kind=("random", "tied", "level", "not a number")
  )
  def test_the_same_dictionary_as_by_sorting(self, size, kind):
    size, c, k = size
    score, label, u = samples(size, c, kind)
    for epoch in (0, 3):
      np.testing.assert_array_equal(
        dictionary.select(score, label, k, c, epoch),
        select(score, label, k, c, epoch),
      )
      drawn = (score, label, k, c, epoch, SHARE, u)
      np.testing.assert_array_equal(
        dictionary.select_from_pool(*drawn), select_from_pool(*drawn)
      )

  def test_every_rank_by_hand(self):
    score = jnp.array([0.5, 2.0, 0.5, -1.0, 7.0, 0.0, -0.0])
    label = jnp.array([1, 1, 1, 1, 2, 0, 0])  # Class 2 is left out.
    found = ranks.at_rank(
      score, label, jnp.array([1, 0, 1, 1, 0, 1, 1]),
      jnp.array([0, 1, 1, 2, 0, 3, 0]), 2
    )  # fmt: skip
    np.testing.assert_array_equal(found, [1, 6, 0, 2, 5, 3, 1])

  @parameterized.parameters(
    (dictionary.select, select, 0),
    (dictionary.select_from_pool, select_from_pool, 1),
  )
  def test_less_memory_than_by_sorting(self, ours, sorting, draws):
    score, label, u = samples(100_000, 100, "random")

    def memory(function):
      def call(score, label, u):
        return function(score, label, 2000, 100, 0, *((SHARE, u) * draws))

      compiled = jax.jit(call).lower(score, label, u).compile()
      return compiled.memory_analysis().temp_size_in_bytes

    self.assertLess(memory(ours), memory(sorting))


if __name__ == "__main__":
  absltest.main()
