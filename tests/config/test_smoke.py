"""--config.num_epochs=1 tries any config, whatever takes longer in it."""

import pathlib

from absl.testing import absltest, parameterized
import pytest

from fsr_jax.run import commands
from tests import shrunk
from tests.config.test_configs import ARGUMENTS, get_config, shrink
from tests.data import own

# What a config says of them stays.
KEPT = (
  "warmup_epochs",
  "lr_warmup_epochs",
  "eval_every_epochs",
  "checkpoint_every_epochs",
  "schedule",
  "lr_decay_epochs",
)


@pytest.mark.slow
class SmokeTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.enter_context(shrunk.with_tiny_batch_norm())

  def trained(self, c):
    c.num_epochs = 1
    summary = commands.train(c, self.create_tempdir().full_path)
    self.assertEqual(summary["epochs"], 1)
    self.assertBetween(summary["test_top1"], 0, 1)

  @parameterized.parameters(*(name for name in ARGUMENTS if ARGUMENTS[name]))
  def test_every_config(self, name):
    c = get_config(name)
    kept = {field: c[field] for field in KEPT}
    shrink(c, pathlib.Path(self.create_tempdir()))
    c.update(kept)
    self.trained(c)

  def test_a_folder(self):
    root = own.tree(pathlib.Path(self.create_tempdir()), count=15)
    c = get_config("folder", str(root))
    c.network = "tiny"
    self.trained(c)

  @parameterized.parameters(
    "fsr", "fsr_exact", "forward_correction", "l2r", "mwn"
  )
  def test_every_method(self, method):
    self.trained(
      shrunk.config(
        method=method,
        warmup_epochs=20,
        data__max_examples=40,
        data__held_out=20,
        batch_size=20,
      )
    )


if __name__ == "__main__":
  absltest.main()
