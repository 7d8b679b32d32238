"""Compiled stretches of steps, their number, the refresh, evaluation."""

from absl.testing import absltest, parameterized
import jax
import numpy as np

from fsr_jax.train import programs as programs_lib
from fsr_jax.train.parallel import Devices
from fsr_jax.train.programs import Programs
from tests import shrunk


class ProgramsTest(parameterized.TestCase):
  def test_scan_equals_single_steps(self):
    data = shrunk.random_data(num_examples=70)
    states_after = []
    for steps_per_call in (1, 3):
      options = shrunk.options(steps_per_call=steps_per_call)
      programs, state = shrunk.trained(options, data)
      states_after.append(programs.devices.get(state))
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5),
      *states_after,
    )

  def test_two_runs_are_bit_equal(self):
    data = shrunk.random_data()
    options = shrunk.options()
    first, again = (
      programs.devices.get(state)
      for programs, state in (shrunk.trained(options, data) for _ in range(2))
    )
    jax.tree.map(np.testing.assert_array_equal, first, again)

  @parameterized.named_parameters(
    # The warm-up is decided inside of the one program.
    ("one_pass", {"method": "fsr"}, [False]),
    ("plain", {"method": "plain"}, [False]),
    ("adjusted", {"method": "plain", "logit_adjustment": 1.0}, [False]),
    ("reward_batches", {"method": "fsr_exact"}, [False, True]),
  )
  def test_compilations(self, fields, expected):
    """`rewarded` of each program of steps, in the order of their tracing."""
    traces, original = [], programs_lib.train_step

    def counted(*args, rewarded, **kwargs):
      traces.append(rewarded)
      return original(*args, rewarded=rewarded, **kwargs)

    programs_lib._compiled.cache_clear()
    with absltest.mock.patch.object(programs_lib, "train_step", counted):
      options = shrunk.options(num_epochs=4, warmup_epochs=2, **fields)
      programs, state = shrunk.trained(options, shrunk.random_data())
      programs.evaluate(state)
    self.assertEqual(traces, expected)
    for rewarded, function in programs._compiled.steps.items():
      self.assertEqual(function._cache_size(), rewarded in expected)

  def test_refresh_takes_the_best_scores(self):
    data = shrunk.random_data()
    options = shrunk.options(
      method="fsr_exact",
      num_epochs=1,
      dictionary_size=16,
      dictionary_share=0.0,
    )
    programs, state = shrunk.trained(options, data)
    host = programs.devices.get(state).reweighting
    for cls in range(4):
      members = np.flatnonzero(data.train.label == cls)
      # One visit each: the order of the raw averages is that of the scores.
      best = members[np.argsort(-host.tables.score[members])[:4]]
      chosen = host.dictionary.index[host.dictionary.label == cls]
      self.assertCountEqual(chosen, best)

  @parameterized.parameters(
    {}, {"shard": True}, {"method": "plain"}, {"loss": "forward_correction"}
  )
  def test_template(self, shard=False, **fields):
    """Has the structure of the first state."""
    options = shrunk.options(num_devices=2, **fields)
    programs = Programs(
      options.train, shrunk.random_data(), Devices(2), 0, shard_tables=shard
    )
    template, state = programs.template(), programs.create_state()
    of_template, of_state = (
      jax.tree.map(lambda x: (type(x), x.shape, x.dtype), tree)
      for tree in (template, state)
    )
    self.assertEqual(of_template, of_state)
    self.assertFalse(any(x.any() for x in jax.tree.leaves(template)))

  def test_every_test_example_counts_once(self):
    data = shrunk.random_data(num_test=37)
    accuracies = []
    for size in (10, 37, 64):
      options = shrunk.options()
      programs = Programs(options.train, data, Devices(1), seed=0)
      state = programs.devices.put(programs.create_state())
      accuracies.append(programs.evaluate(state, size)["test_top1"])
    self.assertLen(set(accuracies), 1)
    self.assertEqual(round(accuracies[0] * 37), accuracies[0] * 37)


if __name__ == "__main__":
  absltest.main()
