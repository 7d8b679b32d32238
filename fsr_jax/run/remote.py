"""A workdir in a bucket, gs:// or s3://: a local folder stands for it.

Files are locked, replaced and appended to while a run goes on, and a bucket can
do none of that. So a run works in a folder of this machine, which is fetched
when it begins, sent every minute as far as it changed, and sent at its end.
"""

from collections.abc import Iterator
import contextlib
import pathlib
import shutil
import tempfile
import threading

from fsr_jax import processes
from fsr_jax.errors import InputError, reason
from fsr_jax.run.bucket import Bucket
from fsr_jax.run.watch.screen import Screen, say

# Seconds between two times that changes are sent, which a kill costs.
_EVERY = 60.0
# Folders that stand for a bucket: path -> its address.
_addresses: dict[str, str] = {}


def is_remote(workdir: str) -> bool:
  """Whether a workdir is an address and no path."""
  return "://" in workdir


def called(text: str) -> str:
  """A text with the addresses of buckets in place of the folders."""
  for folder, address in _addresses.items():
    text = text.replace(folder, address)
  return text


@contextlib.contextmanager
def at_hand(
  workdir: str, trains: bool = False, screen: Screen = say
) -> Iterator[str]:
  """A workdir as a folder of this machine.

  Args:
    workdir: path, or address in a bucket.
    trains: whether a run goes on in it, of which there is one at a time.
    screen: what is told meanwhile.

  Yields:
    The path, or that of a folder that stands for the bucket.

  Raises:
    InputError: what cannot be fetched; another process has begun to train there
      meanwhile.
    OSError: what cannot be sent; the folder is kept then.
  """
  if not is_remote(workdir):
    yield workdir
    return
  bucket = Bucket(workdir)
  above = tempfile.mkdtemp(prefix="fsr_jax_")
  folder = pathlib.Path(above) / bucket.name
  if processes.is_first():
    _addresses[str(folder)] = bucket.address
    words = screen.words
    screen.words = lambda text: words(called(text))
    screen.wait("fetching", bucket.address)
    folder.mkdir()
  try:
    if not processes.is_first():  # The others look into no workdir.
      yield str(folder)
    else:
      bucket.fetch(folder, trains)
      with _sending(bucket, folder, trains, screen):
        yield str(folder)
  except _NotSentError:
    raise
  except BaseException:
    shutil.rmtree(above)
    raise
  shutil.rmtree(above)


class _NotSentError(OSError):
  """Something is in the folder alone, which must not be lost."""


@contextlib.contextmanager
def _sending(
  bucket: Bucket, folder: pathlib.Path, trains: bool, screen: Screen
) -> Iterator[None]:
  """Sends what changes within, from time to time and at the end."""
  over = threading.Event()

  def send_on():
    told = False
    while not over.wait(_EVERY):
      try:
        bucket.send(folder, trains)
      except Exception as error:
        if not told:
          screen(f"note: {_cannot_send(bucket, error)}; it is tried again")
        told = True

  thread = threading.Thread(target=send_on, name="sending", daemon=True)
  if trains:
    thread.start()
  try:
    yield
  except InputError as error:
    raise InputError(called(str(error))) from error
  finally:
    over.set()
    if trains:
      thread.join()
    try:
      bucket.send(folder, trains)
    except Exception as error:
      raise _NotSentError(
        f"{_cannot_send(bucket, error)}; all of it is in {folder.parent}"
      ) from error


def _cannot_send(bucket: Bucket, error: Exception) -> str:
  return f"cannot send to {bucket.address} ({reason(error)})"
