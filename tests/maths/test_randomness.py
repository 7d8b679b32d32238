"""Randomness: the numbers that stored runs were made with."""

from absl.testing import absltest, parameterized
import jax
import numpy as np

from fsr_jax.maths import randomness
from fsr_jax.maths.randomness import StepKeys


class StepKeysTest(parameterized.TestCase):
  @parameterized.product(seed=(0, 7, 2**32 - 1), step=(0, 1, 12345))
  def test_are_two_splits_of_the_key_of_the_step(self, seed, step):
    """As 7914d60 has it: of the step's key (batch, rewards), of that two."""
    seed = np.uint32(seed)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 2), step)
    batch, rewards = jax.random.split(key)
    draw, crop = jax.random.split(rewards)
    got = StepKeys.of(seed, step)
    for a, b in zip(got, (batch, draw, crop)):
      np.testing.assert_array_equal(
        jax.random.key_data(a), jax.random.key_data(b)
      )

  def test_compiled_and_not(self):
    # The seed and the step may be traced.
    compiled = jax.jit(StepKeys.of)(np.uint32(3), 5)
    for a, b in zip(compiled, StepKeys.of(3, 5)):
      np.testing.assert_array_equal(
        jax.random.key_data(a), jax.random.key_data(b)
      )


class StreamsTest(absltest.TestCase):
  def test_purposes_keep_their_numbers(self):
    self.assertEqual(
      (
        randomness.INIT,
        randomness.STEP,
        randomness.FIRST_DICTIONARY,
        randomness.WEIGHT_NET,
        randomness.DICTIONARY,
      ),
      (0, 2, 3, 4, 5),
    )

  def test_every_purpose_has_a_stream_of_its_own(self):
    keys = [
      tuple(jax.random.key_data(randomness.stream(s, p)).tolist())
      for s in (0, 1)
      for p in range(6)
    ]
    self.assertLen(set(keys), 12)


class OrderTest(absltest.TestCase):
  def test_every_example_at_most_once(self):
    batches = randomness.epoch_order(0, 3, 103, 10)
    self.assertEqual(batches.shape, (10, 10))
    self.assertLen(set(np.array(batches).ravel().tolist()), 100)

  def test_a_function_of_seed_and_epoch(self):
    first = randomness.epoch_order(1, 5, 50, 10)
    np.testing.assert_array_equal(first, randomness.epoch_order(1, 5, 50, 10))
    for other in ((2, 5), (1, 6)):
      self.assertTrue(np.any(first != randomness.epoch_order(*other, 50, 10)))

  def test_order_of_stored_runs(self):
    """Runs are continued in it: it may never change."""
    np.testing.assert_array_equal(
      randomness.epoch_order(2**32 - 1, 7, 9, 4), [[6, 4, 3, 5], [1, 0, 7, 8]]
    )


if __name__ == "__main__":
  absltest.main()
