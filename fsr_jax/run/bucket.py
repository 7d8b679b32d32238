"""A folder in a bucket, gs:// or s3://, as far as a workdir needs one.

What is in it is what its list says, which is sent last: a process that is
killed while it sends leaves the list before, and the checkpoints of that one.
"""

from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
import shutil
from typing import Any, NamedTuple
import uuid
import zlib

from fsr_jax.errors import InputError, check, reason

# Name of the list.
LIST = "fsr_jax.json"
# In names of what is not sent: a lock, and what is unfinished.
_UNSENT = (".lock", ".part", "orbax-checkpoint-tmp")


class Sent(NamedTuple):
  """A file as it was sent.

  Attributes:
    size: bytes.
    crc: CRC-32.
    changed: when it was changed here, ns.
  """

  size: int
  crc: int
  changed: int

  def is_same(self, other: "Sent | None") -> bool:
    """Whether both have the same content."""
    return other is not None and self[:2] == other[:2]


class Bucket:
  """A workdir in a bucket.

  Attributes:
    address: of it.
    name: its last part.
  """

  def __init__(self, address: str):
    """Asks nothing of the network.

    Raises:
      InputError: an address of a kind that is not known.
    """
    from etils import epath  # Here: it takes a while to import.

    self.address = address.rstrip("/")
    self.name = self.address.rpartition("/")[2] or "run"
    try:
      self._root = epath.Path(self.address)
    except KeyError as error:
      raise InputError(
        f"workdir {address}: {error} is unknown; expected a path, or an address"
        " that begins with gs://, s3:// or az://"
      ) from error
    self._owner = uuid.uuid4().hex
    self._sent: dict[str, Sent] = {}

  def fetch(self, folder: pathlib.Path, trains: bool) -> None:
    """Fetches all files that are listed.

    Args:
      folder: an empty one.
      trains: whether the workdir is this process's from now on.

    Raises:
      InputError: the bucket cannot be read, or a checkpoint's file is not what
        was sent.
    """
    with self._explained():
      for name, (size, crc) in self._read_list()["files"].items():
        path = folder / name
        check(
          folder.resolve() in path.resolve().parents,
          f"{self.address}/{LIST} lists {name!r}, which is no file below it",
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with (self._root / name).open("rb") as theirs, open(path, "wb") as ours:
          shutil.copyfileobj(theirs, ours)
        self._sent[name] = found = _looked_at(path)
        # Other files may have been sent again, after the list was.
        check(
          (found.size, found.crc) == (size, crc) or _checkpoint(name) is None,
          f"{self.address}/{name} is not as it was sent; take its checkpoint"
          f" out of {LIST} there to use the one before it",
        )
      if trains:
        self._write_list()

  def send(self, folder: pathlib.Path, trains: bool) -> None:
    """Sends what changed since it was fetched or sent.

    Args:
      folder: that stands for the bucket.
      trains: as for `fetch`; who does not train sends what it wrote, and
        leaves the list to who does.

    Raises:
      InputError: another process has begun to train there.
    """
    check(
      not trains or self._read_list().get("owner") == self._owner,
      "another process has begun to train there",
    )
    now = self._looked_through(folder)
    changed = [n for n, x in now.items() if not x.is_same(self._sent.get(n))]
    again = {_checkpoint(n) for n in changed if n in self._sent} - {None}
    if trains and again:  # What is written over is no checkpoint meanwhile.
      kept = (n for n in self._sent if _checkpoint(n) not in again)
      self._write_list({name: self._sent[name] for name in kept})
    for name in changed:
      path = self._root / name
      path.parent.mkdir(parents=True, exist_ok=True)
      with open(folder / name, "rb") as ours, path.open("wb") as theirs:
        shutil.copyfileobj(ours, theirs)
    gone = self._sent.keys() - now.keys()
    self._sent = now
    if trains and (changed or gone):
      self._write_list()
      for name in gone:
        (self._root / name).unlink(missing_ok=True)

  def _looked_through(self, folder: pathlib.Path) -> dict[str, Sent]:
    """The files that there are to send."""
    found = {}
    for path in sorted(folder.rglob("*")):
      name = path.relative_to(folder).as_posix()
      if any(part in name for part in _UNSENT):
        continue
      # An old checkpoint may be removed meanwhile.
      with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if path.is_file():
          found[name] = _looked_at(path, self._sent.get(name))
    return found

  def _read_list(self) -> dict[str, Any]:
    path = self._root / LIST
    if not path.exists():
      return {"files": {}}
    listed = json.loads(path.read_bytes())
    check(
      isinstance(listed, dict) and isinstance(listed.get("files"), dict),
      f"{self.address}/{LIST} is no list of files",
    )
    return listed

  def _write_list(self, sent: dict[str, Sent] | None = None) -> None:
    self._root.mkdir(parents=True, exist_ok=True)
    sent = self._sent if sent is None else sent
    files = {name: [found.size, found.crc] for name, found in sent.items()}
    text = json.dumps({"owner": self._owner, "files": files}, indent=1)
    (self._root / LIST).write_text(text)

  @contextlib.contextmanager
  def _explained(self) -> Iterator[None]:
    try:
      yield
    except InputError:
      raise
    except ImportError as error:
      raise InputError(
        f"workdir {self.address}: {reason(error)}; gs:// needs the package"
        " gcsfs, s3:// s3fs, az:// adlfs"
      ) from error
    # Libraries of buckets raise many types.
    except Exception as error:
      raise InputError(
        f"cannot read workdir {self.address} ({reason(error)})"
      ) from error


def _checkpoint(name: str) -> str | None:
  """Of which checkpoint a file is, whose files never change; None of none."""
  parts = name.split("/")
  return parts[1] if parts[0] == "checkpoints" and len(parts) > 2 else None


def _looked_at(path: pathlib.Path, known: Sent | None = None) -> Sent:
  """A file as it is; read only if it is not what is known of it."""
  with open(path, "rb") as file:
    status = os.fstat(file.fileno())
    size, changed = status.st_size, status.st_mtime_ns
    if known is not None and (known.size, known.changed) == (size, changed):
      return known
    crc = 0
    while piece := file.read(1 << 20):
      crc = zlib.crc32(piece, crc)
  return Sent(size, crc, changed)
