"""What was done, one JSON line an event, on disk before it counts."""

from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
import threading
import time

# Seconds between two signs of life: what a killed call spent is known to that.
_PULSE = 10.0


class Journal:
  """Events of all calls, and the seconds that they took.

  Attributes:
    events: dicts, oldest first: "event", "call" (from 1), "second" (since that
      call began), and what `add` was given.
    call: number of this call.
  """

  def __init__(self, path: pathlib.Path, began: float | None = None):
    """Reads what earlier calls left; a line torn by a kill is left out.

    Args:
      path: of the file; its folder exists.
      began: when this call did, by time.monotonic(); None for now.
    """
    self._path = path
    self._began = time.monotonic() if began is None else began
    self._writing = threading.Lock()
    text = path.read_bytes() if path.exists() else b""
    events = map(_event, text.splitlines())
    self.events = [entry for entry in events if entry is not None]
    self.call = 1 + max((e["call"] for e in self.events), default=0)
    self._before = sum(_seconds_of_calls(self.events).values())
    if text and not text.endswith(b"\n"):
      self._append(b"\n")  # What comes now begins a line of its own.

  @property
  def seconds_of_call(self) -> float:
    """Since this call began."""
    return time.monotonic() - self._began

  @property
  def seconds(self) -> float:
    """Of all calls together."""
    return self._before + self.seconds_of_call

  def add(self, event: str, **values) -> None:
    """Writes an event down; returns when it is on disk."""
    entry = {
      "event": event,
      "call": self.call,
      "second": round(self.seconds_of_call, 3),
      **values,
    }
    with self._writing:
      self.events.append(entry)
      self._append(json.dumps(entry).encode() + b"\n")

  def find(self, event: str, **values) -> list[dict]:
    """Events of a kind in which these values are as given, oldest first."""
    wanted = {"event": event, **values}
    return [e for e in self.events if wanted.items() <= e.items()]

  def seconds_of(self, row: str) -> float:
    """What was spent on a row in all calls, as far as is known."""
    total, calls = 0.0, _seconds_of_calls(self.events)
    for i, begin in enumerate(self.events):
      if begin["event"] == "begin" and begin["row"] == row:
        ends = (e for e in self.events[i + 1 :] if e.get("row") == row)
        end = next(ends, None)
        known = end is not None and end["call"] == begin["call"]
        until = end["second"] if known else calls[begin["call"]]
        total += until - begin["second"]
    return total

  @contextlib.contextmanager
  def alive(self, every: float = _PULSE) -> Iterator[None]:
    """Within it a sign of life is written every so many seconds."""
    ended = threading.Event()

    def pulse():
      while not ended.wait(every):
        self.add("alive")

    thread = threading.Thread(target=pulse, daemon=True)
    thread.start()
    try:
      yield
    finally:
      ended.set()
      thread.join()

  def _append(self, line: bytes) -> None:
    with open(self._path, "ab") as file:
      file.write(line)
      file.flush()
      os.fsync(file.fileno())


def _event(line: bytes) -> dict | None:
  """What a line says; None for an empty or a torn one."""
  try:
    entry = json.loads(line)
    return entry if {"event", "call", "second"} <= entry.keys() else None
  except (AttributeError, ValueError):
    return None


def _seconds_of_calls(events: list[dict]) -> dict[int, float]:
  """Call -> when it was last heard of."""
  found: dict[int, float] = {}
  for entry in events:
    found[entry["call"]] = max(found.get(entry["call"], 0), entry["second"])
  return found
