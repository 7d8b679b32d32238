"""Which files are called as pictures are that can be read."""

import functools

from PIL import Image

from fsr_jax.data.images import decode

# JPEG files with a second picture for the other eye.
_TWO_EYES = "MPO"


@functools.cache
def suffixes() -> frozenset[str]:
  """Suffixes of the files that are read, in lower case: ".jpg", ..."""
  read = {_TWO_EYES, *(name for name, _ in decode.plugins())}
  known = Image.registered_extensions().items()
  return frozenset(suffix.lower() for suffix, name in known if name in read)
