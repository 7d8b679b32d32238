"""Predictions counted by class: by hand, on devices, of a validation part."""

import dataclasses

from absl.testing import absltest, parameterized
import jax.numpy as jnp
import numpy as np

from fsr_jax.train import evaluate
from fsr_jax.train.evaluate import Outcome, count_batch
from fsr_jax.train.parallel import Devices
from fsr_jax.train.programs import Programs
from tests import shrunk

# Class 2 is never predicted, class 3 has no example.
OUTCOME = Outcome(
  label=np.array([0, 0, 0, 1, 1, 2], np.int32),
  predicted=np.array([0, 0, 1, 1, 3, 0], np.int32),
  loss=0.5,
  top5=1.0,
)


class BatchTest(absltest.TestCase):
  def test_by_hand(self):
    logits = jnp.array(
      [
        [6.0, 5, 4, 3, 2, 1],
        [6, 5, 4, 3, 2, 1],
        [6, 5, 4, 3, 2, 7],
        [np.nan] * 6,
      ]
    )
    counts = count_batch(
      logits, jnp.array([0, 4, 4, 0]), jnp.array([1.0, 1, 1, 0])
    )
    self.assertEqual(float(counts.examples), 3)
    self.assertEqual(counts.predicted[:3].tolist(), [0, 0, 5])
    self.assertEqual(float(counts.top5), 2)
    self.assertTrue(np.isfinite(counts.loss))

  def test_fewer_than_five_classes(self):
    counts = count_batch(jnp.eye(3), jnp.array([2, 1, 2]), jnp.ones(3))
    self.assertEqual(counts.predicted.tolist(), [0, 1, 2])
    self.assertEqual(float(counts.top5), 3)


class OutcomeTest(absltest.TestCase):
  def test_by_class(self):
    counts = evaluate.by_class(OUTCOME, 4)
    self.assertEqual(counts.examples.tolist(), [3, 2, 1, 0])
    self.assertEqual(counts.predicted.tolist(), [3, 2, 0, 1])
    self.assertEqual(counts.correct.tolist(), [2, 1, 0, 0])
    nan = np.nan
    np.testing.assert_allclose(counts.accuracy, [2 / 3, 1 / 2, 0, nan])
    np.testing.assert_allclose(counts.precision, [2 / 3, 1 / 2, nan, 0])

  def test_confusions(self):
    self.assertEqual(
      evaluate.confusions(OUTCOME, 4).tolist(),
      [[0, 0, 2], [0, 1, 1], [1, 1, 1], [1, 3, 1], [2, 0, 1]],
    )

  def test_confusions_of_more_classes_than_int32_has_pairs(self):
    most = 2**16
    last = np.array([most], np.int32)
    found = evaluate.confusions(Outcome(last, last, 0, 0), most + 1)
    self.assertEqual(found.tolist(), [[most, most, 1]])

  def test_scalars(self):
    found = evaluate.scalars(OUTCOME, 4)
    self.assertEqual(found.pop("loss"), 0.5)
    self.assertEqual(found.pop("top5"), 1)
    self.assertAlmostEqual(found.pop("top1"), 3 / 6)
    # The class without an example does not count.
    self.assertAlmostEqual(
      found.pop("balanced_accuracy"), (2 / 3 + 1 / 2 + 0) / 3
    )
    self.assertEmpty(found)

  def test_a_batch_too_few_is_noticed(self):
    counts = count_batch(jnp.eye(3), jnp.array([2, 1, 2]), jnp.ones(3))
    with self.assertRaisesRegex(AssertionError, "75.* of 4 examples"):
      evaluate.collected(np.zeros(4, np.int32), [counts])


class ProgramsTest(parameterized.TestCase):
  def programs(self, data, devices=1):
    options = shrunk.options(method="plain")
    programs = Programs(options.train, data, Devices(devices), seed=0)
    return programs, programs.devices.put(programs.create_state())

  @parameterized.parameters((1, 10), (1, 37), (2, 10), (8, 16))
  def test_predictions_are_in_the_order_of_the_examples(self, devices, size):
    data = shrunk.random_data(num_test=37)
    one, state = self.programs(data)
    host = one.devices.get(state)
    expected = one.outcomes(state, 64)["_ema"]
    # Random parameters say several classes.
    self.assertGreater(len(set(expected.predicted.tolist())), 1)
    programs, state = self.programs(data, devices)
    state = programs.devices.put(host)
    found = programs.outcomes(state, size)["_ema"]
    np.testing.assert_array_equal(found.predicted, expected.predicted)
    np.testing.assert_array_equal(found.label, data.test.label)
    self.assertAlmostEqual(found.loss, expected.loss, places=5)

  def test_every_part_by_its_name(self):
    data = shrunk.random_data(num_test=20)
    val = shrunk.random_data(num_test=12, seed=1).test
    both = dataclasses.replace(data, val=val).validate()
    programs, state = self.programs(both)
    self.assertEqual(list(programs.parts), ["val", "test"])
    as_test = dataclasses.replace(data, test=val)
    swapped, _ = self.programs(as_test)
    self.assertEqual(list(swapped.parts), ["test"])
    names = [
      f"{name}{suffix}"
      for suffix in ("", "_ema")
      for name in ("loss", "top1", "top5", "balanced_accuracy")
    ]
    on_val = programs.evaluate(state, part="val")
    self.assertEqual(list(on_val), [f"val_{name}" for name in names])
    on_test = swapped.evaluate(state)
    for name in names:
      self.assertAlmostEqual(on_val[f"val_{name}"], on_test[f"test_{name}"])


if __name__ == "__main__":
  absltest.main()
