"""CIFAR: from the published archive to `tfds.data_source`, no TensorFlow."""

import os
import pathlib
import sys
import tempfile
from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data import prepare, sources
from fsr_jax.errors import InputError
from tests import shrunk
from tests.data import tiny_cifar


def load(dataset, data_dir):
  c = shrunk.config(data__dataset=dataset, data__data_dir=str(data_dir))
  return sources.SOURCES[dataset](c.data)


class PrepareTest(parameterized.TestCase):
  @parameterized.parameters("cifar10", "cifar100")
  def test_prepared_set_is_read_back_pixel_for_pixel(self, dataset):
    root = pathlib.Path(self.create_tempdir())
    digest = tiny_cifar.write(dataset, root, per_file=20)
    if dataset == "cifar100":
      digest = tiny_cifar.write(dataset, root, per_file=40)
    prepare.prepare(dataset, root / "tfds", f"file://{root}/", digest)
    data = load(dataset, root / "tfds")
    self.assertNotIn("tensorflow", sys.modules)
    self.assertLen(data.train, 100 if dataset == "cifar10" else 200)
    self.assertEqual(data.class_names[3], "name3")
    self.assertEqual(data.train.image.dtype, np.uint8)
    # Brightness tells the class: images and labels stayed together, and
    # the channel order did too.
    level = data.train.image.mean((1, 2, 3))
    expected = data.train.label * 200 // data.num_classes + 27.5
    np.testing.assert_allclose(level, expected, atol=2)

  def test_nothing_is_left_in_the_temporary_folder(self):
    root = pathlib.Path(self.create_tempdir())
    digest = tiny_cifar.write("cifar10", root, per_file=20)
    folder = self.create_tempdir().full_path
    with mock.patch.object(tempfile, "tempdir", folder):
      prepare.prepare("cifar10", root / "tfds", f"file://{root}/", digest)
      self.assertEqual(tempfile.gettempdir(), folder)
    self.assertEmpty(os.listdir(folder))

  def test_wrong_digest_is_refused(self):
    root = pathlib.Path(self.create_tempdir())
    tiny_cifar.write("cifar10", root, per_file=20)
    with self.assertRaisesRegex(InputError, "SHA-256 .* expected c4a38c50"):
      prepare.prepare("cifar10", root / "tfds", f"file://{root}/")

  def test_no_connection(self):
    root = pathlib.Path(self.create_tempdir())
    with self.assertRaisesRegex(InputError, "cannot download .* put it at"):
      prepare.prepare("cifar10", root, f"file://{root}/nowhere/")

  def test_missing_set_names_the_command(self):
    root = self.create_tempdir().full_path
    for data_dir in (root, os.path.join(root, "missing")):
      with self.assertRaisesRegex(
        InputError, "python -m fsr_jax.data.prepare --dataset=cifar10"
      ):
        load("cifar10", data_dir)

  def test_damaged_set(self):
    root = pathlib.Path(self.create_tempdir())
    digest = tiny_cifar.write("cifar10", root, per_file=20)
    prepare.prepare("cifar10", root / "tfds", f"file://{root}/", digest)
    (shard,) = (root / "tfds").glob("cifar10/*/cifar10-train.array_record*")
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    with self.assertRaisesRegex(InputError, "cannot read cifar10"):
      load("cifar10", root / "tfds")


if __name__ == "__main__":
  absltest.main()
