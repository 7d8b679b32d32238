"""Groups of examples, circles of partners and the objective, by hand."""

from absl.testing import absltest
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import disc


class GroupTest(absltest.TestCase):
  def test_by_hand(self):
    weak = [
      [0.7, 0.2, 0.1],  # Above 0.5 in both views: clean.
      [0.6, 0.3, 0.1],  # In the weak view alone: hard.
      [0.3, 0.6, 0.1],  # In the strong view alone: hard.
      [0.0, 0.0, 1.0],  # In none, the mean of class 2 is 0.95: purified.
      [0.1, 0.9, 0.0],  # In none, and the mean is not above 0.9.
    ]
    strong = [
      [0.6, 0.3, 0.1],
      [0.4, 0.5, 0.1],
      [0.6, 0.3, 0.1],
      [0.1, 0.0, 0.9],
      [0.2, 0.8, 0.0],
    ]
    label = jnp.zeros(5, jnp.int32)
    probs = jnp.array([weak, strong])
    found = disc.group(probs, jnp.full((2, 5), 0.5), label)
    self.assertEqual(found.clean.tolist(), [True] + [False] * 4)
    self.assertEqual(found.hard.tolist(), [False, True, True, False, False])
    self.assertEqual(found.mixed.tolist(), [True] * 4 + [False])
    self.assertEqual(found.label.tolist(), [0, 0, 0, 2, 0])
    self.assertEqual(found.label.dtype, label.dtype)

  def test_low_thresholds_purify_sooner(self):
    # 0.5 above the mean of thresholds of 0.1 and 0.2 is 0.65.
    probs = jnp.array([[[0.0, 0.7, 0.3], [0.0, 0.6, 0.4]]] * 2)
    threshold = jnp.array([[0.1, 0.1], [0.2, 0.2]])
    found = disc.group(probs, threshold, jnp.zeros(2, jnp.int32))
    self.assertEqual(found.label.tolist(), [1, 0])
    self.assertEqual(found.mixed.tolist(), [True, False])

  def test_partners_are_one_circle_of_the_members(self):
    member = jnp.array([True, False, True, True, False, True])
    circles = set()
    for seed in range(20):
      other = np.asarray(disc.partners(jax.random.key(seed), member))
      walk = [0]
      for _ in range(3):
        walk.append(int(other[walk[-1]]))
      self.assertEqual(sorted(walk), [0, 2, 3, 5])
      self.assertEqual(other[walk[-1]], 0)
      circles.add(tuple(walk))
    self.assertGreater(len(circles), 3)  # Of six.
    alone = disc.partners(jax.random.key(0), jnp.array([False, True]))
    self.assertEqual(alone[1], 1)

  def test_objective_by_hand(self):
    # Probabilities 0.8 and 0.2 in every view and mix; label and mix are 0.
    logits = jnp.broadcast_to(jnp.log(jnp.array([0.8, 0.2])), (4, 4, 2))
    target = jnp.array([[1.0, 0.0]] * 4)
    of = disc.Groups(
      clean=jnp.array([True, True, False, False]),
      hard=jnp.array([False, False, True, False]),
      mixed=jnp.array([True, True, True, False]),
      label=jnp.zeros(4, jnp.int32),
    )
    usual, robust = -np.log(0.8), (1 - 0.8**0.7) / 0.7
    expected = (2 * usual + robust) / 4 + usual
    found = disc.objective(logits, target, target, of)
    self.assertAlmostEqual(float(found), expected, places=5)
    none = of._replace(
      **dict.fromkeys(("clean", "hard", "mixed"), of.clean & 0)
    )
    self.assertEqual(float(disc.objective(logits, target, target, none)), 0)


if __name__ == "__main__":
  absltest.main()
