"""Runs on data of which one picture makes a network divide 0 by 0."""

import json
import pathlib
import tempfile

from absl.testing import absltest
from flax import linen as nn
import numpy as np

from fsr_jax import models
from fsr_jax.errors import InputError
from fsr_jax.run import commands
from fsr_jax.run.account import carry_out
from fsr_jax.run.loop import Run
from fsr_jax.run.steps import skipped_steps
from fsr_jax.run.watch.screen import Screen
from tests import shrunk

# The picture without contrast.
_PLAIN = 7


class Contrast(nn.Module):
  """Divides each picture by its own contrast."""

  @nn.compact
  def __call__(self, image, train=False):
    x = image.reshape(image.shape[0], -1)
    x = x - x[:, :1]
    return nn.relu(nn.Dense(8)(x / x.std(1, keepdims=True)))


models.NETWORKS["tests_contrast"] = lambda: (Contrast(),)


class NonFiniteTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (48, 4, 4, 1), dtype=np.uint8)
    image[_PLAIN] = 9
    cls.path = f"{tempfile.mkdtemp()}/set.npz"
    np.savez(
      cls.path,
      image=image,
      label=np.arange(48) % 3,
      id=[f"scan {i}" for i in range(48)],
      test_image=image[8:20],
      test_label=np.arange(8, 20) % 3,
    )

  def setUp(self):
    super().setUp()
    self.workdir = self.create_tempdir().full_path
    self.lines: list[str] = []

  def config(self, **fields):
    return shrunk.config(
      **{
        "data__dataset": "arrays",
        "data__path": self.path,
        "data__max_examples": 0,
        "data__noise": "none",
        "data__noise_ratio": 0.0,
        "network": "tests_contrast",
        "data__crop_padding": 0,
        "mixup": False,
        "num_epochs": 3,
        "learning_rate": 0.05,
        **fields,
      }
    )

  def train(self, stop_after_epochs=None, **fields):
    def noted(line: str) -> str:
      self.lines.append(line)
      return line

    run = Run(self.config(**fields), self.workdir, say=Screen(noted))
    return carry_out(run, stop_after_epochs, say=Screen(noted))

  def metrics(self):
    text = (pathlib.Path(self.workdir) / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]

  def test_the_picture_is_named(self):
    with self.assertRaisesRegex(
      InputError,
      r"at step [012], in the batch of the examples scan \d+, scan \d+, scan"
      r" \d+ and 13 more, with finite predictions for all of them but scan 7;"
      " --config.on_nonfinite=skip leaves such batches out; no checkpoint",
    ):
      commands.train(self.config(), self.workdir)

  def test_its_batches_are_skipped(self):
    """One of the three of every epoch; the last two epochs on two devices."""
    self.assertIsNone(self.train(1, on_nonfinite="skip"))
    summary = self.train(on_nonfinite="skip", num_devices=2)
    self.assertEqual(summary["skipped_steps"], 3)
    self.assertEqual(summary["steps"], 9)
    self.assertTrue(np.isfinite(summary["test_loss"]))
    found = self.metrics()
    self.assertEqual([line["skipped_steps"] for line in found], [1, 2, 3])
    self.assertTrue(all(0 < line["loss"] < 5 for line in found))
    notes = [line for line in self.lines if "skipped" in line]
    self.assertLen(notes, 4)
    for epoch, note in enumerate(notes[:3], start=1):
      self.assertRegex(
        note,
        f"^note: epoch {epoch}: 1 step was skipped of 3, because .*; the first"
        r" is step \d, in the batch of .* all of them but scan 7$",
      )
    self.assertStartsWith(notes[3], "note: 3 steps were skipped of 9, because")

  def test_a_run_that_stopped_goes_on_with_skip(self):
    """The same workdir and no flag but this one."""
    with self.assertRaisesRegex(InputError, "leaves such batches out"):
      self.train()
    self.assertIsNotNone(self.train(on_nonfinite="skip"))

  def test_an_epoch_of_nothing_else_ends_the_run(self):
    """Parameters that every update makes too large."""
    fields = {"learning_rate": 1e3, "weight_decay": 100.0, "num_epochs": 30}
    with self.assertRaisesRegex(
      InputError,
      r"all 3 steps of epoch \d+ were skipped, because the loss or a gradient"
      " was infinite or NaN in each; the first is step .* checkpoint of step",
    ):
      self.train(on_nonfinite="skip", checkpoint_every_epochs=1, **fields)
    self.assertGreater(self.metrics()[-1]["skipped_steps"], 0)

  def test_steps_skipped_by_hand(self):
    """Of five steps of two examples three visited theirs."""
    visits = np.array([2, 1, 1, 2], np.int32)
    self.assertEqual(skipped_steps(5, visits, 2), 2)


if __name__ == "__main__":
  absltest.main()
