"""Runs that were left or killed and continued: bit for bit the same."""

import json
import os
import pathlib
import signal
from unittest import mock

from absl.testing import absltest, parameterized
import jax
import numpy as np

from fsr_jax.run import commands, loop
from fsr_jax.run import workdir as workdir_lib
from fsr_jax.train.programs import Programs
from tests import shrunk
from tests.run import workdirs


class ResumeTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("fsr", {}),
    ("fsr_exact", {"method": "fsr_exact", "logit_adjustment": 1.0}),
    ("plain_with_batch_norm", {"method": "plain", "network": "tiny"}),
  )
  def test_two_and_two_epochs_are_four_bit_for_bit(self, fields):
    fields = {"num_epochs": 4, "warmup_epochs": 1, **fields}
    self.enter_context(shrunk.with_tiny_batch_norm())
    whole, parts = (self.create_tempdir().full_path for _ in range(2))
    summary = commands.train(shrunk.config(**fields), whole)
    left = commands.train(shrunk.config(**fields), parts, stop_after_epochs=2)
    self.assertIsNone(left)
    half = workdirs.restored(parts)
    self.assertEqual(2 * int(half.step), summary["steps"])
    again = commands.train(shrunk.config(**fields), parts)
    jax.tree.map(
      np.testing.assert_array_equal,
      workdirs.restored(whole),
      workdirs.restored(parts),
    )
    for key in ("test_top1", "test_top1_ema", "test_loss", "zero_batches"):
      self.assertEqual(summary[key], again[key])

  @parameterized.named_parameters(
    ("one_step_a_call", {"steps_per_call": 1}),
    ("five_steps_a_call", {"steps_per_call": 5}),
    ("exact_five_steps", {"steps_per_call": 5, "method": "fsr_exact"}),
    ("two_devices", {"num_devices": 2}),
  )
  def test_signal_in_mid_epoch_saves_and_the_rest_is_bit_equal(self, fields):
    fields = {"num_epochs": 3, **fields}
    whole, parts = (self.create_tempdir().full_path for _ in range(2))
    commands.train(shrunk.config(**fields), whole)
    run = loop.Run(shrunk.config(**fields), parts)
    original, done = run._progress.called, 0

    def called(epoch, steps):
      nonlocal done
      done += steps
      if done == 17:
        os.kill(os.getpid(), signal.SIGTERM)
      original(epoch, steps)

    run._progress.called = called
    self.assertIsNone(run.train())
    self.assertEqual(run.step, 17)
    self.assertNotEqual(17 % run.programs.steps_per_epoch, 0)
    commands.train(shrunk.config(**fields), parts)
    jax.tree.map(
      np.testing.assert_array_equal,
      workdirs.restored(whole),
      workdirs.restored(parts),
    )

  def test_signal_between_epochs_saves(self):
    workdir = self.create_tempdir().full_path
    fields = {"num_epochs": 3, "checkpoint_every_epochs": 100}
    run = loop.Run(shrunk.config(**fields), workdir)
    original = run._progress.update

    def update(scalars):
      os.kill(os.getpid(), signal.SIGTERM)
      original(scalars)

    run._progress.update = update
    self.assertIsNone(run.train())
    self.assertEqual(int(workdirs.restored(workdir).step), 12)

  def test_full_disk_while_the_config_is_replaced_loses_nothing(self):
    workdir = pathlib.Path(self.create_tempdir())
    commands.train(shrunk.config(), str(workdir), stop_after_epochs=1)
    before = (workdir / "config.json").read_text()
    full = mock.patch.object(
      workdir_lib, "_write", side_effect=OSError(28, "No space left")
    )
    with full, self.assertRaises(OSError):
      commands.train(shrunk.config(keep_checkpoints=1), str(workdir))
    self.assertEqual((workdir / "config.json").read_text(), before)
    self.assertIsNotNone(commands.train(shrunk.config(), str(workdir)))

  def test_what_a_killed_run_logged_too_far_is_logged_once(self):
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(num_epochs=3), workdir, stop_after_epochs=1)
    path = pathlib.Path(workdir) / "metrics.jsonl"
    with open(path, "a", encoding="utf-8") as file:
      file.write('{"step": 24, "loss": 1.0}\n{"step": 3')
    commands.train(shrunk.config(num_epochs=3), workdir)
    steps = [json.loads(line)["step"] for line in path.open()]
    self.assertEqual(steps, [12, 24, 36])

  def test_no_first_state_is_made_where_there_is_a_checkpoint(self):
    """To compile what makes one takes seconds, as do its statistics."""
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(), workdir, stop_after_epochs=1)
    made = mock.patch.object(Programs, "create_state", side_effect=self.fail)
    with made:
      self.assertIsNotNone(commands.train(shrunk.config(), workdir))
      commands.evaluate(workdir)

  def test_another_number_of_devices_may_continue(self):
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(), workdir, stop_after_epochs=1)
    summary = commands.train(shrunk.config(num_devices=2), workdir)
    self.assertEqual(summary["device"], "2 x cpu")
    whole = self.create_tempdir().full_path
    expected = commands.train(shrunk.config(), whole)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5),
      workdirs.restored(workdir),
      workdirs.restored(whole),
    )
    self.assertAlmostEqual(summary["test_top1"], expected["test_top1"])


if __name__ == "__main__":
  absltest.main()
