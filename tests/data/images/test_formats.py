"""Which files are read: whatever Pillow reads, and HEIC by its plugin."""

import sys
import types
from unittest import mock

from absl.testing import absltest, parameterized
from PIL import Image

from fsr_jax.data.images import decode, formats
from fsr_jax.errors import InputError
from tests.data.images.pictures import colour, file, flat


class FormatsTest(parameterized.TestCase):
  @parameterized.parameters(
    ".jpg",
    ".jpeg",
    ".jfif",
    ".png",
    ".webp",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".jp2",
    ".j2k",
    ".tga",
    ".mpo",
  )
  def test_pictures(self, suffix):
    self.assertIn(suffix, formats.suffixes())

  @parameterized.parameters(
    ".txt", ".svg", ".pdf", ".eps", ".ps", ".mpg", ".mp4", ".h5", ".wmf", ""
  )
  def test_others(self, suffix):
    self.assertNotIn(suffix, formats.suffixes())

  @parameterized.parameters("PPM", "JPEG2000", "TGA", "PCX", "SGI", "DDS")
  def test_kinds_beside_the_usual(self, kind):
    self.assertEqual(
      colour(file(flat("RGB", (40, 80, 120)), kind)), [40, 80, 120]
    )

  def test_sixteen_bits_of_a_grey_ppm(self):
    blob = b"P5\n16 8\n65535\n" + (200 * 256 + 7).to_bytes(2, "big") * 128
    self.assertEqual(colour(blob), [200] * 3)

  def test_no_reader_starts_another_program(self):
    with self.assertRaisesRegex(InputError, "x .* is not an image"):
      decode.decode(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "x", 4
      )

  def test_heic_by_its_plugin(self):
    """With a plugin that calls PNG pictures by another name."""

    def register_heif_opener():
      Image.register_open(
        "HEIF",
        Image.OPEN["PNG"][0],
        lambda start: start.startswith(b"\x89PNG"),
      )
      Image.register_extension("HEIF", ".heic")

    def forget():
      Image.ID.remove("HEIF")
      del Image.OPEN["HEIF"], Image.EXTENSION[".heic"]
      clear()

    def clear():
      formats._formats.cache_clear()
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
