"""The same run on 1, 2 and 8 devices, up to the order of sums."""

from absl.testing import absltest, parameterized
import jax
import numpy as np

from fsr_jax.data import sources
from fsr_jax.errors import InputError
from fsr_jax.step.parallel import Devices, devices_for
from tests import shrunk


class ParallelTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.enter_context(shrunk.with_tiny_batch_norm())

  def assert_same(self, first, other, rtol, atol):
    np.testing.assert_array_equal(
      first.dictionary.index, other.dictionary.index
    )
    np.testing.assert_array_equal(first.tables.visits, other.tables.visits)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=atol),
      first,
      other,
    )

  def assert_same_on(self, first, other, c):
    """Trains `c` on two numbers of devices and compares the states."""
    data = sources.load(c.data, c.seed)
    runs = [shrunk.trained(c, data, count) for count in (first, other)]
    one, two = (engine.devices.get(state) for engine, state in runs)
    self.assert_same(one, two, rtol=2e-4, atol=2e-5)

  def test_every_part_on_1_2_and_8_devices(self):
    c = shrunk.frozen(
      pusher="mixed_margin", lookahead_momentum=0.5, label_smoothing=0.1
    )
    data = sources.load(c.data, c.seed)
    engine, state = shrunk.trained(c, data)
    one, accuracy = engine.devices.get(state), engine.evaluate(state)
    for devices in (2, 8):
      engine, state = shrunk.trained(c, data, devices)
      self.assert_same(one, engine.devices.get(state), rtol=2e-4, atol=2e-5)
      for name, value in engine.evaluate(state).items():
        self.assertAlmostEqual(value, accuracy[name], places=4)
      # Every replica holds the same state, bit for bit.
      for leaf in jax.tree.leaves(state):
        copies = [np.asarray(shard.data) for shard in leaf.addressable_shards]
        for copy in copies[1:]:
          np.testing.assert_array_equal(copy, copies[0])

  def test_shift_rule_takes_the_global_minimum(self):
    c = shrunk.frozen(
      weight_rule="shift", weight_lr=50.0, num_epochs=1, warmup_epochs=0
    )
    self.assert_same_on(1, 4, c)

  def test_global_batch_norm(self):
    c = shrunk.frozen(network="tiny")
    self.assert_same_on(1, 2, c)

  def test_local_batch_norm_differs_but_replicas_agree(self):
    c = shrunk.frozen(network="tiny", batch_norm_global=False, num_epochs=1)
    data = sources.load(c.data, c.seed)
    engine, state = shrunk.trained(c, data, 1)
    one = engine.devices.get(state.params["head"]["linear"]["kernel"])
    engine, state = shrunk.trained(c, data, 2)
    two = engine.devices.get(state.params["head"]["linear"]["kernel"])
    self.assertGreater(np.abs(one - two).max(), 1e-4)
    for leaf in jax.tree.leaves(state):
      first, second = (np.asarray(s.data) for s in leaf.addressable_shards)
      np.testing.assert_array_equal(first, second)

  @parameterized.named_parameters(
    ("batch", {"batch_size": 20}, "batch_size=20 is not divisible by 8", 2),
    ("rewards", {"reward_batch_size": 20}, "reward_batch_size=20", 4),
    ("pairs", {"batch_size": 24}, "an odd number .3.", 4),
    ("prime", {"batch_size": 17}, "batch_size=17", 1),
  )
  def test_sizes_that_do_not_divide(self, fields, reason, fitting):
    with self.assertRaisesRegex(InputError, f"num_devices=8: .*{reason}"):
      devices_for(shrunk.frozen(num_devices=8, **fields))
    devices, note = devices_for(shrunk.frozen(num_devices=0, **fields))
    self.assertLen(devices, fitting)
    self.assertRegex(note, f"using {fitting} of 8 devices: .*{reason}")

  def test_all_devices_where_they_fit(self):
    devices, note = devices_for(shrunk.frozen(num_devices=0))
    self.assertLen(devices, 8)
    self.assertIsNone(note)

  def test_more_devices_than_there_are(self):
    with self.assertRaisesRegex(InputError, "num_devices=9, but .* 8 cpu"):
      Devices(9)


if __name__ == "__main__":
  absltest.main()
