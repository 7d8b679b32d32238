"""The queue of trusted features by hand, on 1 and 8 devices."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import queue
from fsr_jax.maths.collectives import AXIS


def pushed(entries, values, label, accepted=None):
  """Pushes features (value, -value), or rows as they are."""
  values = jnp.array(values, jnp.float32)
  if values.ndim == 1:
    values = jnp.stack([values, -values], -1)
  accepted = [True] * len(label) if accepted is None else accepted
  return jax.jit(queue.push)(
    entries, values, jnp.array(label), jnp.array(accepted)
  )


class QueueTest(parameterized.TestCase):
  @parameterized.parameters((2, 6, 3), (3, 7, 2), (10, 4, 1))
  def test_slots_of_a_class(self, num_classes, size, slots):
    entries = queue.init(jnp.full(num_classes, 99), size, (2, 5))
    self.assertEqual(entries.features.shape, (num_classes, slots, 2, 5))
    _, label, share = queue.contents(entries)
    np.testing.assert_array_equal(
      label, np.repeat(np.arange(num_classes), slots)
    )
    self.assertFalse(share.any())

  def test_no_more_slots_than_trusted_samples(self):
    entries = queue.init(jnp.array([1, 2, 9, 9]), 12, (2,))  # At most 3.
    np.testing.assert_array_equal(entries.capacity, [1, 2, 3, 3])
    entries = pushed(
      entries, [1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 1, 1, 1, 2, 2, 0]
    )
    # The newest of each class, in turn over the slots that it uses.
    np.testing.assert_array_equal(
      entries.features[..., 0], [[8, 0, 0], [5, 4, 0], [6, 7, 0], [0, 0, 0]]
    )
    features, _, share = queue.contents(entries)
    # A third to each class that has samples, none to the fourth.
    np.testing.assert_allclose(
      share.reshape(4, 3),
      np.array([[2, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 0]]) / 6,
      rtol=1e-6,
    )
    self.assertEqual(float(features[1, 0]), 0)  # Empty, and counts nothing.

  def test_in_turn_and_the_oldest_first_to_go(self):
    entries = queue.init(jnp.full(2, 99), 6, (2,))  # 3 slots a class.
    entries = pushed(entries, [1, 2, 3], [0, 1, 0])
    np.testing.assert_array_equal(
      entries.features[..., 0], [[1, 3, 0], [2, 0, 0]]
    )
    np.testing.assert_array_equal(entries.pushed, [2, 1])
    entries = pushed(entries, [4, 5, 6], [0, 0, 1])
    np.testing.assert_array_equal(
      entries.features[..., 0], [[5, 3, 4], [2, 6, 0]]
    )
    np.testing.assert_array_equal(entries.features[..., 1][0], [-5, -3, -4])
    entries = pushed(entries, [7], [0])
    np.testing.assert_array_equal(
      entries.features[..., 0], [[5, 7, 4], [2, 6, 0]]
    )
    features, label, share = queue.contents(entries)
    np.testing.assert_array_equal(features[:, 0], [5, 7, 4, 2, 6, 0])
    np.testing.assert_array_equal(label, [0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(share, [1 / 6] * 3 + [1 / 4] * 2 + [0])

  def test_of_more_than_slots_the_last_stay(self):
    entries = queue.init(jnp.full(2, 99), 4, (2,))  # 2 slots a class.
    entries = pushed(entries, [9], [0])
    entries = pushed(entries, [1, 2, 3, 4, 5], [0, 0, 1, 0, 0])
    # The 5th and 6th of class 0 go to slots 5 - 1 and 5 modulo 2.
    np.testing.assert_array_equal(entries.pushed, [5, 1])
    self.assertCountEqual(entries.features[0, :, 0].tolist(), [4, 5])
    # As if pushed one by one.
    one = pushed(queue.init(jnp.full(2, 99), 4, (2,)), [9], [0])
    for value, label in zip([1, 2, 3, 4, 5], [0, 0, 1, 0, 0]):
      one = pushed(one, [value], [label])
    jax.tree.map(np.testing.assert_array_equal, entries, one)

  def test_what_is_not_accepted_leaves_no_trace(self):
    before = pushed(queue.init(jnp.full(2, 99), 4, (2,)), [1, 2], [0, 1])
    after = pushed(before, [3, 4, 5], [0, 1, 0], [False, False, False])
    jax.tree.map(np.testing.assert_array_equal, before, after)
    mixed = pushed(before, [3, 4, 5], [0, 1, 0], [False, True, True])
    alone = pushed(before, [4, 5], [1, 0])
    jax.tree.map(np.testing.assert_array_equal, mixed, alone)

  def test_lower_precision_is_kept_in_float32(self):
    entries = queue.init(jnp.full(1, 99), 2, (2,))
    entries = queue.push(
      entries,
      jnp.ones((1, 2), jnp.bfloat16),
      jnp.zeros(1, jnp.int32),
      jnp.ones(1, bool),
    )
    self.assertEqual(entries.features.dtype, jnp.float32)

  @parameterized.parameters(((3,),), ((2, 2, 3),))
  def test_same_on_8_devices_and_against_a_list(self, shape):
    rng = np.random.default_rng(0)
    one = shared = None
    lists = [[] for _ in range(3)]
    push = jax.pmap(queue.push, axis_name=AXIS)
    for _ in range(4):
      x = rng.normal(size=(16, *shape)).astype(np.float32)
      label = rng.integers(3, size=16).astype(np.int32)
      accepted = rng.uniform(size=16) < 0.6
      if one is None:
        one = queue.init(jnp.full(3, 99), 12, shape)
        shared = jax.tree.map(lambda a: jnp.stack([a] * 8), one)
      one = jax.jit(queue.push)(one, x, label, accepted)
      split = [a.reshape(8, 2, *a.shape[1:]) for a in (x, label, accepted)]
      shared = push(shared, *split)
      for row in range(16):
        if accepted[row]:
          lists[label[row]].append(x[row])
    for device in range(8):
      jax.tree.map(
        lambda a, b, d=device: np.testing.assert_array_equal(a[d], b),
        shared,
        one,
      )
    np.testing.assert_array_equal(one.pushed, [len(x) for x in lists])
    for cls, members in enumerate(lists):
      for age, x in enumerate(members[-4:]):
        place = (len(members) - len(members[-4:]) + age) % 4
        np.testing.assert_array_equal(one.features[cls, place], x)


if __name__ == "__main__":
  absltest.main()
