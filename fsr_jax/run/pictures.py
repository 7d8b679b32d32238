"""The pictures whose labels look most wrong, as one picture."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fsr_jax.data.dataset import Data, Split
from fsr_jax.errors import InputError
from fsr_jax.label_issues import LabelIssues
from fsr_jax.reweighting import ReweightingOptions, ReweightingState
from fsr_jax.run.issues import label_issues
from fsr_jax.run.watch.opening import shown

# In TensorBoard.
NAME = "labels/worst"
# Pictures at most, and in a row.
_MOST, _COLUMNS = 32, 8
# Pixels: the side of a picture, the text below it, the space around both.
_SIDE, _TEXT, _SPACE = 128, 34, 4
_FONT = 12


def worst(
  reweighting: ReweightingState,
  data: Data,
  pictures: Split,
  options: ReweightingOptions,
) -> np.ndarray | None:
  """A sheet of the labels that look most wrong, the worst first.

  Args:
    reweighting: of the train state, numpy arrays.
    data: Data that is trained on.
    pictures: its training part as it was loaded: before a frozen backbone made
      vectors of it.
    options: of the reweighter.

  Returns:
    uint8 [H, W, 3], below each picture "given label -> suggested label" and
    its label_score; None for vectors, where predictions are not kept and where
    no label looks wrong.
  """
  if len(pictures.image.shape) != 4:
    return None
  found = label_issues(reweighting, data, options)
  return found and sheet(found[0], pictures)


def sheet(issues: LabelIssues | None, pictures: Split) -> np.ndarray | None:
  """The same of a table of the labels of `pictures`, None where there is none.

  A picture that cannot be read any more is no reason to fail: None.
  """
  vectors = len(pictures.image.shape) != 4
  if issues is None or vectors or not issues.num_issues:
    return None
  try:
    return _drawn(issues, pictures)
  except InputError:
    return None


def _drawn(issues: LabelIssues, pictures: Split) -> np.ndarray:
  count = min(_MOST, issues.num_issues)
  images = np.asarray(pictures.take(issues["index"][:count]).decoded().image)
  columns = min(count, _COLUMNS)
  width, height = _SIDE + _SPACE, _SIDE + _TEXT + _SPACE
  size = columns * width + _SPACE, -(-count // columns) * height + _SPACE
  page = Image.new("RGB", size, "white")
  draw, font = ImageDraw.Draw(page), ImageFont.load_default(_FONT)
  for i, image in enumerate(images):
    row, column = divmod(i, columns)
    x, y = _SPACE + column * width, _SPACE + row * height
    page.paste(_square(image), (x, y))
    given, said = issues["given_label"][i], issues["predicted_label"][i]
    score = f"{issues['label_score'][i]:.2f}"
    lines = (
      _fit(draw, font, f"{shown(given)}"),
      _fit(draw, font, f"-> {shown(said)} ({score})"),
    )
    draw.multiline_text((x, y + _SIDE + 2), "\n".join(lines), "black", font)
  return np.asarray(page)


def _square(image: np.ndarray) -> Image.Image:
  """uint8 [H, W, channels] as a square; small ones keep their pixels."""
  picture = Image.fromarray(
    image[..., :3] if image.shape[2] > 2 else image[..., 0]
  )
  small = max(picture.size) < _SIDE
  how = Image.Resampling.NEAREST if small else Image.Resampling.BILINEAR
  scale = _SIDE / max(picture.size)
  width, height = (max(1, round(n * scale)) for n in picture.size)
  square = Image.new("RGB", (_SIDE, _SIDE), "lightgray")
  where = (_SIDE - width) // 2, (_SIDE - height) // 2
  square.paste(picture.convert("RGB").resize((width, height), how), where)
  return square


def _fit(draw, font, text: str) -> str:
  """As much of a text as stands below a picture; the middle is left out."""
  short = text
  for kept in range(len(text) - 1, 0, -1):
    if draw.textlength(short, font) <= _SIDE:
      break
    short = text[: kept - kept // 2] + "..." + text[len(text) - kept // 2 :]
  return short
