"""Runs on data that tell nothing: they end, finite, and say so."""

import tempfile

from absl.testing import absltest, parameterized
import jax
import numpy as np
import pytest

from fsr_jax.run.loop import Run
from tests import shrunk

# Of the last class there is one example.
LABEL = np.append(np.arange(24) % 3, 3)


class EdgesTest(parameterized.TestCase):
  @parameterized.named_parameters(
    # No batch has all four classes; a slot of the queue a class.
    ("queue_of_one", {"batch_size": 2, "queue_size": 1}, 0),
    # Each class is the dictionary in its turn; most batches help none.
    (
      "dictionary_of_one",
      {
        "method": "fsr_exact",
        "weight_rule": "clip",
        "weight_momentum": 0.0,
        "batch_size": 2,
        "dictionary_size": 1,
        "reward_batch_size": 1,
      },
      1,
    ),
  )
  @pytest.mark.slow
  def test_identical_examples(self, fields, zero_batches):
    """A class of one example, and all of them the same."""
    folder = tempfile.mkdtemp()
    np.savez(f"{folder}/set.npz", image=np.ones((25, 3)), label=LABEL)
    config = shrunk.config(
      data__dataset="arrays",
      data__path=f"{folder}/set.npz",
      data__test_share=0.0,
      data__max_examples=0,
      data__noise="none",
      data__noise_ratio=0.0,
      data__crop_padding=0,
      data__flip=False,
      num_epochs=3,
      **fields,
    )
    run = Run(config, f"{folder}/run")
    summary = run.train()
    state = run.state
    # What was not measured is NaN there.
    state = state.replace(reweighting=state.reweighting._replace(last=None))
    for leaf in jax.tree.leaves(state):
      self.assertTrue(np.isfinite(leaf).all())
    self.assertGreaterEqual(summary["zero_batches"], zero_batches)
    said = " ".join(run.remarks)
    self.assertIn("no better than guessing the labels that it was tr", said)
    self.assertIn("this list says nothing", said)


if __name__ == "__main__":
  absltest.main()
