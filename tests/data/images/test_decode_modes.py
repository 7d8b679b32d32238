"""Image files of every kind and colour mode to RGB."""

import struct

from absl.testing import absltest, parameterized
import numpy as np
from PIL import Image

from fsr_jax.data.images import decode
from fsr_jax.errors import InputError
from tests.data.images.pictures import FILES, colour, file, flat, picture


class ModeTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("grey", flat("L", 90), "PNG", [90] * 3),
    ("grey_jpeg", flat("L", 90), "JPEG", [90] * 3),
    ("grey_alpha", flat("LA", (0, 51)), "PNG", [204] * 3),
    ("black_and_white", flat("1", 1), "PNG", [255] * 3),
    ("black_and_white_tiff", flat("1", 0), "TIFF", [0] * 3),
    ("alpha", flat("RGBA", (255, 0, 0, 51)), "PNG", [255, 204, 204]),
    ("no_alpha_left", flat("RGBA", (9, 9, 9, 0)), "PNG", [255] * 3),
    ("alpha_webp", flat("RGBA", (9, 9, 9, 0)), "WEBP", [255] * 3),
    ("opaque", flat("RGBA", (1, 2, 3, 255)), "TIFF", [1, 2, 3]),
    ("keyed_grey", flat("L", 7, transparency=7), "PNG", [255] * 3),
    ("keyed", flat("RGB", (1, 2, 3), transparency=(1, 2, 3)), "PNG", [255] * 3),
    (
      "not_keyed",
      flat("RGB", (1, 2, 3), transparency=(1, 2, 4)),
      "PNG",
      [1, 2, 3],
    ),
    ("cmyk_tiff", flat("CMYK", (0, 255, 128, 0)), "TIFF", [255, 0, 127]),
  )
  def test_colour(self, image, kind, expected):
    self.assertEqual(colour(file(image, kind)), expected)

  def test_cmyk_jpeg_is_inverted(self):
    blob = file(flat("CMYK", (0, 255, 255, 0)), "JPEG")
    self.assertIn(b"Adobe", blob)
    np.testing.assert_allclose(colour(blob), [255, 0, 0], atol=2)

  def test_one_bit_is_antialiased(self):
    board = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (8, 8))
    image = Image.fromarray(board).convert("1")
    got, _ = decode.decode(file(image, "PNG"), "x", 2)
    np.testing.assert_allclose(got.astype(int), 127, atol=3)

  @parameterized.parameters("PNG", "GIF")
  def test_palette(self, kind):
    image = Image.new("P", (16, 8), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    self.assertEqual(colour(file(image, kind)), [40, 50, 60])
    for clear, expected in ((1, [255] * 3), (0, [40, 50, 60])):
      blob = file(image, kind, transparency=clear)
      self.assertEqual(colour(blob), expected)

  def test_palette_with_an_alpha_for_each_colour(self):
    image = Image.new("P", (16, 8), 1)
    image.putpalette([10, 20, 30, 0, 0, 255])
    blob = file(image, "PNG", transparency=bytes([255, 51]))
    self.assertEqual(colour(blob), [204, 204, 255])

  @parameterized.parameters("PNG", "TIFF")
  def test_sixteen_bits(self, kind):
    values = np.arange(0, 65536, 257, np.uint16).reshape(16, 16)
    image = decode.decode_centre(file(values, kind), "x", 16, 16)
    np.testing.assert_array_equal(image[..., 0].ravel(), np.arange(256))
    big_endian = values.astype(">u2").tobytes()
    other = Image.frombytes("I;16B", (16, 16), big_endian)
    other = decode.decode_centre(file(other, kind), "x", 16, 16)
    np.testing.assert_array_equal(other, image)

  def test_twelve_bits(self):
    # Three bytes hold two values: 0xFFF and 0x800.
    blob = file(np.zeros((2, 2), np.uint16), "TIFF")
    blob = blob.replace(
      struct.pack("<HHIH", 258, 3, 1, 16), struct.pack("<HHIH", 258, 3, 1, 12)
    )
    blob = blob[:-8] + b"\xff\xf8\x00" * 2 + b"\0\0"
    image = decode.decode_centre(blob, "x", 2, 2)
    np.testing.assert_array_equal(image[..., 1], [[255, 128]] * 2)

  @parameterized.parameters("I", "F", "LAB")
  def test_unknown_mode(self, mode):
    with self.assertRaisesRegex(InputError, f"^x has pixels .* mode {mode};"):
      decode.decode(file(Image.new(mode, (4, 4)), "TIFF"), "x", 2)

  def test_icc_profile_is_ignored(self):
    blob = file(picture(), "PNG", icc_profile=b"not a profile")
    got = decode.decode(blob, "x", 8)[0]
    np.testing.assert_array_equal(got, decode.decode(FILES["png"], "x", 8)[0])

  @parameterized.parameters("GIF", "PNG", "WEBP", "TIFF")
  def test_first_frame(self, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    blob = file(
      flat("RGB", (255, 0, 0)),
      kind,
      save_all=True,
      append_images=[flat("RGB", (0, 0, 255))],
      **options,
    )
    self.assertEqual(colour(blob), [255, 0, 0])

  @parameterized.parameters(*FILES)
  def test_every_kind_shows_the_picture(self, name):
    image, _ = decode.decode(FILES[name], "misleading.png", 8)
    if name == "jpeg":
      image = np.rot90(image)  # Its EXIF says 6.
    expected = decode.decode(FILES["png"], "x", 8)[0].astype(int)
    if name == "grey":
      expected = expected[..., :1]
    # Palettes are coarse.
    error = abs(image - expected).mean()
    self.assertLess(error, 20 if name in ("palette", "gif") else 5)


if __name__ == "__main__":
  absltest.main()
