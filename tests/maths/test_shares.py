"""Tables of which each device has a share: the same as whole ones."""

import functools

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import collectives, shares, tables
from fsr_jax.reweighting import noise
from fsr_jax.train.parallel import Devices

DEVICES = 4


def on_devices(function, shared, *whole):
  """One device's result of a function of (shared table, whole arrays)."""
  devices = Devices(DEVICES)
  placed = devices.put_rows(shared)
  mapped = devices.compile(function)
  return devices, mapped(placed, *(devices.put(x) for x in whole))


class SharesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    rng = np.random.default_rng(0)
    # 10 rows on 4 devices: 3, 3, 3 and 1.
    self.table = rng.normal(size=(10, 3)).astype(np.float32)

  def test_rows_by_hand(self):
    index = np.array([9, 0, 3, 3, 8, 2, 5, 4])

    def found(table, index):
      own = collectives.local_slice(index)
      return collectives.all_gather(shares.rows(table, own, 10))

    devices, rows = on_devices(found, self.table, index)
    self.assertEqual(rows.shape, (DEVICES, 8, 3))
    np.testing.assert_array_equal(devices.get(rows), self.table[index])

  def test_there_and_back(self):
    devices = Devices(DEVICES)
    placed = devices.put_rows(self.table)
    self.assertEqual(placed.shape, (DEVICES, 3, 3))
    np.testing.assert_array_equal(devices.get_rows(placed, 10), self.table)

  def test_sums_and_joins(self):
    x = np.arange(10, dtype=np.float32)

    def found(table, x):
      own = shares.cut(x, table)
      return shares.joined(own, 10), shares.summed(jnp.sum(own), table, 10)

    devices, both = on_devices(found, self.table, x)
    joined, total = devices.get(both)
    np.testing.assert_array_equal(joined, x)
    self.assertEqual(total, 45)

  def test_whole_tables_are_indexed(self):
    index = jnp.array([1, 0])
    np.testing.assert_array_equal(
      shares.rows(self.table, index, 10), self.table[index]
    )
    at, before = shares.own_rows(self.table, index, 10)
    np.testing.assert_array_equal(at, index)
    np.testing.assert_array_equal(before, self.table[index])

  @parameterized.parameters(True, False)
  def test_a_step_that_was_not_finite(self, finite):
    index = np.array([9, 0, 3, 8])

    def found(before, after, index):
      state = tables.init(10, 3, relabel=True)
      old = state._replace(pseudo_label=before)
      new = state._replace(pseudo_label=after, visits=state.visits + 1)
      rows = tables.unless_spoilt(old, new, index, jnp.array(finite))
      return rows.pseudo_label, rows.visits

    devices = Devices(DEVICES)
    changed = self.table.copy()
    changed[index] += 1
    placed = (devices.put_rows(x) for x in (self.table, changed))
    rows, visits = devices.compile(found)(*placed, devices.put(index))
    expected = changed if finite else self.table
    np.testing.assert_array_equal(devices.get_rows(rows, 10), expected)
    self.assertEqual(devices.get(visits)[9], int(finite))

  def test_updates_and_what_is_made_of_them(self):
    """Three batches, then what the end of an epoch asks of the tables."""
    rng = np.random.default_rng(1)
    label = np.arange(10) % 3
    batches = [rng.permutation(10)[:8] for _ in range(3)]
    said = rng.dirichlet(np.ones(3), (3, 8)).astype(np.float32)

    def run(share, label, batches, said):
      state = tables.init(10, 3, relabel=True, average=True)
      if share is not None:
        large = dict.fromkeys(tables.PER_CLASS, jnp.zeros_like(share))
        state = state._replace(**large)
      for batch in zip(batches, said):
        index, p = map(collectives.local_slice, batch)
        zeros = jnp.zeros(index.shape)
        best = jnp.argmax(p, axis=1).astype(jnp.int32)
        seen = tables.Observation(
          index, zeros, zeros, best, best == label[index], p, jnp.sqrt(p)
        )
        state = tables.update(state, seen, 0.9, 0.8)
      index = collectives.local_slice(batches[0])
      return state, (
        noise._surest(state, 3),
        noise._predicted(state),
        collectives.all_gather(tables.pseudo_labels(state, index, 0.8)),
        collectives.all_gather(tables.mean_probabilities_of(state, index)),
      )

    whole, expected = jax.jit(functools.partial(run, None))(
      label, batches, said
    )
    devices, (state, found) = on_devices(
      run, np.zeros((10, 3), np.float32), label, np.array(batches), said
    )
    for name in tables.PER_CLASS:
      rows = devices.get_rows(getattr(state, name), 10)
      np.testing.assert_allclose(rows, getattr(whole, name), rtol=1e-6)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
      devices.get(found),
      expected,
    )


if __name__ == "__main__":
  absltest.main()
