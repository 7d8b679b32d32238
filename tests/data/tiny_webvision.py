"""A small WebVision in the layout of its official archives."""

import pathlib

import numpy as np
from PIL import Image

# WordNet's names of the first classes of ImageNet.
SYNSETS = (
  ("n01440764", "tench, Tinca tinca"),
  ("n01443537", "goldfish, Carassius auratus"),
  ("n01484850", "great white shark, white shark"),
)


def level(label: int) -> int:
  """Brightness of a class."""
  return 20 + 60 * label


def picture(path: pathlib.Path, label: int, rng: np.random.Generator) -> None:
  """Writes a JPEG of 20 to 60 pixels a side."""
  path.parent.mkdir(parents=True, exist_ok=True)
  size = tuple(int(x) for x in rng.integers(20, 60, 2))
  Image.new("RGB", size, (level(label),) * 3).save(path)


def write(root: pathlib.Path, count: int = 6, tested: int = 2) -> pathlib.Path:
  """info/, google/, flickr/ and val_images_256/ below `root`, which it returns.

  Args:
    root: folder.
    count: images a class in google/; half as many in flickr/.
    tested: images a class in val_images_256/.
  """
  rng = np.random.default_rng(0)
  info = root / "info"
  info.mkdir(parents=True)
  (info / "synsets.txt").write_text(
    "".join(f"{name} {words}\n" for name, words in SYNSETS)
  )
  lists = {}
  for part, each in (("google", count), ("flickr", count // 2)):
    lists[part] = [
      (f"{part}/q{c + 1:04d}/{part[0]}{c}_{i}.jpg", c)
      for c in range(len(SYNSETS))
      for i in range(each)
    ]
  lists["all"] = lists["google"] + lists["flickr"]
  numbered = enumerate(
    [c for c in range(len(SYNSETS)) for _ in range(tested)], start=1
  )
  validation = [(f"val{i:06d}.jpg", c) for i, c in numbered]
  for part, rows in lists.items():
    (info / f"train_filelist_{part}.txt").write_text(_text(rows))
  (info / "val_filelist.txt").write_text(_text(validation))
  for path, c in lists["all"]:
    picture(root / path, c, rng)
  for path, c in validation:
    picture(root / "val_images_256" / path, c, rng)
  return root


def _text(rows) -> str:
  return "".join(f"{path} {c}\n" for path, c in rows)
