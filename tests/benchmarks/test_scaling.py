"""What a state costs, as the benchmark says it and as it is."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import pytest

from benchmarks import scaling
from fsr_jax import reweighting
from fsr_jax.errors import InputError


class BytesTest(parameterized.TestCase):
  def test_pieces_are_those_of_a_state(self):
    n, c, features = 60, 3, 7
    label = jnp.arange(n) % c
    ours = reweighting.reweighter(num_classes=c)
    state = ours.init(label, feature_shape=(features,), keep_predictions=True)
    found = scaling.pieces(n, c, features)
    total = sum(
      size
      for name, (size, _) in found.items()
      if name not in (*scaling.DEVICE, "dictionary")
    )
    # Beside them: epoch, seed, zero_batches, two losses, steady and settled.
    rest = 4 * 6 + 1
    real = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    self.assertEqual(total + rest, real)

  def test_tables_by_hand(self):
    header, body = scaling.per_class([10**6], [100, 1000], [8])
    self.assertEqual(header[-1], "a device of 8")
    self.assertEqual(body[0], ["1e+06", "100", "400 MB", "50 MB"])
    self.assertEqual(body[1][2:], ["4 GB", "500 MB"])
    _, body = scaling.per_example([10**6, 10**9], 1)
    self.assertEqual(body[0], ["tables.visits", "4", "4 MB", "4 GB"])
    _, body = scaling.by_class([100], 512)
    # The queue: two slots a class, and two int32 a class.
    self.assertEqual(dict(body)["queue"], scaling.text(100 * (2 * 512 * 4 + 8)))

  @parameterized.parameters("", "x", "1.5", "0", "-1", "nan", "inf")
  def test_what_is_no_number(self, text):
    with self.assertRaisesRegex(InputError, "no whole number"):
      scaling.whole(text)

  def test_an_epoch_ends_in_less_memory_than_its_largest_table(self):
    n, c = 100_000, 100
    needed = scaling.set_aside(n, c, averages=True, rewards="queue")
    self.assertLess(needed, 4 * n * c / 2)


class TimesTest(absltest.TestCase):
  @pytest.mark.slow
  def test_everything_is_measured(self):
    found = scaling.times(300, 4, rounds=1)
    self.assertLen(found, len(scaling.ROWS) + 3)
    self.assertGreater(min(found.values()), 0)


if __name__ == "__main__":
  absltest.main()
