"""metrics.jsonl and TensorBoard's event files: what a run logs as it goes."""

import contextlib
import json
import math
import os
import pathlib
import socket
import struct
import time
import zlib

import numpy as np
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboardX.record_writer import masked_crc32c
from tensorboardX.summary import image as image_summary

from fsr_jax.files import (
  MOST_METRICS,
  naming,
  no_link,
  read_file,
  replacing,
  sync,
)
from fsr_jax.run.watch.scalars import SCALARS, in_metrics, tag

_VERSION = "brain.Event:2"
# Name of the last number of a line: CRC-32 of the bytes before its comma.
_CRC32 = "crc32"


class Scalars:
  """The same scalars as TensorBoard events and as lines of JSON."""

  def __init__(self, path: pathlib.Path, metrics: pathlib.Path, step: int):
    """Opens both.

    Args:
      path: folder of the event files.
      metrics: path of metrics.jsonl.
      step: of the run, after which is written; later lines are taken out.
    """
    # What a killed run logged after its last checkpoint is done again.
    kept = [line for line in lines_of(metrics) if _step_of(line) <= step]
    with replacing(metrics) as partial:
      partial.write_text("".join(line + "\n" for line in kept), "utf-8")
    self._lines = _Appended(metrics)
    now = f"{int(time.time()):010}.{socket.gethostname()}"
    self._events = _Appended(path / f"events.out.tfevents.{now}")
    sync(path)
    # TensorBoard forgets the events from this step on of earlier files.
    start = SessionLog(status=SessionLog.START)
    self._add(Event(file_version=_VERSION))
    self._add(Event(step=step + 1, session_log=start))

  def write(self, step: int, scalars: dict[str, float | None]) -> None:
    """Writes a line, without the speed, and an event for each scalar.

    Args:
      step: of the run.
      scalars: name in SCALARS -> value; None is left out of events.

    Raises:
      OSError: what is not written is written with what comes next.
    """
    scalars = finite(scalars)
    found = [
      _described(name, value)
      for name, value in scalars.items()
      if value is not None
    ]
    line = {name: value for name, value in scalars.items() if in_metrics(name)}
    # The line last: a run that was killed knows by it that both are there.
    try:
      self._add(Event(step=step, summary=Summary(value=found)))
    finally:
      self._lines.write(_line({"step": step, **line}).encode())

  def picture(self, step: int, name: str, image: np.ndarray) -> None:
    """Writes a picture for TensorBoard, uint8 [H, W, 3]."""
    summary = image_summary(name, image, dataformats="HWC")
    self._add(Event(step=step, summary=summary))

  def _add(self, event: Event) -> None:
    """Writes it as TensorBoard's files have it: length, CRC, event, CRC."""
    event.wall_time = time.time()
    data = event.SerializeToString()
    head = struct.pack("<Q", len(data))
    self._events.write(head + _crc(head) + data + _crc(data))

  def sync(self) -> None:
    """Waits until all that was logged would outlive a power loss.

    Raises:
      OSError: something is not written.
    """
    try:
      self._events.sync()
    finally:
      self._lines.sync()

  def close(self) -> None:
    """Closes both; that something cannot be written was said by then."""
    for file in (self._events, self._lines):
      with contextlib.suppress(OSError):
        file.close()


class _Appended:
  """A file that is appended to; what cannot be written is tried again."""

  def __init__(self, path: pathlib.Path):
    # Open as long as the run; closed by `close`.
    self._file = open(path, "ab", 0, opener=no_link)  # noqa: SIM115
    self._path, self._left = path, b""

  def write(self, data: bytes) -> None:
    """Writes what is left of before, and `data`. Raises OSError."""
    self._left += data
    with naming(self._path):
      while self._left:
        self._left = self._left[self._file.write(self._left) :]

  def sync(self) -> None:
    """Waits until it is on the disk. Raises OSError."""
    self.write(b"")
    os.fsync(self._file.fileno())

  def close(self) -> None:
    """Writes what is left, and closes the file. Raises OSError."""
    try:
      self.write(b"")
    finally:
      self._file.close()


def _crc(data: bytes) -> bytes:
  return struct.pack("<I", masked_crc32c(data))


class Nowhere(Scalars):
  """Writes nothing: the scalars are another process's to write."""

  def __init__(self):
    """Opens nothing."""

  def write(self, step: int, scalars: dict[str, float | None]) -> None:
    """Nothing."""

  def picture(self, step: int, name: str, image: np.ndarray) -> None:
    """Nothing."""

  def sync(self) -> None:
    """Nothing."""

  def close(self) -> None:
    """Nothing."""


def _described(name: str, value: float) -> Summary.Value:
  """A scalar with its meaning; --load_fast=false lets TensorBoard show it."""
  plugin = SummaryMetadata.PluginData(plugin_name="scalars")
  metadata = SummaryMetadata(
    display_name=tag(name),
    summary_description=SCALARS[name].about,
    plugin_data=plugin,
  )
  return Summary.Value(tag=tag(name), simple_value=value, metadata=metadata)


def finite(values: dict) -> dict:
  """None for infinite and NaN, which JSON does not have."""
  return {
    key: None if isinstance(x, float) and not math.isfinite(x) else x
    for key, x in values.items()
  }


def lines_of(metrics: pathlib.Path) -> list[str]:
  """Lines of a metrics.jsonl, damaged ones too; none where there is no file.

  Raises:
    InputError: it is too large.
  """
  if not metrics.exists():
    return []
  content = read_file(metrics, MOST_METRICS)
  return content.decode("utf-8", errors="replace").splitlines()


def _line(found: dict) -> str:
  """A line of metrics.jsonl; its last number is of all before it."""
  text = json.dumps(found).removesuffix("}")
  return f'{text}, "{_CRC32}": {zlib.crc32(text.encode())}}}\n'


def logged(line: str) -> dict | None:
  """What a line of metrics.jsonl says; None where it is not as it was written.

  Lines of earlier versions have no CRC-32; they may not have names that no
  version wrote, as a damaged name of it would be.
  """
  try:
    found = json.loads(line)
    if not isinstance(found["step"], int):
      return None
    if _CRC32 not in found:
      return found if found.keys() <= {"step", *SCALARS} else None
    del found[_CRC32]
    return found if _line(found) == f"{line}\n" else None
  except (LookupError, RecursionError, TypeError, ValueError):
    return None


def _step_of(line: str) -> float:
  """Step of a line of metrics.jsonl; infinite where it is damaged."""
  found = logged(line)
  return math.inf if found is None else found["step"]
