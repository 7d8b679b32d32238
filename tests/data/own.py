"""The user's own images: small sets that several tests share."""

import pathlib

from absl.testing import parameterized
from PIL import Image

from fsr_jax.data import sources
from tests import shrunk


def load(dataset, path, **fields):
  c = shrunk.config(
    data__dataset=dataset,
    data__path=str(path),
    data__noise="none",
    data__noise_ratio=0.0,
    data__max_examples=0,
    **{"data__image_size": 8, **fields},
  )
  return sources.load(c.data, 0)


def picture(path, level, mode="RGB", size=(12, 9)):
  """Writes an image of one brightness."""
  path.parent.mkdir(parents=True, exist_ok=True)
  image = Image.new("L", size, level)
  (image if mode == "L" else image.convert(mode)).save(path)


def tree(root, classes=("ä cat", "dog"), count=6, size=(12, 9)):
  """root/CLASS/i.png of brightness 100 * class + i."""
  for c, name in enumerate(classes):
    for i in range(count):
      picture(root / name / f"{i}.png", 100 * c + i, size=size)
  return root


def levels(split):
  """Brightness of the images, int [N]."""
  return split.decoded().image.mean((1, 2, 3)).round().astype(int)


class OwnDataTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
