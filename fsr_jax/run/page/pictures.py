"""Small pictures of training examples, inside the page."""

import base64
import concurrent.futures
import io
import os

import numpy as np
from PIL import Image

from fsr_jax.data.dataset import Split
from fsr_jax.data.images.reader import Encoded, Files, centred
from fsr_jax.errors import InputError

# Longer side of a picture, pixels.
_SIDE = 96
# Pictures up to this size are kept exactly; they take less than a JPEG's head.
_TINY = 16
_QUALITY = 75
# Bytes of all pictures of a page, as text.
_BUDGET = 3_300_000
# At a time: between them it is asked whether the budget is used up.
_AT_ONCE = 64


def drawable(split: Split) -> Split | None:
  """The split if its examples can be shown as pictures, else None.

  Vectors are shown as the pictures that they were made of, where it is known
  which and they are still there.
  """
  if len(split.image.shape) == 4:
    return split
  paths = split.filepath
  if paths is None or not all(map(os.path.exists, paths[:1].tolist())):
    return None
  images = centred(Files(paths), _SIDE, _SIDE)
  return Split(images, split.label)


def thumbnails(split: Split, index: np.ndarray) -> dict[int, str]:
  """Pictures as addresses that an <img> shows without any file.

  Args:
    split: from `drawable`.
    index: int [M] of examples, the most important first.

  Returns:
    {index: "data:image/webp;base64,..."}, without those that cannot be read
    and those for which there is no room.
  """
  found: dict[int, str] = {}
  size = 0
  wanted = list(dict.fromkeys(index.tolist()))
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for start in range(0, len(wanted), _AT_ONCE):
      some = wanted[start : start + _AT_ONCE]
      for i, text in zip(some, pool.map(lambda i: _thumbnail(split, i), some)):
        if text is not None and size + len(text) <= _BUDGET:
          found[i] = text
          size += len(text)
      if size > _BUDGET - _SIDE**2:
        break
  return found


def _thumbnail(split: Split, i: int) -> str | None:
  """None where the file cannot be read."""
  try:
    if isinstance(split.image, Encoded):
      pixels, aspect = split.image.one(i)
    else:
      pixels = split.image[i]
      aspect = 1.0 if split.aspect is None else float(split.aspect[i])
  except InputError:
    return None
  return address(pixels, aspect)


def address(pixels: np.ndarray, aspect: float = 1.0) -> str:
  """A picture as text.

  Args:
    pixels: uint8 [H, W, channels]; of other channels than 1, 3 or 4 the mean
      is shown.
    aspect: width / height of the picture over that of `pixels`.

  Returns:
    "data:image/webp;base64,...".
  """
  if pixels.shape[2] not in (1, 3, 4):
    pixels = pixels.mean(2, keepdims=True).astype(np.uint8)
  image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
  width, height = image.width * max(aspect, 1), image.height / min(aspect, 1)
  scale = min(1.0, _SIDE / max(width, height))
  wanted = (max(1, round(width * scale)), max(1, round(height * scale)))
  if wanted != image.size:
    image = image.resize(wanted, Image.Resampling.LANCZOS)
  blob = io.BytesIO()
  exact = max(image.size) <= _TINY
  image.save(blob, "WEBP", lossless=exact, quality=_QUALITY)
  return "data:image/webp;base64," + base64.b64encode(blob.getvalue()).decode()
