"""Kinds of pictures beyond the six that are decoded by their own readers."""

import sys
import types
from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np
from PIL import Image, PngImagePlugin, features

from fsr_jax.data.images import decode
from fsr_jax.errors import InputError
from tests.data.images.pictures import FILES, claiming, file, picture


class PluginsTest(parameterized.TestCase):
  @parameterized.parameters(
    ("PPM", 0), ("SGI", 0), ("PCX", 0), ("DDS", 0), ("DIB", 0), ("JPEG2000", 0)
  )
  def test_whatever_pillow_knows_by_the_first_bytes(self, kind, off):
    if kind == "JPEG2000" and not features.check("jpg_2000"):
      self.skipTest("this Pillow has no JPEG 2000")
    image, aspect = decode.decode(file(picture(), kind), "x", 24)
    expected, _ = decode.decode(FILES["png"], "x", 24)
    np.testing.assert_allclose(image.astype(int), expected, atol=off)
    self.assertEqual(aspect, 1.5)

  def test_avif(self):
    if not features.check("avif"):
      self.skipTest("this Pillow has no AVIF")
    image, _ = decode.decode(file(picture(), "AVIF", quality=95), "x", 24)
    expected, _ = decode.decode(FILES["png"], "x", 24)
    np.testing.assert_allclose(image.astype(int), expected, atol=8)

  def test_16_bits_of_pgm(self):
    levels = np.arange(16, dtype=np.uint16).reshape(4, 4) * 4096
    image, _ = decode.decode(file(levels, "PPM"), "x", 4)
    np.testing.assert_array_equal(
      image[..., 0], np.arange(16).reshape(4, 4) * 16
    )

  def test_a_kind_without_first_bytes_goes_by_its_name(self):
    blob = file(picture(), "TGA")
    image, _ = decode.decode(blob, "dog/1.TGA", 24)
    np.testing.assert_array_equal(image, decode.decode(FILES["png"], "", 24)[0])
    with self.assertRaisesRegex(InputError, "^dog/1.jpg .* is not an image"):
      decode.decode(blob, "dog/1.jpg", 24)

  def test_another_program_is_never_started(self):
    blob = file(picture(), "EPS")
    with (
      mock.patch("subprocess.check_call") as called,
      self.assertRaisesRegex(InputError, "^x .* is not an image"),
    ):
      decode.decode(blob, "x", 4)
    called.assert_not_called()

  def test_heic_names_the_plugin_it_needs(self):
    blob = b"\0\0\0\x18ftypheic" + b"\0" * 99
    with (
      mock.patch.dict(sys.modules, {"pillow_heif": None}),
      self.assertRaisesRegex(InputError, "is not .*HEIC: pip install pillow-h"),
    ):
      decode.decode(blob, "x", 4)

  def test_heic_where_the_plugin_is_installed(self):
    def register_heif_opener():
      # In the place of the plugin: the reader of PNG behind HEIC's first bytes.
      def opened(stream, name):
        del name
        stream.seek(12)
        return PngImagePlugin.PngImageFile(stream)

      Image.register_open("HEIF", opened, lambda b: b[4:12] == b"ftypheic")

    plugin = types.SimpleNamespace(register_heif_opener=register_heif_opener)
    with (
      mock.patch.dict(sys.modules, {"pillow_heif": plugin}),
      mock.patch.dict(Image.OPEN),
      mock.patch.object(Image, "ID", [*Image.ID]),
    ):
      decode.plugins.cache_clear()
      image, _ = decode.decode(b"\0\0\0\x18ftypheic" + FILES["png"], "x", 24)
    decode.plugins.cache_clear()
    np.testing.assert_array_equal(
      image, decode.decode(FILES["png"], "x", 24)[0]
    )

  @parameterized.parameters("PPM", "SGI", "PCX", "DDS", "JPEG2000", "AVIF")
  def test_damaged_ones_end_in_pixels_or_one_line(self, kind):
    if not features.check(
      {"JPEG2000": "jpg_2000", "AVIF": "avif"}.get(kind, "zlib")
    ):
      self.skipTest("not in this Pillow")
    blob, rng = file(picture(), kind), np.random.default_rng(0)
    for end in (0, 3, 12, 20):
      with self.assertRaisesRegex(InputError, r"^[^\n]*x \(\d+ bytes[^\n]*$"):
        decode.decode(blob[:end], "x", 4)
    if kind != "DDS":  # Pillow 11 fills up what is missing of it.
      with self.assertRaisesRegex(InputError, r"^[^\n]*x \(\d+ bytes[^\n]*$"):
        decode.decode(blob[: len(blob) // 2], "x", 4)
    for _ in range(60):
      damaged = np.frombuffer(blob, np.uint8).copy()
      damaged[rng.integers(0, min(len(blob), 200), 2)] = rng.integers(0, 256, 2)
      try:
        image, _ = decode.decode(damaged.tobytes(), "x", 4)
        self.assertEqual(image.shape, (4, 4, 3))
      except InputError as error:
        self.assertNotIn("\n", str(error))

  def test_bytes_of_no_kind(self):
    rng = np.random.default_rng(0)
    for size in [*range(20), 100, 5000] * 20:
      try:
        decode.decode(rng.bytes(size), "x.tga", 4)
      except InputError as error:
        self.assertNotIn("\n", str(error))


class SizeTest(parameterized.TestCase):
  @parameterized.parameters(*FILES)
  def test_size_from_the_head(self, name):
    self.assertEqual(decode.size_of(FILES[name], "x"), (60, 40))

  def test_the_pixels_may_be_damaged(self):
    for name in ("jpeg", "png", "gif", "bmp"):
      head = FILES[name][:-40]
      self.assertEqual(decode.size_of(head, "x"), (60, 40), name)

  def test_what_has_no_size(self):
    info = PngImagePlugin.PngInfo()
    info.add_text("key", "a" * 2**21, zip=True)
    for blob, message in (
      (b"", "^x .0 bytes. is not an image"),
      (b"GIF89a", "^cannot decode x"),
      (claiming(2**30, 2**30), "^x claims 1073741824 x 1073741824 pixels"),
      # Text that unfolds to megabytes, before the pixels.
      (file(picture(), "PNG", pnginfo=info), "^cannot decode x .*Decompressed"),
    ):
      with self.assertRaisesRegex(InputError, message):
        decode.size_of(blob, "x")


if __name__ == "__main__":
  absltest.main()
