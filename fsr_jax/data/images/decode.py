"""Bytes of an image file to uint8 RGB pixels, upright.

The content decides, never a file's name (`formats`).
Of several frames or pages the first counts. Transparency shows white, as a web
page would. ICC profiles are ignored: numbers are taken as sRGB.

No function here keeps or sets anything global: any number of threads
and worker processes may decode at the same time.
"""

import struct

import numpy as np
from PIL import Image
from PIL.PpmImagePlugin import PpmImageFile

from fsr_jax.data.images import formats
from fsr_jax.errors import InputError, check

# 100-megapixel cameras pass; Pillow needs 4 bytes a pixel, here 1/2 GiB, and
# a few hundred kB can claim more.
MAX_PIXELS = 2**27

# A large JPEG is decoded at 1/2, 1/4 or 1/8 of its scale while both sides stay
# this many times the wanted size. Measured against a full decode, photographs
# tiled to 1.2-12 megapixels and brought to 224: 2 differs by 0.6-1.0 levels
# (RMS) in 0.4-0.55 of the time; 1 by 1.4-3.5 levels, 10-30 % faster still.
_OVERSAMPLING = 2


# TIFF 6.0 and EXIF 2.32.
_BITS_PER_SAMPLE, _ORIENTATION = 0x0102, 0x0112

# EXIF orientation -> what turns the stored picture upright. From 5 on,
# width and height change places.
_UPRIGHT = {
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}


def decode(blob: bytes, where: str, size: int) -> tuple[np.ndarray, float]:
  """The whole picture squeezed to a square, for crops taken later.

  Args:
    blob: content of the file.
    where: names the file in messages.
    size: pixels, side of the square.

  Returns:
    (image, aspect): uint8 [size, size, 3] RGB, read-only, by a bilinear filter
    as wide as the reduction (Pillow's and torchvision's antialiasing); width /
    height of the upright picture before the squeeze.

  Raises:
    InputError: not a whole image of a known kind, or above MAX_PIXELS.
  """
  image, (width, height), orientation = _read(blob, where, size)
  image = _resize(image, size, (0, 0, width, height))
  aspect = width / height if orientation < 5 else height / width
  return _upright(image, orientation), aspect


def decode_centre(
  blob: bytes, where: str, size: int, resize: int
) -> np.ndarray:
  """The central square: shorter side to `resize`, crop of `size`.

  One resampling, centred exactly: no rounding of the longer side or of the
  crop's corner to whole pixels.

  Args:
    blob, where, Raises: as in `decode`.
    size: pixels, side of the crop, <= resize.
    resize: pixels, shorter side of the whole picture.

  Returns:
    uint8 [size, size, 3] RGB, read-only.
  """
  image, (width, height), orientation = _read(blob, where, resize)
  side = min(width, height) * size / resize
  left, top = (width - side) / 2, (height - side) / 2
  box = (left, top, left + side, top + side)
  return _upright(_resize(image, size, box), orientation)


def _read(
  blob: bytes, where: str, wanted: int
) -> tuple[Image.Image, tuple[float, float], int]:
  """Decodes the first frame, a large JPEG at a reduced scale.

  Args:
    blob, where: as in `decode`.
    wanted: pixels that the shorter side will be brought to.

  Returns:
    (image of mode L or RGB as stored, perhaps at a reduced scale; its width
    and height, perhaps not whole after a reduction; EXIF orientation 1-8).
  """
  try:
    image = formats.opened(blob, where)
    width, height = image.size
    check(
      width * height <= MAX_PIXELS,
      f"{where} claims {width} x {height} pixels; expected at most"
      f" {MAX_PIXELS}",
    )
    least = _OVERSAMPLING * wanted
    reduced = image.draft(None, (least, least))
    extent = reduced[1][2:] if reduced else (width, height)
    image.load()
    # After `load`: a PNG may hold its EXIF behind the pixels.
    orientation = _orientation(image.info.get("exif", b""))
    return _plain(image, where), extent, orientation
  except InputError:
    raise
  # Pillow raises many types for damaged files.
  except Exception as error:
    raise formats.unreadable(blob, where, error) from error


def _plain(image: Image.Image, where: str) -> Image.Image:
  """`image` in mode L or RGB, 8 bits, over white where it is transparent."""
  if image.mode.startswith("I;16"):
    # The upper 8 of 16 bits, as Pillow does for colours; of 12 in some TIFF.
    (bits,) = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))
    return Image.fromarray((np.asarray(image) >> bits - 8).astype(np.uint8))
  if image.mode == "I" and isinstance(image, PpmImageFile):
    # Brought to 0-65535 by its reader, whatever its largest value.
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
  if image.has_transparency_data:
    image = image.convert("RGBA")
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image)
    return page
  if image.mode in ("L", "RGB"):
    return image
  check(
    image.mode in ("1", "P", "CMYK", "YCbCr", "RGBX"),
    f"{where} has pixels of Pillow's mode {image.mode}; expected grey, RGB or"
    " CMYK of 8 or 16 bits",
  )
  return image.convert("RGB")


def _orientation(exif: bytes) -> int:
  """EXIF orientation 1-8; 1 where there is none or the EXIF is damaged.

  Pillow's own reader warns of every damaged tag.
  """
  tiff = exif.removeprefix(b"Exif\0\0")
  order = ">" if tiff.startswith(b"MM") else "<"
  try:
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, start)
    for i in range(count):
      entry = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * i)
      if entry[0] == _ORIENTATION:
        return entry[3] if entry[3] in _UPRIGHT else 1
  except struct.error:
    pass
  return 1


def _resize(image: Image.Image, size: int, box: tuple) -> Image.Image:
  return image.resize((size, size), Image.Resampling.BILINEAR, box=box)


def _upright(image: Image.Image, orientation: int) -> np.ndarray:
  """uint8 [size, size, 3] of a square that may lie on its side."""
  if orientation in _UPRIGHT:
    image = image.transpose(_UPRIGHT[orientation])
  # Pillow's `convert` copies even where nothing is to be done.
  return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
