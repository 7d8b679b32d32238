"""The best checkpoint by a metric, beside the newest ones."""

import contextlib
import dataclasses
import io
import pathlib
import shutil
import tempfile

from absl.testing import absltest, parameterized
import jax
import numpy as np

import fsr_jax
from fsr_jax.config import notices
from fsr_jax.errors import InputError
from fsr_jax.run import best, commands
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.use import restored
from fsr_jax.run.use.model import Model
from fsr_jax.run.workdir import Workdir
from tests import shrunk

EPOCHS, STEPS = 5, 12  # 200 examples, batches of 16.


def config(**fields):
  # So fast a rate that accuracy falls again.
  return shrunk.config(
    **{
      "keep_best": "test_top1",
      "num_epochs": EPOCHS,
      "learning_rate": 1.5,
      "method": "plain",
      **fields,
    }
  )


class BestTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = cls.enterClassContext(tempfile.TemporaryDirectory())
    cls.whole = pathlib.Path(folder, "whole")
    commands.train(config(), str(cls.whole))
    cls.values = [
      logged["test_top1"] for logged in Workdir(str(cls.whole)).read_metrics()
    ]

  def best(self, path):
    return Checkpoints(path / "best").latest_step()

  def test_is_that_of_the_highest_value(self):
    epoch = int(np.argmax(self.values)) + 1
    self.assertLess(epoch, EPOCHS, self.values)
    self.assertEqual(self.best(self.whole), epoch * STEPS)
    newest = Checkpoints(self.whole / "checkpoints").latest_step()
    self.assertEqual(newest, EPOCHS * STEPS)
    # The network of a run that was left there.
    left = self.create_tempdir().full_path
    commands.train(config(), left, stop_after_epochs=epoch)
    for parameters in ("", "_ema"):
      found = Model.load(str(self.whole), f"best{parameters}")
      expected = Model.load(left, parameters[1:] or "last")
      jax.tree.map(np.testing.assert_array_equal, found.arrays, expected.arrays)

  def test_is_used_and_said(self):
    fitted = fsr_jax.load(str(self.whole), parameters="best_ema")
    expected = Model.load(str(self.whole), "best_ema")
    jax.tree.map(
      np.testing.assert_array_equal, fitted.model.arrays, expected.arrays
    )
    said = notices.choice(shrunk.options(keep_best="test_top1").run)
    self.assertIn("by test labels", said[0])
    self.assertEmpty(notices.choice(shrunk.options(keep_best="val_top1").run))

  def test_is_evaluated(self):
    values = {
      name: [logged[name] for logged in Workdir(str(self.whole)).read_metrics()]
      for name in ("test_top1", "test_top1_ema", "test_loss")
    }
    epoch, screen = int(np.argmax(values["test_top1"])), io.StringIO()
    folder = self.create_tempdir().full_path
    with contextlib.redirect_stdout(screen):
      found = commands.evaluate(
        str(self.whole), output=folder, parameters="best"
      )
    self.assertLen(set(values["test_top1"]), EPOCHS)
    for name, logged in values.items():
      self.assertAlmostEqual(found[name], logged[epoch], 5, name)
    self.assertIn(
      f"step {STEPS * (epoch + 1)} of 60 (the best epoch)", screen.getvalue()
    )
    self.assertIn("test accuracy, best epoch", screen.getvalue())
    self.assertNotIn("last step", screen.getvalue())
    # The same without the data of the run.
    programs, _ = restored.restore(str(self.whole), parameters="best")
    test = programs.data.test
    np.savez(f"{folder}/test.npz", image=test.image, label=test.label)
    other = commands.evaluate(
      str(self.whole),
      input_path=f"{folder}/test.npz",
      output=folder,
      parameters="best_ema",
    )
    for name in values:
      self.assertAlmostEqual(other[name], found[name], 5, name)

  def test_is_the_same_where_the_run_was_left(self):
    path = pathlib.Path(self.create_tempdir())
    for epochs in range(1, EPOCHS + 1):
      commands.train(config(), str(path), stop_after_epochs=epochs)
    self.assertEqual(self.best(path), self.best(self.whole))

  def test_of_epochs_that_are_trained_again(self):
    path = pathlib.Path(self.create_tempdir())
    commands.train(config(), str(path), stop_after_epochs=1)
    # Killed after the best epoch was kept and before a checkpoint of it.
    shutil.rmtree(path / "best")
    shutil.copytree(self.whole / "best", path / "best")
    commands.train(config(), str(path))
    self.assertEqual(self.best(path), self.best(self.whole))

  @parameterized.parameters(
    ({"keep_best": "val_top1"}, "there is no validation part"),
    ({"keep_best": "test_loss"}, "keep_best='test_loss'; expected|unknown"),
  )
  def test_what_cannot_be(self, fields, message):
    path = pathlib.Path(self.create_tempdir()) / "run"
    with self.assertRaisesRegex(InputError, message):
      commands.train(config(**fields), str(path))
    self.assertFalse(path.exists())

  def test_the_test_part_beside_a_validation_part(self):
    data, run = shrunk.random_data(), shrunk.options(keep_best="test_top1").run
    work = Workdir(self.create_tempdir().full_path)
    best.Best(run, data, work)
    both = dataclasses.replace(data, val=data.test)
    with self.assertRaisesRegex(InputError, "there is a validation part"):
      best.Best(run, both, work)
    with self.assertRaisesRegex(InputError, "because there is none"):
      best.Best(run, dataclasses.replace(data, test=None), work)

  def test_a_run_that_kept_none(self):
    path = self.create_tempdir().full_path
    commands.train(config(keep_best="none"), path, stop_after_epochs=1)
    self.assertFalse(pathlib.Path(path, "best").exists())
    with self.assertRaisesRegex(InputError, "kept no best checkpoint"):
      Model.load(path, "best")


if __name__ == "__main__":
  absltest.main()
