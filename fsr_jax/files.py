"""Paths as people write them; no file is opened that is no regular one."""

from collections.abc import Iterator
import contextlib
import errno
import os
import pathlib
import stat

from fsr_jax.errors import InputError, check, reason

_KINDS = {
  stat.S_IFDIR: "a folder",
  stat.S_IFIFO: "a pipe",
  stat.S_IFCHR: "a device",
  stat.S_IFBLK: "a device",
  stat.S_IFSOCK: "a socket",
}
# Of file systems that cannot be told to write a folder, mounted buckets for
# example, and of folders that may be written to and not be read.
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM)

# Bytes of a file of JSON that a run has written and reads again, config.json
# for example, and of metrics.jsonl: hundreds of times what they grow to.
MOST_JSON, MOST_METRICS = 1 << 26, 1 << 28


def place(path: str) -> pathlib.Path:
  """A path with ~ for a home; as it is where nobody is called so."""
  return pathlib.Path(os.path.expanduser(path))


def memory() -> int:
  """Bytes of memory that this machine has."""
  return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def check_size(path: object, claimed: int, most: int | None = None) -> None:
  """Refuses what cannot be held: a few kB can claim any size.

  Args:
    path: of the file, for messages.
    claimed: bytes that its content takes, as it says itself.
    most: that it may take; None for those of `memory`.

  Raises:
    InputError: names both.
  """
  limit, whose = most or memory(), "" if most else ", this machine's memory"
  check(
    claimed <= limit,
    f"{path} claims to hold {claimed:,} bytes; expected at most"
    f" {limit:,}{whose}",
  )


def require_file(path: str | pathlib.Path, name: str = "") -> int:
  """Refuses what is no regular file: reading a pipe may wait for ever.

  Args:
    path: links are followed.
    name: of the file in messages, where its path does not say enough.

  Returns:
    Its size in bytes.

  Raises:
    InputError: nothing there, a folder, pipe, device or socket, or no path at
      all (with a NUL).
  """
  try:
    status = os.stat(path)
  except OSError as error:
    raise InputError(
      f"cannot read {name or path} ({error.strerror})"
    ) from error
  except ValueError as error:  # NUL, or what no file name can be encoded from.
    raise InputError(f"{name or str(path)!r} is no path ({error})") from error
  mode = status.st_mode
  kind = _KINDS.get(stat.S_IFMT(mode), "something else")
  check(stat.S_ISREG(mode), f"{name or path} is no regular file but {kind}")
  return status.st_size


def read_file(path: str | pathlib.Path, most: int | None = None) -> bytes:
  """Content of a file.

  Args:
    path: of the file.
    most: bytes that it may have; None for those of `memory`.

  Raises:
    InputError: as `require_file`, it is larger or cannot be read.
  """
  check_size(path, require_file(path), most)
  try:
    return pathlib.Path(path).read_bytes()
  except OSError as error:
    raise InputError(f"cannot read {path} ({error.strerror})") from error


@contextlib.contextmanager
def arrays_read(path: str | pathlib.Path, advice: str = "") -> Iterator[None]:
  """Makes what goes wrong while NumPy reads a file an InputError.

  Args:
    path: of the file, for messages.
    advice: what was expected or can be done, behind the reason.
  """
  try:
    yield
  # NumPy raises many types for what is no file of arrays, or a damaged one.
  except Exception as error:
    said = reason(error, 200)
    raise InputError(f"cannot read {path} ({said}){advice}") from error


def no_link(path: str | pathlib.Path, mode: int) -> int:
  """Opens a file to be written, as `opener` of `open`; never through a link.

  In a folder that others may write to, a link put there under the name of one
  of our files would let us overwrite any of our own files elsewhere.

  Args:
    path: of the file.
    mode: flags of os.open.

  Raises:
    InputError: a link, or no regular file, is there.
    OSError: as of os.open.
  """
  flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
  try:
    descriptor = os.open(path, mode | flags, 0o666)
  except OSError:
    # Systems have several errors for a link.
    check(
      not os.path.islink(path),
      f"{path} is a symbolic link; expected a file, or nothing: move it away",
    )
    raise
  regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
  if not regular:
    os.close(descriptor)
  check(regular, f"{path} is no regular file")
  return descriptor


def sync(path: str | pathlib.Path) -> None:
  """Waits until a file, or the names in a folder, would outlive a power loss.

  Raises:
    OSError: they could not be written; not where a folder cannot be waited for.
  """
  folder = os.path.isdir(path)
  try:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
      os.fsync(descriptor)
    finally:
      os.close(descriptor)
  except OSError as error:
    if not folder or error.errno not in _NO_SYNC:
      raise


def sync_tree(path: str | pathlib.Path) -> None:
  """`sync` of a folder and of everything in it."""
  for folder, _, names in os.walk(path):
    for name in names:
      sync(os.path.join(folder, name))
    sync(folder)


@contextlib.contextmanager
def naming(path: pathlib.Path) -> Iterator[None]:
  """Adds a path to an OSError that has none: a disk is full, of all files."""
  try:
    yield
  except OSError as error:
    if error.errno is None or error.filename is not None:
      raise
    raise OSError(error.errno, error.strerror, str(path)) from error


@contextlib.contextmanager
def replacing(path: pathlib.Path, own: str = "") -> Iterator[pathlib.Path]:
  """Where to write a file that takes the place of `path` once it is whole.

  What fails before that, a kill or a power loss leaves `path` as it was; after
  it, it is there for good. What lay under the name of the unfinished file is
  removed first, and that file made anew: a link there is never written through.

  Args:
    path: of the file; its folder is made if it is missing.
    own: part of the unfinished file's name, where several processes write.

  Raises:
    OSError: the file system's, or somebody else put a file there in between.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  name = f"{path.name}.{own}.part" if own else f"{path.name}.part"
  partial = path.with_name(name)
  partial.unlink(missing_ok=True)
  os.close(no_link(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
  try:
    with naming(path):
      yield partial
      sync(partial)
    os.replace(partial, path)
    sync(path.parent)
  finally:
    partial.unlink(missing_ok=True)
