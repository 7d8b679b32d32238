"""What a run reports of its tables, by hand."""

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.reweighting import ReweightingOptions, reweighter
from fsr_jax.run import monitor

# Four samples of two classes; the last label is wrong.
LABEL, CLEAN = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])


def measured(clean_label=CLEAN, rewards="dictionary", settled=True, **fields):
  image = np.zeros((4, 1, 1, 1), np.uint8)
  split = Split(image, LABEL, clean_label)
  options = ReweightingOptions(
    rewards=rewards,
    pseudo_label_momentum=0.5,
    dictionary_size=2,
    **fields,
  )
  state = reweighter(options, num_classes=2).init(LABEL, feature_shape=(3,))
  state = state._replace(
    tables=state.tables._replace(
      visits=np.array([1, 2, 1, 1]),
      trusted=np.array([1, 0, 2, 0]),
      last_weight=np.array([0.0, 1.0, 1.0, 2.0]),
      mean_weight=np.array([0.1, 0.3, 0.4, 0.2]),
      # Halved by the momentum of one visit; by a quarter after two.
      pseudo_label=0.5
      * np.array([[0.9, 0.1], [1.2, 0.3], [0.4, 0.6], [0.8, 0.2]]),
    ),
    zero_batches=np.array(3),
    noise=state.noise._replace(wrong_share=np.float32(0.25)),
    anchors=state.anchors._replace(settled=np.bool_(settled)),
  )
  if state.dictionary is not None:
    state = state._replace(
      dictionary=Dictionary(np.array([0, 3]), LABEL[[0, 3]])
    )
  if state.trusted is not None:
    state = state._replace(trusted=np.array([True, False, False, True]))
  data = Data(split, split, ("a", "b"))
  return monitor.measure(state, data, options)


class MeasureTest(parameterized.TestCase):
  @parameterized.parameters("dictionary", "queue")
  def test_by_hand(self, rewards):
    result = measured(rewards=rewards)
    expected = {
      "dictionary_purity": 1 / 2,
      "dictionary_coverage": 2 / 4,
      "dictionary_coverage_min": 1 / 2,
      "dictionary_coverage_max": 1 / 2,
      "dictionary_new": 1 / 2,  # Sample 3.
      # 1 - P(clean label): 0.1, 0.2, 0.4, 0.2.
      "difficulty": 0.9 / 4,
      "dictionary_difficulty": 0.3 / 2,
      "zero_weight_fraction": 1 / 4,
      "zero_weight_fraction_clean": 1 / 3,
      "zero_weight_fraction_wrong": 0,
      "weight_clean": 2 / 3,
      "weight_wrong": 2,
      "wrong_weight_share": 0.2,
      "estimated_wrong_share": 0.25,
      "clear_cases_steady": 0,
      "zero_batches": 3,
    }
    self.assertEqual(result.keys(), expected.keys())
    for name, value in expected.items():
      self.assertAlmostEqual(result[name], value, places=6, msg=name)

  def test_nothing_is_estimated_before_anchors_are_settled(self):
    self.assertIsNone(measured(settled=False)["estimated_wrong_share"])

  def test_wrong_labels_whose_true_class_is_unknown(self):
    """They count as wrong; how difficult they are cannot be said."""
    known, unknown = measured(), measured(np.array([0, 0, 1, -1]))
    expected = {
      **known,
      "difficulty": 0.7 / 3,
      "dictionary_difficulty": 0.1,
    }
    for name, value in expected.items():
      self.assertAlmostEqual(unknown[name], value, places=6, msg=name)
    nothing = measured(np.array([-1, -1, -1, -1]))
    self.assertIsNone(nothing["difficulty"])
    self.assertIsNone(nothing["dictionary_difficulty"])
    self.assertEqual(nothing["dictionary_purity"], 0)

  def test_uniform_weights_have_no_dictionary(self):
    result = measured(weighting="uniform")
    self.assertIsNone(result["dictionary_purity"])
    self.assertIsNone(result["dictionary_difficulty"])
    self.assertAlmostEqual(result["difficulty"], 0.9 / 4, places=6)


if __name__ == "__main__":
  absltest.main()
