"""data.json in the workdir: what the data of a run were, as digests.

Labels and ids of the training part are compared one by one (labels.npz). This
finds other images under the same labels, and another test part.
"""

from collections.abc import Iterable
import json
import pathlib
import zlib

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images.reader import Encoded
from fsr_jax.errors import InputError, check
from fsr_jax.files import MOST_JSON, read_file, replacing
from fsr_jax.train.evaluate import parts

_NAME = "data.json"
# Images of a split whose bytes are compared, spread evenly over it: another set
# differs in all of them, and reading more would take time.
_SAMPLE = 16


def write(workdir: pathlib.Path, data: Data) -> None:
  """Writes data.json, over one that is there."""
  with replacing(workdir / _NAME) as partial:
    partial.write_text(json.dumps(digests(data), indent=2) + "\n")


def check_same(
  workdir: pathlib.Path, data: Data, tests_too: bool, images_too: bool = True
) -> list[str]:
  """Refuses other images than those that a run was trained on.

  Args:
    workdir: of the run.
    data: as they are now.
    tests_too: whether another test (or validation) part is refused.
    images_too: whether other training images are refused.

  Returns:
    What is allowed and not the same, one line each.

  Raises:
    InputError: they are not those of the run, or data.json is damaged.
  """
  path = workdir / _NAME
  if not path.exists():
    return []
  before, now = _read(path), digests(data)
  images = [before.get("train", {}).get("images"), now["train"]["images"]]
  check(
    not images_too or None in images or images[0] == images[1],
    "the training images are not those that the run began with (compared with"
    f" {path}), although their labels are; to continue on others, move that"
    " file away",
  )
  notes = []
  for part in parts(data):
    differing = _differing(before.get(part, {}), now[part])
    if not differing:
      continue
    text = (
      f"the {part} part is not the one that the run had: other {differing}"
      f" (compared with {path})"
    )
    check(
      not tests_too,
      f"{text}; to evaluate on it all the same, say where it is by"
      " --config=FILE --config.data.path=PATH (or data.test_from, ...)",
    )
    notes.append(text)
  return notes


def _differing(before: dict, now: dict) -> str:
  """Names of what differs, "" where nothing does or nothing is known."""
  return ", ".join(
    what for what in now if what in before and before[what] != now[what]
  )


def digests(data: Data) -> dict[str, dict]:
  """What is compared of each part, as JSON has it."""
  splits = {"train": data.train, **parts(data)}
  return {name: _digests_of(split) for name, split in splits.items()}


def _digests_of(split: Split) -> dict[str, int | None]:
  return {
    "examples": len(split),
    "labels": _digest([split.label.astype("<i4").tobytes()]),
    "ids": None if split.id is None else _digest([_joined(split.id)]),
    "images": _digest(_sample(split.image)),
  }


def _joined(ids: np.ndarray) -> bytes:
  return "\n".join(ids.tolist()).encode("utf-8", "surrogateescape")


def _digest(pieces: Iterable[bytes]) -> int:
  """CRC-32 of all of them."""
  digest = 0
  for piece in pieces:
    digest = zlib.crc32(piece, digest)
  return digest


def _sample(images: np.ndarray | Encoded):
  """Yields the bytes of some images, as they are stored."""
  for i in np.linspace(0, len(images) - 1, _SAMPLE).astype(int):
    if not isinstance(images, Encoded):
      yield np.ascontiguousarray(images[i]).tobytes()
      continue
    try:
      yield images.blobs[int(images.position[i])][0]
    except InputError:
      yield b""  # Named by the run that reads it.


def _read(path: pathlib.Path) -> dict[str, dict]:
  advice = "; move it away to continue without comparing the data"
  try:
    found = json.loads(read_file(path, MOST_JSON))
  except InputError as error:
    raise InputError(f"{error}{advice}") from error
  except (ValueError, RecursionError) as error:
    raise InputError(f"cannot read {path} ({error}){advice}") from error
  check(
    isinstance(found, dict)
    and all(isinstance(part, dict) for part in found.values()),
    f"{path} is not the JSON of digests{advice}",
  )
  return found
