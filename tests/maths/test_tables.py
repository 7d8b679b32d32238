"""Per-sample tables by hand."""

from absl.testing import absltest
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import tables


def observe(
  t, index, score, weights, probabilities, correct=False, predicted=0, **momenta
):
  seen = tables.Observation(
    jnp.array(index),
    jnp.array(score),
    jnp.array(weights),
    jnp.broadcast_to(jnp.array(predicted), np.shape(score)),
    jnp.broadcast_to(jnp.array(correct), np.shape(score)),
    None if probabilities is None else jnp.array(probabilities),
  )
  momenta = {"score_momentum": 0.9, "pseudo_label_momentum": 0.1, **momenta}
  return tables.update(t, seen, **momenta)


class TablesTest(absltest.TestCase):
  def test_two_visits_by_hand(self):
    t = tables.init(3, 2, relabel=True)
    t = observe(t, [2, 0], [1.0, 5.0], [0.75, 0.25], [[1.0, 0.0], [0.5, 0.5]])
    t = observe(t, [2, 1], [2.0, 7.0], [0.0, 1.0], [[0.0, 1.0], [0.5, 0.5]])
    np.testing.assert_array_equal(t.visits, [1, 1, 2])
    np.testing.assert_allclose(t.score[2], 0.9 * 0.1 * 1 + 0.1 * 2, rtol=1e-6)
    np.testing.assert_allclose(t.last_weight, [0.5, 2.0, 0.0])  # B * omega
    np.testing.assert_allclose(t.pseudo_label[2], [0.09, 0.9], rtol=1e-6)
    debiased = tables.debias(t.score, t.visits, 0.9)
    # (0.9 * 1 + 1 * 2) / (0.9 + 1): a weighted mean of what was seen.
    np.testing.assert_allclose(debiased, [5.0, 7.0, 2.9 / 1.9], rtol=1e-5)

  def test_the_last_prediction_is_kept(self):
    t = tables.init(3, 4, relabel=False)
    t = observe(t, [2, 0], [0.0] * 2, [0.5] * 2, None, predicted=[3, 1])
    t = observe(t, [2, 1], [0.0] * 2, [0.5] * 2, None, predicted=[2, 3])
    np.testing.assert_array_equal(t.predicted, [1, 3, 2])

  def test_trust_counts_epochs_in_use(self):
    t = tables.init(4, 2, relabel=False)
    for members, in_use in (([0, 1], False), ([1, 2], True), ([2, 3], True)):
      member = jnp.zeros(4, bool).at[jnp.array(members)].set(True)
      t = tables.trust(t, member, jnp.array(in_use))
    np.testing.assert_array_equal(t.trusted, [0, 1, 2, 1])

  def test_recall_remembers_what_was_known(self):
    t = tables.init(3, 2, relabel=False)
    history = []
    for correct in ([False, True, True], [False, False, True], [True] * 3):
      t = observe(t, [0, 1, 2], [0.0] * 3, [0.0] * 3, None, correct=correct)
      history.append(list(t.recall))
    never, forgot, known = range(3)
    self.assertEqual(
      history,
      [[never, known, known], [never, forgot, known], [known] * 3],
    )

  def test_a_spoilt_step_is_taken_back(self):
    t = tables.init(3, 2, relabel=True, average=True)
    before = observe(t, [0, 1], [1.0, 2.0], [0.5, 0.5], [[0.5, 0.5]] * 2)
    after = observe(
      before, [1, 2], [np.nan, 3.0], [0.5, np.nan], [[np.nan, 1.0]] * 2
    )
    index = jnp.array([1, 2])
    for finite, expected in ((True, after), (False, before)):
      kept = tables.unless_spoilt(before, after, index, jnp.array(finite))
      jax.tree.map(np.testing.assert_array_equal, kept, expected)

  def test_debias_recovers_a_constant(self):
    average = jnp.zeros(1)
    for visit in range(1, 6):
      average = tables.moving_average(average, jnp.array([-3.0]), 0.9)
      value = tables.debias(average, jnp.array([visit]), 0.9)
      np.testing.assert_allclose(value, [-3.0], rtol=1e-5)

  def test_never_seen_is_zero_and_finite(self):
    value = tables.debias(jnp.zeros((1, 2)), jnp.array([0]), 0.1)
    np.testing.assert_array_equal(value, [[0.0, 0.0]])

  def test_pseudo_labels_are_distributions_from_the_first_visit(self):
    t = tables.init(2, 3, relabel=True)
    t = observe(t, [1], [0.0], [0.5], [[0.2, 0.3, 0.5]])
    labels = tables.pseudo_labels(t, jnp.array([0, 1]), 0.1)
    np.testing.assert_allclose(labels, [[0, 0, 0], [0.2, 0.3, 0.5]], rtol=1e-5)

  def test_no_pseudo_label_table_without_relabelling(self):
    t = observe(tables.init(4, 1000, relabel=False), [1], [0.0], [0.5], None)
    self.assertIsNone(t.pseudo_label)

  def test_mean_of_square_roots_by_hand(self):
    """Every visit counts alike; who was never seen may be of any class."""
    t = tables.init(2, 2, relabel=False, average=True)
    said = ([0.5, 0.5], [0.9, 0.1], [1.0, 0.0])
    for probabilities in said:
      seen = tables.Observation(
        *(jnp.array([x]) for x in (1, 0.0, 0.5, 0, True)),
        probabilities=None,
        root=jnp.sqrt(jnp.array([probabilities])),
      )
      t = tables.update(t, seen, 0.9, 0.9)
    # (sqrt .5 + sqrt .9 + 1) / 3 and (sqrt .5 + sqrt .1) / 3.
    np.testing.assert_allclose(t.mean_root[1], [0.885263, 0.341111], rtol=1e-5)
    np.testing.assert_array_equal(t.mean_root[0], [0, 0])
    expected = [[0.5, 0.5], [0.870721, 0.129279]]
    for table in (t.mean_root, np.asarray(t.mean_root)):
      np.testing.assert_allclose(
        tables.mean_probabilities(table), expected, rtol=1e-5
      )


if __name__ == "__main__":
  absltest.main()
