"""Benchmarks of cost and of the loop: what they make of their measures."""

import pathlib
import time

from absl.testing import absltest, parameterized
import jax
import numpy as np
import pytest

from benchmarks import cost, loop, saving
from tests import shrunk
from tests.run import workdirs


class FiguresTest(absltest.TestCase):
  def test_ratios_by_hand(self):
    rows = {
      cost.BASE: cost.Row(None, None, 200.0, 1000),
      "slow": cost.Row(None, None, 300.0, 1500),
    }
    # The machine is slow in the second round: both rows are.
    seconds = {cost.BASE: [1.0, 4.0, 1.0], "slow": [2.0, 8.0, 3.0]}
    base, slow = cost.figures(rows, seconds)
    self.assertEqual(base["operations"], 1)
    self.assertEqual(base["time"], 1)
    self.assertEqual(
      slow,
      {
        "row": "slow",
        "operations": 1.5,
        "memory": 1.5,
        "time": 2.0,
        "absolute": {"operations": 300.0, "memory": 1500, "time": 3.0},
      },
    )
    table = cost.markdown([base, slow])
    self.assertIn("| slow | 1.500 | 1.500 | 2.000 |", table)

  def test_nothing_was_run(self):
    rows = {cost.BASE: cost.Row(None, None, 200.0, 1000)}
    (base,) = cost.figures(rows, {cost.BASE: []})
    self.assertIsNone(base["time"])
    self.assertIsNone(base["absolute"]["time"])
    self.assertIn("| 1.000 | 1.000 | – |", cost.markdown([base]))


class CostTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.enterClassContext(shrunk.with_tiny_batch_norm())

  def row(self, name):
    options = cost.options_of(cost.ROWS[name], "tiny", 20, 20)
    return cost.compiled(options, cost.images(20, 8))

  @parameterized.parameters(*cost.ROWS)
  @pytest.mark.slow
  def test_every_row_is_compiled_and_run(self, name):
    rows = {name: self.row(name)}
    self.assertGreater(rows[name].operations, 0)
    self.assertGreater(rows[name].memory, 20 * 8 * 8 * 3)
    seconds = cost.timed(rows, cost.images(20, 8), 20, rounds=2)
    self.assertLen(seconds[name], 2)
    self.assertGreater(min(seconds[name]), 0)

  @pytest.mark.slow
  def test_a_pass_more_is_seen(self):
    one, exact, base = (
      self.row(n).operations for n in ("fsr", "fsr_exact", cost.BASE)
    )
    self.assertLess(one / base, exact / base)


class LoopTest(absltest.TestCase):
  def test_ratio_is_of_pairs(self):
    calls = []
    two = loop.Pair(
      lambda: (calls.append("whole"), time.sleep(0.02)),
      lambda: (calls.append("bare"), time.sleep(0.01)),
      tuple,
    )
    ratio, whole, bare = loop.compare(two, rounds=3)
    self.assertEqual(calls, ["whole", "bare"] * 5)
    self.assertBetween(ratio, 0.2, 0.8)
    self.assertGreater(whole, bare)

  @pytest.mark.slow
  def test_an_epoch_both_ways_ends_in_the_same_state(self):
    folder = pathlib.Path(self.create_tempdir())
    two = loop.pair("digits", folder)
    two.whole()
    two.bare()
    whole, bare = two.states()
    self.assertEqual(int(bare.step), 14)
    jax.tree.map(
      np.testing.assert_array_equal,
      (whole.step, whole.params, whole.reweighting.queue),
      (bare.step, bare.params, bare.reweighting.queue),
    )

  @pytest.mark.slow
  def test_a_save_takes_longer_than_it_holds_up(self):
    run = loop.begin(
      saving.ROWS["digits"], pathlib.Path(self.create_tempdir()) / "run"
    )
    held, taken = saving.measure(run, rounds=2)
    self.assertBetween(held, 1e-6, taken)
    self.assertEqual(int(workdirs.restored(run.workdir.path).step), 2)


if __name__ == "__main__":
  absltest.main()
