"""Short trainings on some of the examples."""

from absl.testing import absltest
import numpy as np

from benchmarks.rivals import plain
from tests.benchmarks.rivals import small


class PlainTest(absltest.TestCase):
  def test_labels_of_other_examples_are_never_said(self):
    trial = small.trial(num_epochs=8)
    label = trial.data.train.label
    train = plain.short_trainer(trial, np.random.default_rng(0), 0.5)
    for first in (0, 5):
      index = np.flatnonzero((label == first) | (label == first + 1))
      logits, epochs = train(index)
      self.assertEqual(logits.shape, (len(label), trial.num_classes))
      self.assertEqual(epochs, 1)  # 0.5 x 8 epochs over about a fifth.
      said = logits.argmax(1)
      self.assertContainsSubset(said.tolist(), [first, first + 1])
      self.assertGreater(np.mean(said[index] == label[index]), 0.6)


if __name__ == "__main__":
  absltest.main()
