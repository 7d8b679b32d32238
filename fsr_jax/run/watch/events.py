"""metrics.jsonl and TensorBoard's event files: what a run logs as it goes."""

import contextlib
import json
import math
import pathlib

import numpy as np
import tensorboardX
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata

from fsr_jax.files import no_link, replacing
from fsr_jax.run.watch.scalars import SCALARS, in_metrics, tag


class Scalars:
  """The same scalars as TensorBoard events and as lines of JSON."""

  def __init__(self, path: pathlib.Path, metrics: pathlib.Path, step: int):
    """Opens both.

    Args:
      path: folder of the event files.
      metrics: path of metrics.jsonl.
      step: of the run, after which is written; later lines are taken out.
    """
    if metrics.exists():
      # What a killed run logged after its last checkpoint is done again.
      lines = metrics.read_text("utf-8", errors="replace").splitlines()
      kept = [line for line in lines if _step_of(line) <= step]
      with replacing(metrics) as partial:
        partial.write_text("".join(line + "\n" for line in kept), "utf-8")
    # Open as long as the run; closed by `close`.
    self._lines = open(  # noqa: SIM115
      metrics, "a", encoding="utf-8", opener=no_link
    )
    self._events = tensorboardX.SummaryWriter(str(path), purge_step=step + 1)

  def write(self, step: int, scalars: dict[str, float | None]) -> None:
    """Writes a line, without the speed, and an event for each scalar.

    Args:
      step: of the run.
      scalars: name in SCALARS -> value; None is left out of events.
    """
    scalars = finite(scalars)
    line = {name: value for name, value in scalars.items() if in_metrics(name)}
    self._lines.write(json.dumps({"step": step, **line}) + "\n")
    self._lines.flush()
    found = [
      _described(name, value)
      for name, value in scalars.items()
      if value is not None
    ]
    self._events.file_writer.add_summary(Summary(value=found), step)
    self._events.flush()

  def picture(self, step: int, name: str, image: np.ndarray) -> None:
    """Writes a picture for TensorBoard, uint8 [H, W, 3]."""
    self._events.add_image(name, image, step, dataformats="HWC")

  def close(self) -> None:
    self._lines.close()
    # What is flushed is there; no run ends because its disk is full here.
    with contextlib.suppress(OSError):
      self._events.close()


class Nowhere(Scalars):
  """Writes nothing: the scalars are another process's to write."""

  def __init__(self):
    """Opens nothing."""

  def write(self, step: int, scalars: dict[str, float | None]) -> None:
    """Nothing."""

  def picture(self, step: int, name: str, image: np.ndarray) -> None:
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


def logged(line: str) -> dict | None:
  """What a line of metrics.jsonl says; None where it is damaged."""
  try:
    found = json.loads(line)
    return found if math.isfinite(float(found["step"])) else None
  except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
    return None


def _step_of(line: str) -> float:
  """Step of a line of metrics.jsonl; infinite where it is damaged."""
  found = logged(line)
  return math.inf if found is None else float(found["step"])
