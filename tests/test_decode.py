"""Image files of every kind to pixels, or to one line."""

from concurrent import futures
import io
import multiprocessing
import random
import struct
import subprocess
import sys
from unittest import mock
import warnings
import zlib

from absl.testing import absltest, parameterized
import numpy as np
from PIL import Image, ImageFile, PngImagePlugin

from fsr_jax.data import decode
from fsr_jax.errors import InputError

ORIENTATION = 0x0112


def file(image, kind, **options):
  """`image` (Pillow's or an array) as the bytes of a file."""
  if isinstance(image, np.ndarray):
    image = Image.fromarray(image)
  stream = io.BytesIO()
  image.save(stream, kind, **options)
  return stream.getvalue()


def exif(orientation, maker="m" * 40):
  tags = Image.Exif()
  tags[0x010F] = maker
  tags[ORIENTATION] = orientation
  return tags


def picture(height=40, width=60):
  """A smooth uint8 [height, width, 3] without symmetry."""
  y, x = np.mgrid[:height, :width] / max(height, width)
  channels = (x, y, 0.5 + 0.3 * np.sin(9 * x + 5 * y))
  return (255 * np.stack(channels, -1)).astype(np.uint8)


def colour(blob):
  """The one colour of a file of one colour."""
  image, _ = decode.decode(blob, "x", 4)
  np.testing.assert_array_equal(image, np.broadcast_to(image[0, 0], (4, 4, 3)))
  return image[0, 0].tolist()


def flat(mode, value, **info):
  image = Image.new(mode, (16, 8), value)
  image.info.update(info)
  return image


def chunk(kind, content):
  """One chunk of a PNG file."""
  check = zlib.crc32(kind + content)
  return (
    struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
  )


def claiming(width, height):
  """A PNG whose header claims this size; its pixels are missing."""
  header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
  return b"".join(
    (
      b"\x89PNG\r\n\x1a\n",
      chunk(b"IHDR", header),
      chunk(b"IDAT", zlib.compress(b"")),
      chunk(b"IEND", b""),
    )
  )


FILES = {
  "jpeg": file(picture(), "JPEG", exif=exif(6)),
  "progressive": file(picture(), "JPEG", progressive=True),
  "grey": file(picture()[..., 0], "JPEG"),
  "cmyk": file(Image.fromarray(picture()).convert("CMYK"), "JPEG"),
  "png": file(picture(), "PNG"),
  "palette": file(Image.fromarray(picture()).convert("P"), "PNG"),
  "gif": file(picture(), "GIF"),
  "webp": file(picture(), "WEBP"),
  "lossless": file(picture(), "WEBP", lossless=True),
  "bmp": file(picture(), "BMP"),
  "tiff": file(picture(), "TIFF"),
  "lzw": file(picture(), "TIFF", compression="tiff_lzw"),
}


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


