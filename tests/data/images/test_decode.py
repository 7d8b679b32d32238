"""Image files to pixels: size, place and orientation."""

import io
import struct

from absl.testing import absltest, parameterized
import numpy as np
from PIL import Image

from fsr_jax.data.images import decode
from tests.data.images.pictures import (
  FILES,
  ORIENTATION,
  chunk,
  exif,
  file,
  picture,
)


class GeometryTest(parameterized.TestCase):
  def test_antialiased_by_hand(self):
    # Halving: triangles 4 wide around 1 and 3, weights 3/7, 3/7, 1/7.
    row = np.array([[0, 70, 140, 210]], np.uint8)
    image, aspect = decode.decode(file(np.repeat(row, 4, 0), "PNG"), "x", 2)
    np.testing.assert_array_equal(image[..., 0], [[50, 160], [50, 160]])
    np.testing.assert_array_equal(image[..., 0], image[..., 2])
    self.assertEqual(image.dtype, np.uint8)
    self.assertEqual(aspect, 1.0)

  def test_the_whole_picture_is_squeezed(self):
    image, aspect = decode.decode(FILES["png"], "x", 24)
    expected = Image.fromarray(picture()).resize(
      (24, 24), Image.Resampling.BILINEAR
    )
    np.testing.assert_array_equal(image, expected)
    self.assertEqual(aspect, 1.5)

  @parameterized.parameters((120, 200), (200, 120))
  def test_centre_is_resize_and_crop(self, height, width):
    image = picture(height, width)
    got = decode.decode_centre(file(image, "PNG"), "x", 40, 60)
    resized = Image.fromarray(image).resize(
      (width // 2, height // 2), Image.Resampling.BILINEAR
    )
    left, top = (width // 2 - 40) // 2, (height // 2 - 40) // 2
    expected = np.array(resized)[top : top + 40, left : left + 40]
    np.testing.assert_allclose(got.astype(int), expected, atol=1)

  def test_centre_of_an_odd_margin_is_the_centre(self):
    # 3 wide, crop 2: half a pixel on either side.
    row = np.array([[0, 100, 200]], np.uint8)
    image = decode.decode_centre(file(np.repeat(row, 3, 0), "PNG"), "x", 2, 3)
    np.testing.assert_array_equal(image[..., 0], [[50, 150]] * 2)

  def test_pixels_of_the_wanted_size_are_untouched(self):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    for kind in ("PNG", "BMP", "TIFF"):
      got = decode.decode_centre(file(image, kind), "x", 32, 32)
      np.testing.assert_array_equal(got, image)

  @parameterized.parameters((1, 5000), (5000, 1), (1, 1), (20000, 8))
  def test_thin(self, height, width):
    for kind in ("PNG", "JPEG"):
      blob = file(np.full((height, width), 77, np.uint8), kind)
      image, aspect = decode.decode(blob, "x", 24)
      np.testing.assert_array_equal(image, np.full((24, 24, 3), 77))
      self.assertEqual(aspect, width / height)
      centre = decode.decode_centre(blob, "x", 24, 32)
      np.testing.assert_array_equal(centre, np.full((24, 24, 3), 77))


class ReducedJpegTest(parameterized.TestCase):
  @parameterized.parameters(
    # Both sides at least 2 * 32 after the reduction.
    ((127, 500), 1),
    ((128, 500), 2),
    ((256, 300), 4),
    ((2000, 513), 8),
    ((2000, 511), 4),
  )
  def test_scale(self, shape, scale):
    blob = file(picture(*shape), "JPEG")
    image, extent, _ = decode._read(blob, "x", 32)
    self.assertEqual(extent, (shape[1] / scale, shape[0] / scale))
    self.assertEqual(image.width, -(-shape[1] // scale))

  # 1/4, and 1/2, 1/8 with sides that it does not divide.
  @parameterized.parameters((400, 600), (213, 301), (1001, 1201))
  def test_geometry_is_that_of_a_full_decode(self, height, width):
    blob = file(picture(height, width), "JPEG", quality=95)
    full = Image.open(io.BytesIO(blob))
    expected = np.array(full.resize((48, 48), Image.Resampling.BILINEAR))
    image, aspect = decode.decode(blob, "x", 48)
    self.assertEqual(aspect, width / height)
    np.testing.assert_allclose(image.astype(int), expected, atol=3)
    self.assertLess(abs(image - expected.astype(float)).mean(), 0.5)


class OrientationTest(parameterized.TestCase):
  # EXIF 2.32: where the stored row 0 and column 0 lie in the upright picture.
  STORED = {
    1: lambda u: u,  # top, left
    2: lambda u: u[:, ::-1],  # top, right
    3: lambda u: u[::-1, ::-1],  # bottom, right
    4: lambda u: u[::-1],  # bottom, left
    5: lambda u: u.transpose(1, 0, 2),  # left, top
    6: lambda u: u.transpose(1, 0, 2)[::-1],  # right, top
    7: lambda u: u.transpose(1, 0, 2)[::-1, ::-1],  # right, bottom
    8: lambda u: u.transpose(1, 0, 2)[:, ::-1],  # left, bottom
  }

  @parameterized.product(
    value=list(STORED), kind=("JPEG", "PNG", "WEBP", "TIFF")
  )
  def test_upright(self, value, kind):
    stored = np.ascontiguousarray(self.STORED[value](picture()))
    options = {
      "JPEG": {"quality": 98, "subsampling": 0},
      "WEBP": {"lossless": True},
    }.get(kind, {})
    blob = file(stored, kind, exif=exif(value), **options)
    plain = file(picture(), "PNG")
    image, aspect = decode.decode(blob, "x", 24)
    self.assertEqual(aspect, 1.5)
    near = {"atol": 6 if kind == "JPEG" else 1}
    expected = decode.decode(plain, "x", 24)[0].astype(int)
    np.testing.assert_allclose(image.astype(int), expected, **near)
    centre = decode.decode_centre(blob, "x", 21, 32).astype(int)
    expected = decode.decode_centre(plain, "x", 21, 32)
    np.testing.assert_allclose(centre, expected, **near)

  @parameterized.parameters(0, 9, 40000)
  def test_unknown_value_is_upright(self, value):
    _, aspect = decode.decode(file(picture(), "PNG", exif=exif(value)), "x", 4)
    self.assertEqual(aspect, 1.5)

  @parameterized.parameters("<", ">")
  def test_both_byte_orders(self, order):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tiff = mark + struct.pack(order + "IHHHIHH", 8, 1, ORIENTATION, 3, 1, 8, 0)
    self.assertEqual(decode._orientation(tiff), 8)
    self.assertEqual(decode._orientation(b"Exif\0\0" + tiff), 8)
    for end in range(len(tiff) - 2):
      self.assertEqual(decode._orientation(tiff[:end]), 1)

  def test_exif_behind_the_pixels(self):
    blob = FILES["png"]
    tags = exif(6).tobytes().removeprefix(b"Exif\0\0")
    blob = blob[:-12] + chunk(b"eXIf", tags) + blob[-12:]
    _, aspect = decode.decode(blob, "x", 4)
    self.assertEqual(aspect, 40 / 60)


if __name__ == "__main__":
  absltest.main()
