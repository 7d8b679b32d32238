"""Finished runs by hand, and one that is trained, for the tests of the page."""

import functools
import json
import pathlib
import tempfile

import numpy as np
from PIL import Image

from fsr_jax.run import page
from fsr_jax.run.account import carry_out
from fsr_jax.run.loop import Run
from fsr_jax.run.page.finished import Finished, Samples
from fsr_jax.run.use.description import Description
from fsr_jax.run.watch.screen import Screen
from tests import shrunk

# What would run in a browser or a spreadsheet, or end a script.
EVIL = "<script>alert(1)</script>"
CLASSES = (EVIL, "=cow()", "ä dog")


def samples(given, suggested, score, **fields) -> Samples:
  """Samples of these labels, the worst first; weights are 1."""
  size = len(given)
  values = {
    "index": np.arange(size),
    "id": None,
    "weight": np.ones(size),
    "trusted": None,
    "clean": None,
    "filepath": None,
    **{name: np.asarray(values) for name, values in fields.items()},
  }
  score = np.array(score, float)
  return Samples(
    given=np.array(given),
    suggested=np.array(suggested),
    score=score,
    issue=score < 0.5,
    **values,
  )


def finished(
  found: Samples | None = None,
  classes=("cat", "dog", "owl"),
  summary=None,
  config=None,
  epochs=(),
  counts=None,
  **fields,
) -> Finished:
  """A run whose files say this."""
  size = len(classes)
  network = Description(
    class_names=tuple(classes),
    class_counts=tuple(counts or (10,) * size),
    image_shape=(4,),
    resize=0,
    network="mlp",
    meta_blocks=0,
    compute_dtype="float32",
  )
  values = {"tested": None, "transition": None, **fields}
  return Finished(
    path=pathlib.Path("/runs/mine"),
    ended=0.0,
    summary={"method": "fsr", **(summary or {})},
    config={
      "method": "fsr",
      "num_epochs": 60,
      "warmup_epochs": 10,
      "data": {"dataset": "digits"},
      **(config or {}),
    },
    network=network,
    epochs=list(epochs),
    samples=found,
    **values,
  )


def pictures(root: pathlib.Path) -> pathlib.Path:
  """A folder of pictures by class, of which some have the wrong label."""
  rng = np.random.default_rng(0)
  for c in range(len(CLASSES)):
    for i in range(24):
      pixels = rng.integers(0, 100, (9, 12, 3))
      pixels[..., (c + (i < 3)) % 3] += 150
      # A name of a folder cannot have a slash.
      path = root / "train" / f"{c}" / f"=i{i}.png"
      path.parent.mkdir(parents=True, exist_ok=True)
      Image.fromarray(pixels.astype(np.uint8)).save(path)
  lines = [
    json.dumps(
      {"path": f"train/{c}/=i{i}.png", "label": CLASSES[c], "id": f"=i{c},{i}"}
    )
    for c in range(len(CLASSES))
    for i in range(24)
  ]
  (root / "list.jsonl").write_text("\n".join(lines))
  return root / "list.jsonl"


def config(path: pathlib.Path, **fields):
  """Of a run on `pictures`."""
  return shrunk.config(
    **{
      "network": "mlp",
      "batch_size": 12,
      "num_epochs": 4,
      "data__dataset": "manifest",
      "data__path": str(path),
      "data__image_size": 8,
      "data__max_examples": 0,
      "data__noise": "none",
      "data__noise_ratio": 0.0,
      "data__test_share": 0.0,
      "report": True,
      **fields,
    }
  )


@functools.cache
def trained() -> tuple[pathlib.Path, pathlib.Path, tuple[str, ...]]:
  """(workdir, list of its pictures, lines that it said), once a process."""
  root = pathlib.Path(tempfile.mkdtemp())
  path = pictures(root)
  lines: list[str] = []

  def noted(line: str) -> str:
    lines.append(line)
    return line

  say = Screen(noted)
  run = Run(config(path), str(root / "run"), say=say)
  assert carry_out(run, say=say) is not None
  assert (root / "run" / page.NAME).exists()
  return root / "run", path, tuple(lines)
