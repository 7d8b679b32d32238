"""Damaged image files to one line, and nothing global."""

from concurrent import futures
import io
import multiprocessing
import random
import struct
import subprocess
import sys
from unittest import mock
import warnings

from absl.testing import absltest, parameterized
import numpy as np
from PIL import Image, ImageFile, PngImagePlugin

from fsr_jax.data.images import decode
from fsr_jax.errors import InputError
from tests.data.images.pictures import (
  FILES,
  claiming,
  colour,
  file,
  picture,
)


class DamageTest(parameterized.TestCase):
  @parameterized.parameters(
    (
      b"",
      r"^x \(0 bytes\) is not an image; expected a whole JPEG, PNG, GIF,"
      r" WebP, BMP or TIFF file, or another image that Pillow reads$",
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
    code = (
      "import sys, fsr_jax.data.images.decode; sys.exit('jax' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
  absltest.main()
