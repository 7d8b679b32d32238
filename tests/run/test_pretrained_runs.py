"""Runs that start with the weights of another, or cannot."""

import os
import shutil
from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np
import safetensors.numpy

from fsr_jax.data import sources
from fsr_jax.errors import InputError
from fsr_jax.models.options import NetworkOptions
from fsr_jax.run import commands, loop
from fsr_jax.run.pretrained import start as pretrained
from tests import shrunk
from tests.run.blank import blank_state


class RunTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.enterClassContext(shrunk.with_tiny_batch_norm())

  def source(self):
    """(workdir, summary) of a finished run on the digits."""
    workdir = os.path.join(self.create_tempdir().full_path, "source")
    c = shrunk.config(
      method="plain", network="tiny", num_epochs=1, learning_rate=1.0
    )
    return workdir, commands.train(c, workdir)

  @parameterized.parameters(0, -1)
  def test_starts_where_the_other_runs_average_was(self, meta_blocks):
    workdir, summary = self.source()
    c = shrunk.config(
      method="fsr",
      network="tiny",
      meta_blocks=meta_blocks,
      pretrained=workdir,
    )
    run = loop.Run(c, self.create_tempdir().full_path)
    self.assertEqual(run.notes, [])
    result = run.programs.evaluate(run._state)
    self.assertAlmostEqual(
      result["test_loss"], summary["test_loss_ema"], places=6
    )
    self.assertEqual(result["test_loss"], result["test_loss_ema"])
    # The last step's weights would not have passed.
    self.assertNotAlmostEqual(
      summary["test_loss"], summary["test_loss_ema"], places=4
    )
    run.workdir.unlock()

  def test_other_classes_and_resuming_without_the_source(self):
    source, _ = self.source()
    data = shrunk.random_data(num_classes=4, shape=(8, 8, 1))
    self.enter_context(
      mock.patch.dict(sources.SOURCES, random=lambda options: data)
    )
    fields = {
      "data__dataset": "random",
      "data__max_examples": 0,
      "method": "plain",
      "network": "tiny",
      "pretrained": source,
    }
    workdir = self.create_tempdir().full_path
    run = loop.Run(shrunk.config(**fields), workdir)
    self.assertLen(run.notes, 1)
    self.assertRegex(run.notes[0], "has 10 classes, these data have 4: .*rand")
    self.assertIsNone(run.train(stop_after_epochs=1))
    shutil.rmtree(source)
    summary = commands.train(shrunk.config(**fields), workdir)
    self.assertEqual(summary["steps"], 8)

  def test_another_network_is_refused(self):
    source, _ = self.source()
    workdir = os.path.join(self.create_tempdir().full_path, "new")
    c = shrunk.config(method="plain", network="mlp", pretrained=source)
    with self.assertRaisesRegex(
      InputError, r"does not fit network=mlp: .* missing \(blocks_0.Dense_0"
    ):
      commands.train(c, workdir)
    self.assertFalse(os.path.exists(workdir))

  @parameterized.named_parameters(
    ("nothing", "nowhere", "neither a workdir with a checkpoint nor"),
    ("no_file", "nowhere.safetensors", "cannot read pretrained=.*No such"),
    ("no_weights", __file__, "neither a workdir with a checkpoint nor"),
    ("device", "/dev/zero", "is a file; expected a directory"),
    ("pipe", "pipe.safetensors", "pretrained=.* is no regular file but a pipe"),
    (
      "folder",
      "folder.safetensors",
      "pretrained=.* is no regular file but a folder",
    ),
    ("damaged", "damaged.safetensors", "cannot read pretrained=.*header"),
    ("bucket", "gs://bucket/run", "only local or mounted"),
  )
  def test_nothing_to_read(self, path, message):
    folder = self.create_tempdir()
    folder.create_file("damaged.safetensors", content="not weights" * 9)
    folder.mkdir("folder.safetensors")
    os.mkfifo(os.path.join(folder.full_path, "pipe.safetensors"))
    if "/" not in path:
      path = os.path.join(folder.full_path, path)
    options = NetworkOptions(network="resnet18_cifar", pretrained=path)
    with self.assertRaisesRegex(InputError, message) as caught:
      pretrained.start(options, blank_state("resnet18_cifar", 4))
    self.assertNotIn("\n", str(caught.exception))

  def test_network_without_torchvision_names(self):
    folder = self.create_tempdir().full_path
    workdir = os.path.join(folder, "new")
    path = os.path.join(folder, "x.safetensors")
    safetensors.numpy.save_file({"fc.weight": np.ones((2, 3))}, path)
    c = shrunk.config(method="plain", pretrained=path)
    with self.assertRaisesRegex(InputError, "network=mlp has no .*resnet50"):
      commands.train(c, workdir)
    self.assertFalse(os.path.exists(workdir))


if __name__ == "__main__":
  absltest.main()
