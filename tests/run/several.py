"""What test_processes.py runs in each of two processes; not a test."""

import json
import pathlib
import sys

import jax
import numpy as np

from fsr_jax import processes
from fsr_jax.data.images.reader import Encoded
from fsr_jax.errors import InputError
from fsr_jax.processes import cluster, ending
from fsr_jax.run import commands
from fsr_jax.run.loop import Run
from tests import shrunk
from tests.train.test_feeder import FIELDS

# Two processes of two devices each.
PROCESSES, DEVICES = 2, 2
DIGITS = {
  "num_devices": 0,
  "data__max_examples": 400,
  "num_epochs": 3,
  "network": "tiny",
  "shard_tables": True,
}
PICTURES = {
  **FIELDS,
  "num_devices": 0,
  "method": "fsr_exact",
  "data__min_crop_area": 0.3,
  "eval_batch_size": 8,
}
# data.resident_gb: pictures are read as they are needed, or all at first.
BOUNDS = {"read": 0.0, "resident": 1.0}
FROZEN = {
  **FIELDS,
  "num_devices": 0,
  "frozen_backbone": True,
  "network": "tiny",
  "feature_network": "mlp",
  "data__flip": False,
}
# What no sum may change.
BITS = np.array([0.0, -0.0, np.nan, np.inf, 1e-45], np.float32)


def digits():
  return shrunk.config(**DIGITS)


def pictures(root: pathlib.Path, name: str):
  return shrunk.config(
    data__path=str(root / "pictures"),
    data__resident_gb=BOUNDS[name],
    **PICTURES,
  )


def frozen(root: pathlib.Path):
  return shrunk.config(
    data__path=str(root / "pictures"),
    pretrained=str(root / "weights.safetensors"),
    **FROZEN,
  )


def _agreements() -> dict:
  """What every process finds out; `test_processes` knows what it should be."""
  who = processes.index()
  tree = {"a": BITS * (who == 0), "b": np.full((2, 3), 7 - who, np.int64)}
  tree = processes.arrays_from_first(tree)
  found = {
    "count": processes.count(),
    "bits": tree["a"].view(np.int32).tolist(),
    "b": tree["b"].tolist(),
    "first": processes.from_first(lambda: [who, None, "ä"]),
    "each": processes.from_each(who),
    "rows": processes.rows_of_all(np.array([[who, 1.5]])).tolist(),
    "share": list(range(6))[processes.share(6)],
  }

  def fails():
    raise InputError(f"of process {who}")

  for name, ask in (
    ("error", lambda: processes.from_first(fails)),
    ("alike", lambda: processes.check_alike("x", {"a": 1, "b": who})),
  ):
    try:
      ask()
    except InputError as error:
      found[name] = str(error)
  return found


def main(
  address: str, process_id: int, root: pathlib.Path, names: set[str]
) -> None:
  cluster.connect(address, PROCESSES, process_id)
  own = root / f"process{process_id}"
  said = {"agreements": _agreements(), "devices": len(jax.devices())}
  read: list[str] = []
  one = Encoded.one

  def counted(self, i):
    read.append(self.blobs[int(self.position[i])][1])
    return one(self, i)

  Encoded.one = counted  # type: ignore[method-assign]
  with ending.of_all(), shrunk.with_tiny_batch_norm():
    if "digits" in names:  # One workdir for both, as on a shared disk.
      commands.train(digits(), str(root / "digits"), stop_after_epochs=2)
    for name in sorted(names & BOUNDS.keys()):  # One for each.
      read.clear()
      summary = commands.train(pictures(root, name), str(own / name))
      said[name] = {"read": list(read), "summary": summary}
    if "frozen" in names:
      read.clear()
      run = Run(frozen(root), str(own / "frozen"))
      said["frozen"] = {
        "read": list(read),
        "features": np.asarray(run.data.train.image).tolist(),
        "summary": run.train(),
      }
  own.mkdir(exist_ok=True)
  (own / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
  main(
    sys.argv[1],
    int(sys.argv[2]),
    pathlib.Path(sys.argv[3]),
    set(sys.argv[4:]),
  )
