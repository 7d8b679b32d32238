"""Files of pictures: what is no file is named at once, whoever looks at it."""

import os
import pathlib

from absl.testing import absltest
import numpy as np

from fsr_jax.data.images.reader import Files, encoded, unreadable
from fsr_jax.data.options import DataOptions
from fsr_jax.errors import InputError
from tests.data.images.pictures import FILES


class FilesTest(absltest.TestCase):
  def test_each_that_cannot_be_read_is_named(self):
    root = pathlib.Path(self.create_tempdir())
    (root / "good.png").write_bytes(FILES["png"])
    (root / "cut.png").write_bytes(FILES["png"][:99])
    (root / "folder.png").mkdir()
    os.mkfifo(root / "pipe.png")
    (root / "device.png").symlink_to("/dev/zero")
    names = ["good", "cut", "folder", "pipe", "device", "none", "n\0l"]
    files = Files([str(root / f"{name}.png") for name in names])
    images = encoded(files, DataOptions(image_size=8), training=True)
    bad = unreadable(images)
    words = (
      "cannot decode",
      "is no regular file but a folder",
      "is no regular file but a pipe",
      "is no regular file but a device",
      "No such file",
      "is no path",
    )
    self.assertEqual(list(bad), [1, 2, 3, 4, 5, 6])
    for reason, word in zip(bad.values(), words):
      self.assertIn(word, reason)
      self.assertNotIn("\n", reason)
    with self.assertRaisesRegex(
      InputError, "pipe.png is no regular file but a pipe"
    ):
      images.read(np.array([0, 3]))


if __name__ == "__main__":
  absltest.main()
