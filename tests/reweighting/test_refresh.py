"""What a reweighter begins with, and what an epoch's end makes of it."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.maths import dictionary, tables
from tests.reweighting.small import LABEL, C, N, problem


def scored(state, score, visits):
  """The state with these moving averages, not debiased, and visits."""
  return state._replace(
    tables=state.tables._replace(
      score=jnp.array(score, jnp.float32), visits=jnp.array(visits, jnp.int32)
    )
  )


class RefreshTest(parameterized.TestCase):
  def test_begins_with_random_ones_of_every_class(self):
    first = [problem(seed, dictionary_share=0.5)[1] for seed in (0, 0, 1)]
    for state in first:
      # floor(0.5 * 7), floor(0.5 * 7), floor(0.5 * 6).
      np.testing.assert_array_equal(
        np.bincount(LABEL[np.flatnonzero(state.trusted)]), [3, 3, 3]
      )
    np.testing.assert_array_equal(first[0].trusted, first[1].trusted)
    self.assertTrue(np.any(first[0].trusted != first[2].trusted))

  def test_trusts_the_best_share_by_hand(self):
    """Debiased: 0.1 after one visit is more than 0.15 after two."""
    ours, state, _, _ = problem(dictionary_share=0.3)  # 2, 2 and 1 a class.
    score, visits = np.full(N, -1.0), np.ones(N, int)
    # 0.1 / 0.1 = 1; 0.15 / 0.19 = 0.79; 0.09 / 0.1 = 0.9.
    score[[0, 3, 6]], visits[[0, 3, 6]] = [0.1, 0.15, 0.09], [1, 2, 1]
    score[[1, 4]], visits[[1, 4]] = [9.0, 0.5], [0, 1]  # 1: never seen.
    score[[7, 5]] = [0.2, 0.3]
    new = ours.refresh(scored(state, score, visits), jnp.array(LABEL))
    np.testing.assert_array_equal(np.flatnonzero(new.trusted), [0, 4, 5, 6, 7])
    self.assertEqual(int(new.epoch), 1)

  @parameterized.parameters("queue", "dictionary")
  def test_counts_epochs_in_use(self, rewards):
    """The members of an epoch are counted at its end, after the warm-up."""
    ours, state, _, _ = problem(warmup_epochs=2, rewards=rewards)
    rng, expected = np.random.default_rng(0), np.zeros(N, int)
    for epoch in range(5):
      before = np.array(ours.members(state))
      state = scored(state, rng.normal(size=N), np.ones(N))
      state = jax.jit(ours.refresh)(state, jnp.array(LABEL))
      if epoch >= 2:
        expected += before
      np.testing.assert_array_equal(state.tables.trusted, expected)
      self.assertEqual(int(state.epoch), epoch + 1)
    self.assertGreater(expected.max(), 0)

  def test_averages_are_kept_up_to_a_size(self):
    kept = 4e-9 * N * C
    for gigabytes, there in ((kept, True), (0.9 * kept, False)):
      ours, state, _, _ = problem(predictions_gb=gigabytes)
      self.assertEqual(state.tables.mean_root is not None, there)
      state = ours.refresh(state, jnp.array(LABEL))
      self.assertEqual(state.anchors is not None, there)

  def test_pool_is_that_of_the_debiased_scores(self):
    ours, state, _, _ = problem(dictionary_share=0.4)
    rng = np.random.default_rng(1)
    score, visits = rng.normal(size=N), rng.integers(4, size=N)
    state = scored(state, score, visits)
    new = ours.refresh(state, jnp.array(LABEL))
    average = np.array(tables.debias(state.tables.score, visits, 0.9))
    average[visits == 0] = -np.inf
    np.testing.assert_array_equal(
      new.trusted,
      dictionary.pool(jnp.array(average), jnp.array(LABEL), C, 0.4),
    )
    # Features that were kept stay.
    jax.tree.map(np.testing.assert_array_equal, new.queue, state.queue)

  def test_dictionary_without_a_share_takes_the_best(self):
    ours, state, _, _ = problem(rewards="dictionary", dictionary_share=0.0)
    score = np.random.default_rng(0).normal(size=N)
    new = ours.refresh(scored(state, score, np.ones(N)), jnp.array(LABEL))
    index, label = map(np.array, new.dictionary)
    np.testing.assert_array_equal(label, LABEL[index])
    for cls in range(C):
      of_class = np.flatnonzero(cls == LABEL)
      best = of_class[np.argsort(-score[of_class])[:2]]
      self.assertCountEqual(index[label == cls], best)
    np.testing.assert_array_equal(
      ours.members(new), np.isin(np.arange(N), index)
    )

  def test_held_out_samples_stay(self):
    ours, state, _, _ = problem(rewards="held_out")
    new = ours.refresh(state, jnp.array(LABEL))
    np.testing.assert_array_equal(new.dictionary.index, np.arange(4))
    np.testing.assert_array_equal(new.dictionary.label, np.arange(4) % C)
    self.assertIsNone(new.queue)
    np.testing.assert_array_equal(new.tables.trusted, 0)
    self.assertFalse(ours.members(new).any())  # Its indices are of others.

  def test_uniform_keeps_nothing(self):
    ours, state, _, _ = problem(weighting="uniform")
    self.assertIsNone(state.dictionary)
    self.assertIsNone(state.trusted)
    new = ours.refresh(state, jnp.array(LABEL))
    self.assertEqual(int(new.epoch), 1)
    self.assertFalse(ours.members(new).any())

  def test_labels_of_other_samples_are_refused(self):
    ours, state, _, _ = problem()
    with self.assertRaisesRegex(InputError, r"label is int32 \[3\].* N = 20"):
      ours.refresh(state, jnp.array(LABEL[:3]))
    with self.assertRaisesRegex(InputError, r"label is float32 \[20\]"):
      ours.init(jnp.ones(N), (4,))
    with self.assertRaisesRegex(InputError, "held_out_label is missing"):
      problem(rewards="held_out")[0].init(jnp.array(LABEL), (4,))


if __name__ == "__main__":
  absltest.main()
