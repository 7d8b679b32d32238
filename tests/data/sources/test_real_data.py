"""CIFAR-10 as TFDS has it; skipped where FSR_JAX_TFDS_DIR does not name it."""

import os
import sys

from absl.testing import absltest
import numpy as np

from fsr_jax.data import sources
from tests import shrunk

DATA_DIR = os.environ.get("FSR_JAX_TFDS_DIR")


@absltest.skipUnless(
  DATA_DIR, "set FSR_JAX_TFDS_DIR to a TFDS directory with cifar10"
)
class RealCifarTest(absltest.TestCase):
  def test_every_image_and_label(self):
    c = shrunk.config(data__dataset="cifar10", data__data_dir=DATA_DIR)
    data = sources.SOURCES["cifar10"](c.data).validate()
    self.assertNotIn("tensorflow", sys.modules)
    self.assertEqual(data.train.image.shape, (50_000, 32, 32, 3))
    self.assertEqual(data.test.image.shape, (10_000, 32, 32, 3))
    np.testing.assert_array_equal(np.bincount(data.train.label), [5000] * 10)
    np.testing.assert_array_equal(np.bincount(data.test.label), [1000] * 10)
    self.assertEqual(data.class_names[0], "airplane")
    self.assertEqual(data.class_names[9], "truck")


if __name__ == "__main__":
  absltest.main()
