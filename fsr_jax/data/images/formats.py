"""Which files are pictures that can be read, and what opens them.

All that Pillow reads by itself, and HEIC where pillow_heif is installed.
"""

import functools
import io

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from fsr_jax.errors import InputError

# Known to Pillow by name only (stubs, videos), or by starting another program.
_NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
# What Pillow makes of a JPEG file with a second picture for the other eye.
_JPEG, _TWO_EYES = "JPEG", "MPO"
_EXPECTED = (
  "expected a whole JPEG, PNG, GIF, WebP, BMP or TIFF file, or of another kind"
  " that Pillow reads"
)


class _Jpeg(JpegImageFile):
  """JPEG whose EXIF is not searched for a resolution: slow, warns of others."""

  def _read_dpi_from_exif(self):
    pass


@functools.cache
def _formats() -> tuple[str, ...]:
  """Pillow's names of the formats, in the order in which they are tried."""
  try:
    # Imported here: nobody needs to have it.
    import pillow_heif

    pillow_heif.register_heif_opener()
  except ImportError:
    pass
  Image.init()
  read = [name for name in Image.ID if name not in _NOT_READ]
  # The commonest, then those told by their first bytes, then the rest.
  return tuple(
    sorted(read, key=lambda n: (n != _JPEG, Image.OPEN[n][1] is None))
  )


@functools.cache
def suffixes() -> frozenset[str]:
  """Suffixes of the files that are read, in lower case: ".jpg", ..."""
  read = {*_formats(), _TWO_EYES}
  known = Image.registered_extensions().items()
  return frozenset(suffix.lower() for suffix, name in known if name in read)


def opened(blob: bytes, where: str) -> ImageFile:
  """A picture whose header is read; its content decides, never its name.

  Not `Image.open`: it warns of large images, which only global state can
  silence, and some of its readers start other programs.

  Args:
    blob: content of the file.
    where: names the file in messages.

  Raises:
    InputError: none of the known kinds, or a damaged header.
  """
  damaged, start = None, blob[:16].ljust(16, b"\0")
  for name in _formats():
    factory, accept = Image.OPEN[name]
    if name == _JPEG:
      factory = _Jpeg
    # What `accept` returns beside True is why a reader does not work here.
    if accept is not None and accept(start) is not True:
      continue
    try:
      return factory(io.BytesIO(blob), "")
    # Readers raise many types for what is none of their files.
    except Exception as error:
      if accept is not None:
        damaged = damaged or unreadable(blob, where, error)
  raise damaged or InputError(
    f"{where} ({len(blob)} bytes) is not an image; {_EXPECTED}"
  )


def unreadable(blob: bytes, where: str, error: Exception) -> InputError:
  """What is said of a damaged picture.

  Args:
    blob, where: as in `opened`.
    error: what its reader says.
  """
  reason = " ".join(str(error).split())[:200]
  return InputError(
    f"cannot decode {where} ({len(blob)} bytes; {type(error).__name__}:"
    f" {reason}); {_EXPECTED}"
  )
