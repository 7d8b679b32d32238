"""The end of a process, which the others must not wait for."""

import atexit
from collections.abc import Iterator
import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

import jax

from fsr_jax import processes
from fsr_jax.errors import InputError, one_line, typed_reason

# Seconds between two looks at whether another process ended.
_LOOK = 1.0
_ENDED = "fsr_jax/ended"
_GONE = (
  "another process of this run is gone (killed, or its machine is lost); what"
  " was saved is kept, and the same command on every host goes on from it"
)

# Held by whoever ends this process.
_ending = threading.Lock()
# A handler has to live as long as the process.
_handlers: list[Any] = []


def exit_when_aborted(line: str = _GONE) -> None:
  """Gives what JAX aborts for a status and a last line that can be read.

  Where the coordination service misses a process, it aborts the others, and no
  handler in Python hears of it in time. The status is 75: the same command may
  go on.

  Args:
    line: that is said from now on.
  """

  @ctypes.CFUNCTYPE(None, ctypes.c_int)
  def aborted(number):
    del number
    if _ending.acquire(blocking=False):
      _tell(line)
    os._exit(os.EX_TEMPFAIL)

  _handlers.append(aborted)
  ctypes.CDLL(None).signal(signal.SIGABRT, aborted)


def listen() -> None:
  """Has a thread end this process when another one says that it ends."""

  over = threading.Event()

  def look():
    while not over.wait(_LOOK):
      try:
        found = processes.store().key_value_dir_get(_ENDED)
      except Exception:  # Process 0 is gone: what aborts says so.
        return
      if found:
        _follow(*json.loads(found[0][1]))

  thread = threading.Thread(target=look, name="processes", daemon=True)
  thread.start()

  def leave():
    # A thread in JAX's own code, and a handler in Python, must not outlive
    # Python.
    over.set()
    thread.join()
    jax.distributed.shutdown()  # Waits for the others.
    ctypes.CDLL(None).signal(signal.SIGABRT, 0)

  atexit.register(leave)


def _follow(who: int, status: int, line: str) -> None:
  """Ends this process as process `who` ended."""
  if _ending.acquire(blocking=False):
    _tell(line if status == os.EX_TEMPFAIL else f"process {who}: {line}")
    os._exit(status)


def _tell(line: str) -> None:
  with contextlib.suppress(OSError):
    os.write(2, f"{line}\n".encode(errors="backslashreplace"))


def _end(line: str, status: int = 1) -> NoReturn:
  """Ends this process, and with it the others, which would wait for it."""
  sys.stdout.flush()
  if not _ending.acquire(blocking=False):
    time.sleep(60)  # Another thread ends the process.
  _tell(line)
  with contextlib.suppress(Exception):
    key = f"{_ENDED}/{processes.index()}"
    processes.store().key_value_set(
      key, json.dumps([processes.index(), status, line])
    )
  if processes.is_first():
    time.sleep(3 * _LOOK)  # The others read it here.
  os._exit(status)


@contextlib.contextmanager
def of_all() -> Iterator[None]:
  """Ends all processes if what is done within fails in this one.

  With one process errors are left to who catches them.
  """
  if processes.count() == 1:
    yield
    return
  try:
    yield
  except (InputError, OSError) as error:
    _end(one_line(error))
  except Exception as error:
    # Gloo, that is CPUs, tells at once that a process is gone; it may have said
    # why. On other devices JAX aborts, or another process ends, this one.
    text = str(error)
    if "Gloo" in text or "oordination service" in text:
      time.sleep(2 * _LOOK)
      _end(_GONE, os.EX_TEMPFAIL)
    traceback.print_exception(error)
    _end(f"error: {typed_reason(error)}")
