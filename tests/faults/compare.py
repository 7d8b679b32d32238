"""Whether two workdirs hold the same run, bit by bit."""

import dataclasses
import json
import pathlib
import threading
import zlib

import numpy as np
from tensorboardX.proto import event_pb2

from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.watch.scalars import SCALARS, in_metrics, tag
from fsr_jax.train.state import TrainState

_SPEED = {"seconds_per_step", "examples_per_second"}
_SPEED_TAGS = {tag(name) for name in SCALARS if not in_metrics(name)}
# Orbax keeps an event loop.
_ONE = threading.Lock()


def arrays(workdir: pathlib.Path) -> dict[str, int]:
  """Name -> CRC-32 of dtype, shape and bytes, of the newest checkpoint."""
  fields = [field.name for field in dataclasses.fields(TrainState)]
  with _ONE:
    found = Checkpoints(workdir / "checkpoints").read(*fields)
  return {
    name: zlib.crc32(f"{x.dtype}{x.shape}".encode() + np.asarray(x).tobytes())
    for name, x in found.items()
  }


def events(workdir: pathlib.Path) -> dict[tuple[int, str], bytes]:
  """(step, tag) -> number, as TensorBoard shows them: without what a later
  file takes back, and without the end of a file that was cut off.

  Pictures are drawn as often as time allows, in no two runs alike.
  """
  found: dict[tuple[int, str], bytes] = {}
  for path in sorted(workdir.glob("events.out.tfevents.*")):
    blob, at = path.read_bytes(), 0
    while at + 12 <= len(blob):
      length = int.from_bytes(blob[at : at + 8], "little")
      if at + 16 + length > len(blob):
        break
      event = event_pb2.Event.FromString(blob[at + 12 : at + 12 + length])
      at += 16 + length
      if event.HasField("session_log"):
        found = {key: x for key, x in found.items() if key[0] < event.step}
      for value in event.summary.value:
        if value.HasField("simple_value") and value.tag not in _SPEED_TAGS:
          found[event.step, value.tag] = value.SerializeToString()
  return found


def files(workdir: pathlib.Path) -> dict[str, bytes]:
  """Name -> content, without checkpoints, events and how fast it was."""
  found = {
    path.name: path.read_bytes()
    for path in workdir.iterdir()
    if path.is_file() and not path.name.startswith("events.")
  }
  if "summary.json" in found:
    summary = json.loads(found["summary.json"])
    kept = {key: x for key, x in summary.items() if key not in _SPEED}
    found["summary.json"] = json.dumps(kept).encode()
  if "report.html" in found:
    found["report.html"] = b""
  return found


def left_behind(folder: pathlib.Path) -> list[str]:
  """Unfinished files and checkpoints below a folder."""
  return [
    str(path.relative_to(folder))
    for path in folder.rglob("*")
    if path.name.endswith(".part") or "checkpoint-tmp" in path.name
  ]


def differences(
  workdir: pathlib.Path, reference: pathlib.Path
) -> dict[str, str]:
  """What is not as in the workdir of the run that nothing disturbed.

  Returns:
    Name of a file -> a few words.
  """
  found = {path: "left behind" for path in left_behind(workdir)}
  ours, theirs = files(workdir), files(reference)
  for name in sorted(ours.keys() | theirs.keys()):
    if name not in ours:
      found[name] = f"{name} is missing"
    elif name not in theirs:
      found.setdefault(name, f"{name} is new")
    elif ours[name] != theirs[name]:
      found[name] = f"{name} differs{_where(ours[name], theirs[name])}"
  a, b = arrays(workdir), arrays(reference)
  if a != b:
    names = [name for name in a.keys() | b.keys() if a.get(name) != b.get(name)]
    found["checkpoints"] = f"checkpoint differs in {', '.join(names[:3])}"
  ours_seen, seen = events(workdir), events(reference)
  if ours_seen != seen:
    both = ours_seen.keys() | seen.keys()
    keys = [key for key in both if ours_seen.get(key) != seen.get(key)]
    found["events"] = f"{len(keys)} events differ, {min(keys)} for example"
  return found


def _where(ours: bytes, theirs: bytes) -> str:
  """In which line two texts differ first."""
  a, b = ours.splitlines(), theirs.splitlines()
  lines = [i for i, (x, y) in enumerate(zip(a, b), 1) if x != y]
  return f" from line {lines[0] if lines else min(len(a), len(b)) + 1} on"
