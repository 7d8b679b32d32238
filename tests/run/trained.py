"""One trained workdir whose training data are gone, for several tests."""

import functools
import pathlib
import shutil
import tempfile
from typing import NamedTuple

import numpy as np
from PIL import Image

from fsr_jax import models
from fsr_jax.run import commands
from tests import shrunk

# What a spreadsheet would run, what is no ASCII.
CLASSES = ("=cow()", "cat", "ä dog")


# A network that compiles fast and has batch norm.
NETWORK = "tests_tiny"
models.NETWORKS[NETWORK] = lambda: (shrunk.TinyBatchNorm(),)


class Trained(NamedTuple):
  """A run on pictures of 12 x 9 pixels, seen as 8 x 8.

  Attributes:
    workdir: of the run, which has batch norm.
    summary: of it.
    pictures: folder of its test part, CLASS/i.png; 4, 3 and 2 of the CLASSES.
  """

  workdir: pathlib.Path
  summary: dict
  pictures: pathlib.Path

  def copy(self, folder: str) -> str:
    """The workdir as it was, in a folder that may be changed."""
    return shutil.copytree(self.workdir, folder, dirs_exist_ok=True)


def picture(path: pathlib.Path, c: int, rng: np.random.Generator) -> None:
  """Noise, brightest in channel c."""
  path.parent.mkdir(parents=True, exist_ok=True)
  pixels = rng.integers(0, 150, (9, 12, 3))
  pixels[..., c] += 100
  Image.fromarray(pixels.astype(np.uint8)).save(path)


@functools.cache
def run() -> Trained:
  """Trains it, once a process."""
  root, rng = pathlib.Path(tempfile.mkdtemp()), np.random.default_rng(0)
  for c, name in enumerate(CLASSES):
    for i in range(12 - 4 * c):
      picture(root / "set" / "train" / name / f"{i}.png", c, rng)
    for i in range(4 - c):
      picture(root / "set" / "test" / name / f"{i}.png", c, rng)
  config = shrunk.config(
    method="plain",
    network=NETWORK,
    learning_rate=0.02,
    batch_size=8,
    data__dataset="folder",
    data__path=str(root / "set"),
    data__image_size=8,
    data__max_examples=0,
    data__noise="none",
    data__noise_ratio=0.0,
  )
  summary = commands.train(config, str(root / "run"))
  assert summary is not None
  (root / "set" / "test").rename(root / "pictures")
  shutil.rmtree(root / "set")
  return Trained(root / "run", summary, root / "pictures")
