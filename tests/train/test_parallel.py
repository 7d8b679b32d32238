"""The same run on 1, 2 and 8 devices, up to the order of sums."""

from absl.testing import absltest, parameterized
from flax import linen as nn
import jax
import numpy as np
import pytest

from fsr_jax.data import sources
from fsr_jax.errors import InputError
from fsr_jax.train.parallel import Devices, devices_for
from tests import shrunk


class LocalBatchNorm(nn.Module):
  """As a user would write it."""

  @nn.compact
  def __call__(self, image, train):
    x = nn.Conv(4, (3, 3))(image)
    x = nn.BatchNorm(use_running_average=not train)(x)
    return nn.tanh(x).mean((1, 2))


def local():
  return (LocalBatchNorm(),)


class ParallelTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.enter_context(shrunk.with_tiny_batch_norm())

  def assert_same(self, first, other, rtol=2e-4, atol=2e-5):
    one, two = first.reweighting, other.reweighting
    if one.dictionary is not None:
      np.testing.assert_array_equal(one.dictionary.index, two.dictionary.index)
    if one.queue is not None:
      np.testing.assert_array_equal(one.trusted, two.trusted)
      np.testing.assert_array_equal(one.queue.pushed, two.queue.pushed)
    np.testing.assert_array_equal(one.tables.visits, two.tables.visits)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=atol),
      first,
      other,
    )

  def assert_replicas_agree(self, state):
    """Every replica holds the same state, bit for bit."""
    for leaf in jax.tree.leaves(state):
      copies = [np.asarray(shard.data) for shard in leaf.addressable_shards]
      for copy in copies[1:]:
        np.testing.assert_array_equal(copy, copies[0])

  def assert_same_on(self, first, other, options):
    """Trains on two numbers of devices and compares the states."""
    data = sources.load(options.train.data, options.run.seed)
    runs = [shrunk.trained(options, data, n) for n in (first, other)]
    self.assert_same(*(p.devices.get(state) for p, state in runs))

  @parameterized.named_parameters(
    ("fsr", {"method": "fsr"}),
    ("fsr_exact", {"method": "fsr_exact", "pusher": "mixed_margin"}),
  )
  def test_every_part_on_1_2_and_8_devices(self, fields):
    options = shrunk.options(
      lookahead_momentum=0.5, label_smoothing=0.1, **fields
    )
    data = sources.load(options.train.data, options.run.seed)
    programs, state = shrunk.trained(options, data)
    one, accuracy = programs.devices.get(state), programs.evaluate(state)
    self.assertGreater(np.ptp(one.reweighting.tables.last_weight), 0.1)
    for devices in (2, 8):
      programs, state = shrunk.trained(options, data, devices)
      self.assert_same(one, programs.devices.get(state))
      for name, value in programs.evaluate(state).items():
        self.assertAlmostEqual(value, accuracy[name], places=4)
      self.assert_replicas_agree(state)

  def test_shift_rule_takes_the_global_minimum(self):
    options = shrunk.options(
      method="fsr_exact",
      weight_rule="shift",
      weight_lr=50.0,
      num_epochs=1,
      warmup_epochs=0,
    )
    self.assert_same_on(1, 4, options)

  @parameterized.parameters("fsr", "fsr_exact")
  def test_global_batch_norm(self, method):
    options = shrunk.options(method=method, network="tiny")
    self.assert_same_on(1, 2, options)

  @parameterized.parameters("fsr", "fsr_exact")
  @pytest.mark.slow
  def test_global_batch_norm_of_a_head(self, method):
    """The queue, or the rewards, go through the batch norm too."""
    options = shrunk.options(
      method=method,
      network="tiny",
      meta_blocks=-1,
      warmup_epochs=0,
      num_epochs=1,
    )
    self.assert_same_on(1, 2, options)

  def test_batch_norm_of_ones_own_differs_but_replicas_agree(self):
    """A layer that knows no devices has statistics of its device's share."""
    options = shrunk.options(network=f"{__name__}:local", num_epochs=1)
    data = sources.load(options.train.data, options.run.seed)
    programs, state = shrunk.trained(options, data, 1)
    one = programs.devices.get(state.params["head"]["linear"]["kernel"])
    programs, state = shrunk.trained(options, data, 2)
    two = programs.devices.get(state.params["head"]["linear"]["kernel"])
    self.assertGreater(np.abs(one - two).max(), 1e-4)
    self.assert_replicas_agree(state)

  @parameterized.named_parameters(
    ("batch", {"batch_size": 20}, "batch_size=20 is not divisible by 8", 2),
    (
      "rewards",
      {"method": "fsr_exact", "reward_batch_size": 20},
      "reward_batch_size=20",
      4,
    ),
    ("pairs", {"batch_size": 24}, "an odd number .3.", 4),
    ("prime", {"batch_size": 17}, "batch_size=17", 1),
  )
  def test_sizes_that_do_not_divide(self, fields, reason, fitting):
    options = shrunk.options(**{"method": "fsr_exact", **fields}).train
    with self.assertRaisesRegex(InputError, f"num_devices=8: .*{reason}"):
      devices_for(options, 8)
    devices, note = devices_for(options)
    self.assertLen(devices, fitting)
    self.assertRegex(note, f"using {fitting} of 8 devices: .*{reason}")

  def test_all_devices_where_they_fit(self):
    devices, note = devices_for(shrunk.options().train)
    self.assertLen(devices, 8)
    self.assertIsNone(note)

  def test_slots_of_a_queue_need_not_divide(self):
    options = shrunk.options(method="fsr", reward_batch_size=20).train
    self.assertLen(devices_for(options)[0], 8)

  def test_more_devices_than_there_are(self):
    with self.assertRaisesRegex(InputError, "num_devices=9, but .* 8 cpu"):
      Devices(9)


if __name__ == "__main__":
  absltest.main()