class DamageTest(parameterized.TestCase):
  @parameterized.parameters(
    (
      b"",
      r"^x \(0 bytes\) is not an image; expected a whole JPEG, PNG, GIF,"
      r" WebP, BMP or TIFF file$",
    ),
    (b"<html></html>", r"^x \(13 bytes\) is not an image; expected a whole"),
    (b"RIFF\0\0\0\0WAVEfmt " * 9, "^cannot decode x .*; expected a whole"),
    (b"\xff\xd8\xff", "^cannot decode x .*; expected a whole JPEG"),
  )
  def test_not_an_image(self, blob, message):
    with self.assertRaisesRegex(InputError, message):
      decode.decode(blob, "x", 4)

  @parameterized.parameters(*FILES)
  def test_truncated(self, name):
    blob = FILES[name]
    self.assertFalse(ImageFile.LOAD_TRUNCATED_IMAGES)
    for end in range(0, len(blob) - 30, 97):
      with warnings.catch_warnings():
        # Pillow warns of truncated TIFF tags before it fails.
        warnings.simplefilter("ignore")
        with self.assertRaises(InputError) as caught:
          decode.decode(blob[:end], "a/b.jpg", 4)
      self.assertRegex(str(caught.exception), r"^[^\n]*a/b\.jpg \(\d+ bytes")

  def test_flipped_bytes_end_in_pixels_or_one_line(self):
    rng = random.Random(0)
    decoded = refused = 0
    for name, blob in FILES.items():
      if name in ("tiff", "lzw"):  # They warn, and libtiff writes to stderr.
        continue
      for _ in range(40):
        damaged = bytearray(blob)
        damaged[rng.randrange(min(len(blob), 400))] ^= rng.randrange(1, 256)
        try:
          image, _ = decode.decode(bytes(damaged), "x", 4)
          self.assertEqual(image.shape, (4, 4, 3))
          decoded += 1
        except InputError as error:
          self.assertRegex(str(error), r"^(cannot decode )?x .*; expected .*$")
          refused += 1
    self.assertGreater(min(decoded, refused), 50)

  def test_reason_is_one_line(self):
    error = OSError("first\n  second")
    with (
      mock.patch.object(ImageFile.ImageFile, "load", side_effect=error),
      self.assertRaisesRegex(InputError, r"OSError: first second\);"),
    ):
      decode.decode(FILES["bmp"], "x", 4)

  def test_bomb_is_refused_before_its_pixels_are_decoded(self):
    jpeg = bytearray(FILES["progressive"])
    start = jpeg.index(b"\xff\xc2") + 5
    jpeg[start : start + 4] = struct.pack(">HH", 12000, 12000)
    with warnings.catch_warnings(record=True) as caught:
      warnings.simplefilter("always")
      for blob, size in (
        (claiming(2**14, 2**13 + 1), "16384 x 8193"),
        (claiming(2**30, 2**30), "1073741824 x 1073741824"),
        (bytes(jpeg), "12000 x 12000"),
      ):
        with (
          mock.patch.object(ImageFile.ImageFile, "load") as load,
          self.assertRaisesRegex(
            InputError, f"^x claims {size} pixels; expected at most 134217"
          ),
        ):
          decode.decode(blob, "x", 4)
        load.assert_not_called()
    self.assertEmpty(caught)

  def test_text_of_a_png_may_not_explode(self):
    info = PngImagePlugin.PngInfo()
    info.add_text("key", "a" * 2**21, zip=True)
    with self.assertRaisesRegex(InputError, "^cannot decode x .*Decompressed"):
      decode.decode(file(picture(), "PNG", pnginfo=info), "x", 4)


class WorkerTest(absltest.TestCase):
  def test_no_warning_and_no_global_change(self):
    # EXIF whose maker's name lies outside, and no resolution before it.
    blob = bytearray(FILES["jpeg"])
    blob[blob.index(b"JFIF") + 7] = 0
    start = blob.index(b"Exif") + 6
    entry = blob.index(struct.pack(">HH", 0x010F, 2), start)
    blob[entry + 8 : entry + 12] = b"\x7f\xff\xff\xff"
    clear = bytes([0] * 256)
    palette = file(
      Image.fromarray(picture()).convert("P"), "PNG", transparency=clear
    )
    with warnings.catch_warnings(record=True) as caught:
      warnings.simplefilter("always")
      Image.open(io.BytesIO(blob)).getexif()
      self.assertLen(caught, 1)  # So it does warn elsewhere.
      caught.clear()
      before = list(warnings.filters), Image.MAX_IMAGE_PIXELS
      _, aspect = decode.decode(bytes(blob), "x", 4)
      self.assertEqual(colour(palette), [255] * 3)
      self.assertEqual((list(warnings.filters), Image.MAX_IMAGE_PIXELS), before)
    self.assertEqual(aspect, 40 / 60)
    self.assertEmpty(caught)

  def test_threads_and_processes(self):
    names, blobs = zip(*FILES.items())
    sizes = [24] * len(blobs)
    expected = [decode.decode(blob, "x", 24)[0] for blob in blobs]
    spawn = multiprocessing.get_context("spawn")
    for pool in (
      futures.ThreadPoolExecutor(4),
      futures.ProcessPoolExecutor(1, mp_context=spawn),
    ):
      with pool:
        for (image, _), right in zip(
          pool.map(decode.decode, blobs * 4, names * 4, sizes * 4),
          expected * 4,
        ):
          np.testing.assert_array_equal(image, right)

  def test_a_worker_needs_no_jax(self):
    code = "import sys, fsr_jax.data.decode; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
  absltest.main()
