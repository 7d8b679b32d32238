"""What a run finds out of its labels: by hand, and on drawn labels."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.label_issues import confusion
from fsr_jax.maths import tables
from fsr_jax.reweighting import noise
from tests.label_issues.draws import drawn, pairs, uniform

C = 5


def seen(probabilities, predicted, visits=None):
  """Tables of a network that said this, and at the last visit that."""
  size, num_classes = probabilities.shape
  visits = np.ones(size) if visits is None else visits
  return tables.init(size, num_classes, False, True)._replace(
    mean_root=jnp.sqrt(jnp.asarray(probabilities, jnp.float32)),
    predicted=jnp.asarray(predicted, jnp.int32),
    visits=jnp.asarray(visits, jnp.int32),
  )


def after(epochs, label, said, predicted):
  """(Anchors, Noise) after these epochs, each with the same said."""
  known = noise.no_anchors(len(label)), noise.all_right(label, C)
  for epoch in range(1, epochs + 1):
    update = jax.jit(noise.update)
    known = update(*known, seen(said, predicted), label, jnp.int32(epoch))
  return known


class AnchorsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    label, _, self.said = drawn(2000, C, uniform(C, 0.4))
    self.label, self.best = jnp.asarray(label), self.said.argmax(1)

  def test_before_the_third_epoch_nothing_is_known(self):
    anchors, found = after(2, self.label, self.said, self.best)
    self.assertFalse(anchors.settled)
    np.testing.assert_array_equal(found.transition, np.eye(C))
    self.assertEqual(found.wrong_share, 0)
    np.testing.assert_allclose(
      found.class_share, np.bincount(self.label) / 2000, rtol=1e-5
    )

  def test_are_settled_if_they_are_called_the_same_again(self):
    chosen = confusion.anchors(self.said.astype(np.float32))
    members = np.flatnonzero(chosen >= 0)
    for moved, settled in ((0.04, True), (0.06, False)):
      predicted = self.best.copy()
      some = members[: int(moved * len(members))]
      predicted[some] = (predicted[some] + 1) % C
      anchors, found = after(3, self.label, self.said, predicted)
      self.assertEqual(anchors.settled, settled)
      self.assertAlmostEqual(anchors.steady, 1 - moved, delta=0.01)
      self.assertEqual(found.wrong_share > 0, settled)
      np.testing.assert_array_equal(anchors.label, chosen)

  def test_stay_once_they_are_settled(self):
    anchors, found = after(3, self.label, self.said, self.best)
    turned = np.roll(self.said, 1, axis=1)
    later = noise.update(
      anchors, found, seen(turned, self.best), self.label, jnp.int32(4)
    )
    jax.tree.map(np.testing.assert_array_equal, later[0], anchors)
    for name in ("transition", "class_share", "wrong_share"):
      np.testing.assert_array_equal(
        getattr(later[1], name), getattr(found, name)
      )
    np.testing.assert_allclose(
      later[1].predicted_share, turned.mean(0), rtol=1e-4
    )

  def test_of_a_slow_learner_are_chosen_anew(self):
    anchors, found = after(3, self.label, self.said, (self.best + 1) % C)
    turned = np.roll(self.said, 1, axis=1)
    anchors, _ = noise.update(
      anchors, found, seen(turned, self.best), self.label, jnp.int32(4)
    )
    np.testing.assert_array_equal(
      anchors.label, confusion.anchors(turned.astype(np.float32))
    )

  def test_are_not_settled_late(self):
    known = after(2, self.label, self.said, (self.best + 1) % C)
    told = seen(self.said, self.best)
    for epoch, settled in ((10, True), (11, False)):
      anchors, _ = noise.update(*known, told, self.label, jnp.int32(epoch))
      self.assertEqual(anchors.settled, settled)

  def test_what_was_never_seen_is_beyond_nothing(self):
    visits = np.arange(2000) % 2
    anchors, _ = noise.update(
      noise.no_anchors(2000),
      noise.all_right(self.label, C),
      seen(self.said, self.best, visits),
      self.label,
      jnp.int32(2),
    )
    self.assertTrue(np.all(anchors.label[visits == 0] < 0))
    self.assertGreater(np.sum(anchors.label >= 0), 40)


class NoiseTest(parameterized.TestCase):
  @parameterized.parameters((uniform, 0.4), (pairs, 0.4), (pairs, 0.0))
  def test_of_drawn_labels(self, kind, ratio):
    """Sharp predictions: anchors are right, and only labels can be wrong."""
    truth = kind(C, ratio)
    label, true, said = drawn(20_000, C, truth, sharpness=8.0)
    _, found = after(3, jnp.asarray(label), said, said.argmax(1))
    np.testing.assert_allclose(found.transition, truth, atol=0.05)
    self.assertAlmostEqual(
      found.wrong_share, np.mean(label != true), delta=0.03
    )
    np.testing.assert_allclose(found.class_share, 1 / C, atol=0.02)

  def test_shares_of_true_classes(self):
    """Half of class 0 is labelled 1: 200 and 600 of 400 each are given."""
    true = np.repeat(np.arange(C), 400)
    label = jnp.asarray(np.where(np.arange(2000) < 200, 1, true))
    # Surest of some of those labelled 0 and as many labelled 1.
    said = 0.9 * np.eye(C)[true] + 0.02
    said[np.arange(2000) % 10 == 0] = (0.98 * np.eye(C) + 0.004)[true[::10]]
    _, found = after(3, label, said / said.sum(1, keepdims=True), true)
    np.testing.assert_allclose(found.class_share, 0.2, atol=0.03)
    self.assertAlmostEqual(found.wrong_share, 0.1, delta=0.02)

  def test_a_class_without_labels_has_a_share(self):
    found = noise.all_right(jnp.array([0, 0, 1, 1]), 3)
    np.testing.assert_allclose(found.class_share, [0.4, 0.4, 0.2])


class LabelScoreTest(parameterized.TestCase):
  def test_by_hand(self):
    """Bayes' rule: .3 x .6 right against .7 x .2 wrong."""
    found = noise.Noise(
      jnp.array([[0.6, 0.4], [0.2, 0.8]]),
      jnp.array([0.5, 0.5]),
      jnp.float32(0.3),
      jnp.array([0.5, 0.5]),
    )
    said = jnp.array([[0.3, 0.7], [0.3, 0.7]])
    score = noise.label_score(found, said, jnp.array([0, 1]))
    np.testing.assert_allclose(score, [18 / 32, 56 / 68], rtol=1e-5)
    # A network that says class 0 four times too seldom.
    seldom = found._replace(predicted_share=jnp.array([0.2, 0.8]))
    score = noise.label_score(seldom, said, jnp.array([0, 1]))
    first, second = 0.3 / 0.2, 0.7 / 0.8
    np.testing.assert_allclose(
      score,
      [
        0.6 * first / (0.6 * first + 0.2 * second),
        0.8 * second / (0.4 * first + 0.8 * second),
      ],
      rtol=1e-5,
    )

  def test_all_are_right_before_anything_is_known(self):
    label, _, said = drawn(100, C, uniform(C, 0.8))
    found = noise.all_right(jnp.asarray(label), C)
    score = noise.label_score(found, jnp.asarray(said, jnp.float32), label)
    np.testing.assert_array_equal(score, np.ones(100))


if __name__ == "__main__":
  absltest.main()
