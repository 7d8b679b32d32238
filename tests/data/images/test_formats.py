"""Which files are pictures: whatever Pillow reads, and HEIC by its plugin."""

import sys
import types
from unittest import mock

from absl.testing import absltest, parameterized
from PIL import Image

from fsr_jax.data.images import decode, formats
from tests.data.images.pictures import colour, file, flat


class FormatsTest(parameterized.TestCase):
  @parameterized.parameters(
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif"),
    *(".tiff", ".ppm", ".pgm", ".jp2", ".j2k", ".tga", ".mpo"),
  )
  def test_pictures(self, suffix):
    self.assertIn(suffix, formats.suffixes())

  @parameterized.parameters(
    *(".txt", ".svg", ".pdf", ".eps", ".ps", ".mpg", ".mp4", ".h5", ".wmf", "")
  )
  def test_others(self, suffix):
    self.assertNotIn(suffix, formats.suffixes())

  def test_heic_by_its_plugin(self):
    """With a plugin that calls PNG pictures by another name."""

    def register_heif_opener():
      Image.register_open(
        "HEIF",
        Image.OPEN["PNG"][0],
        lambda start: start.startswith(b"heif"),
      )
      Image.register_extension("HEIF", ".heic")

    def forget():
      Image.ID.remove("HEIF")
      del Image.OPEN["HEIF"], Image.EXTENSION[".heic"]
      clear()

    def clear():
      decode.plugins.cache_clear()
      formats.suffixes.cache_clear()

    self.assertNotIn(".heic", formats.suffixes())
    clear()
    self.addCleanup(forget)
    plugin = types.SimpleNamespace(register_heif_opener=register_heif_opener)
    with mock.patch.dict(sys.modules, pillow_heif=plugin):
      self.assertIn(".heic", formats.suffixes())
      self.assertEqual(colour(file(flat("L", 90), "PNG")), [90] * 3)


if __name__ == "__main__":
  absltest.main()
