"""Image files of every kind that several tests share."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from fsr_jax.data.images import decode

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
