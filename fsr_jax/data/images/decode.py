"""Bytes of an image file to uint8 RGB pixels, upright.

JPEG, PNG, GIF, WebP, BMP, TIFF, and what else Pillow and its plugins know by
the first bytes (JPEG 2000, AVIF, PPM, HEIC with pillow-heif, ...); the name
counts only where a kind has no such bytes (TGA). Of several frames the
first counts. Transparency shows white, as a web page would. ICC profiles are
ignored: numbers are taken as sRGB.

No function here keeps or sets anything global but Pillow's list of plugins: any
number of threads and worker processes may decode at the same time.
"""

from collections.abc import Callable, Iterator
import contextlib
import functools
import io
import pathlib
import struct

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from fsr_jax.errors import InputError, check, typed_reason

# 100-megapixel cameras pass; Pillow needs 4 bytes a pixel, here 1/2 GiB, and
# a few hundred kB can claim more.
MAX_PIXELS = 2**27
# Of a picture in a file: 8 bytes of each pixel, more than any format needs.
MAX_BYTES = 8 * MAX_PIXELS

# A large JPEG is decoded at 1/2, 1/4 or 1/8 of its scale while both sides stay
# this many times the wanted size. Measured against a full decode, photographs
# tiled to 1.2-12 megapixels and brought to 224: 2 differs by 0.6-1.0 levels
# (RMS) in 0.4-0.55 of the time; 1 by 1.4-3.5 levels, 10-30 % faster still.
_OVERSAMPLING = 2


class _Jpeg(JpegImageFile):
  """JPEG whose EXIF is not searched for a resolution: slow, warns of others."""

  def _read_dpi_from_exif(self):
    pass


# First bytes -> reader. Not `Image.open`: it warns of large images, which only
# global state can silence, and its other readers may start other programs.
_READERS: dict[bytes, Callable[[io.BytesIO], ImageFile]] = {
  b"\xff\xd8\xff": _Jpeg,
  b"\x89PNG\r\n\x1a\n": PngImageFile,
  b"GIF8": GifImageFile,
  b"RIFF": WebPImageFile,
  b"BM": BmpImageFile,
  b"II*\0": TiffImageFile,
  b"MM\0*": TiffImageFile,
}
_EXPECTED = (
  "expected a whole JPEG, PNG, GIF, WebP, BMP or TIFF file, or another image"
  " that Pillow reads"
)
# Known to Pillow by name only, or read by starting another program (EPS).
_NEVER = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF")
# Bytes 4 to 12 of the pictures of phones.
_HEIC = tuple(b"ftyp" + kind for kind in (b"heic", b"heix", b"mif1", b"hevc"))

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


def size_of(blob: bytes, where: str) -> tuple[int, int]:
  """Width and height in pixels as the head of the file claims; cheap.

  Args and Raises: as in `decode`, but the pixels may be damaged.
  """
  with _explained(blob, where):
    return _opened(blob, where).size


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
  with _explained(blob, where):
    image = _opened(blob, where)
    least = _OVERSAMPLING * wanted
    reduced = image.draft(None, (least, least))
    extent = reduced[1][2:] if reduced else image.size
    image.load()
    # After `load`: a PNG may hold its EXIF behind the pixels.
    orientation = _orientation(image.info.get("exif", b""))
    return _plain(image, where), extent, orientation


@contextlib.contextmanager
def _explained(blob: bytes, where: str) -> Iterator[None]:
  """Makes what goes wrong while a picture is read an InputError."""
  try:
    yield
  except InputError:
    raise
  # Pillow raises many types for damaged files.
  except Exception as error:
    said = typed_reason(error, 200)
    raise InputError(
      f"cannot decode {where} ({len(blob)} bytes; {said}); {_EXPECTED}"
    ) from error


def _opened(blob: bytes, where: str) -> ImageFile:
  """The picture, of which the head alone is read."""
  reader = next(
    (r for first, r in _READERS.items() if blob.startswith(first)), None
  )
  image = reader(io.BytesIO(blob)) if reader else _of_plugins(blob, where)
  if image is None:
    heic = blob[4:12] in _HEIC
    raise InputError(
      f"{where} ({len(blob)} bytes) is not an image; {_EXPECTED}"
      + ("; it looks like HEIC: pip install pillow-heif" if heic else "")
    )
  width, height = image.size
  check(
    0 < width * height <= MAX_PIXELS,
    f"{where} claims {width} x {height} pixels; expected at most {MAX_PIXELS}",
  )
  return image


def _of_plugins(blob: bytes, where: str) -> ImageFile | None:
  """What the first plugin makes of a file whose first bytes it knows."""
  for name, (factory, accept) in plugins():
    # What Pillow takes for "not mine".
    with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
      if accept is None:  # Such files all begin in their own ways: TGA.
        suffix = pathlib.PurePath(where).suffix.lower()
        known = Image.EXTENSION.get(suffix) == name
      else:  # A text says why this build of Pillow cannot read it.
        known = accept(blob[:16]) is True
      if known:
        return factory(io.BytesIO(blob), "")
  return None


@functools.cache
def plugins() -> tuple[tuple[str, tuple[Callable, Callable | None]], ...]:
  """(name, (reader, whether it knows some first bytes)) of what is read."""
  with contextlib.suppress(ImportError):
    # Imported here, and where it is installed.
    import pillow_heif

    pillow_heif.register_heif_opener()
  Image.init()
  return tuple(p for p in Image.OPEN.items() if p[0] not in _NEVER)


def _plain(image: Image.Image, where: str) -> Image.Image:
  """`image` in mode L or RGB, 8 bits, over white where it is transparent."""
  if image.mode.startswith("I;16"):
    # The upper 8 of 16 bits, as Pillow does for colours; of 12 in some TIFF.
    (bits,) = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))
    return Image.fromarray((np.asarray(image) >> bits - 8).astype(np.uint8))
  if image.mode == "I" and image.format == "PPM":
    # Pillow's range of these is 16 bits, whatever the file's is.
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
