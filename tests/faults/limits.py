"""A machine that gives no more: bytes, files, a reader, leave to write."""

from collections.abc import Callable, Iterator
import contextlib
import os
import resource
import shutil
import subprocess
import time

from tests.faults.compare import left_behind
from tests.faults.ground import Ended, Lost, NotRun, Running, Try
from tests.faults.interrupted import steps


def _goes_on(t: Try, ended: Ended) -> list[str]:
  """One line, or nothing was hit; then the same command, without the limit."""
  word = "refused" if ended.refused() else "not hit"
  t.resume()
  return [word]


def _soft(running: Running, which: int, limit: int) -> None:
  """Sets a limit of a process that may have ended."""
  with contextlib.suppress(ProcessLookupError):
    _, hard = resource.prlimit(running.process.pid, which)
    resource.prlimit(running.process.pid, which, (limit, hard))


def file_size(t: Try) -> list[str]:
  """From some moment on no file may be larger than so many bytes."""
  running = t.start()
  if t.rng.random() < 0.5:
    steps(t, running)
  limit = int(10 ** t.rng.uniform(2, 5.2))
  _soft(running, resource.RLIMIT_FSIZE, limit)
  return _goes_on(t, running.wait())


def goes_on(t: Try) -> list[str]:
  """For a while no file may be larger than a few bytes, and the run was told to
  go on where a checkpoint cannot be written."""
  running = t.start("--config.on_save_error=go_on")
  steps(t, running)
  _soft(running, resource.RLIMIT_FSIZE, int(10 ** t.rng.uniform(2, 4)))
  time.sleep(t.rng.uniform(0.05, 0.8))
  _soft(running, resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
  ended = running.wait()
  noted = ended.notes - t.ground.notes
  word = "refused" if ended.refused() else "noted" if noted else "not hit"
  t.resume(same_config=False)
  return [word]


def descriptors(t: Try) -> list[str]:
  """Not more than so many files may be open."""
  running = t.start()
  running.until(lambda: bool(running.out()))
  limit = int(t.rng.integers(6, 32))
  _soft(running, resource.RLIMIT_NOFILE, limit)
  return _goes_on(t, running.wait())


@contextlib.contextmanager
def _small_disk(t: Try, size: int) -> Iterator[Callable[[int], None]]:
  """A file system of so many bytes at the try's workdir; yields resize."""
  t.workdir.mkdir()

  def mount(*arguments: str) -> None:
    try:
      subprocess.run(
        ["mount", *arguments, str(t.workdir)], check=True, capture_output=True
      )
    except (OSError, subprocess.CalledProcessError) as error:
      raise NotRun("no leave to mount a file system here") from error

  mount("-t", "tmpfs", "-o", f"size={size}", "none")
  try:
    yield lambda larger: mount("-o", f"remount,size={larger}")
  finally:
    subprocess.run(["umount", "-l", str(t.workdir)], check=True)


def full_disk(t: Try) -> list[str]:
  """A disk that becomes full, and is given more space afterwards."""
  with _small_disk(t, int(10 ** t.rng.uniform(4, 6))) as resize:
    ended = t.start().wait()
    resize(2**26)
    return _goes_on(t, ended)


def full_disk_of_others(t: Try) -> list[str]:
  """A disk that somebody else fills while it trains."""
  with _small_disk(t, 2**24):
    running = t.start()
    steps(t, running)
    filler = t.workdir / "filler"
    with contextlib.suppress(OSError), open(filler, "wb", 0) as file:
      while True:
        file.write(bytes(4096))
    ended = running.wait()
    filler.unlink(missing_ok=True)
    return _goes_on(t, ended)


def one_line(t: Try) -> list[str]:
  """As with `| head -1`: the reader goes away after a line."""
  running = t.start(stdout=subprocess.PIPE)
  assert running.process.stdout is not None
  for _ in range(t.rng.integers(0, 12)):
    running.process.stdout.readline()
  running.process.stdout.close()
  running.wait().require(0)
  t.resume()
  return []


def closed_streams(t: Try) -> list[str]:
  """Standard output, or all three streams, closed from the beginning."""
  closed = (">&-", "<&- >&- 2>&-")[t.rng.integers(2)]
  command = ["sh", "-c", f'exec "$@" {closed}', "sh"]
  t.run(command + t.ground.command(t.workdir)).wait().require(0)
  t.resume()
  return []


def full_output(t: Try) -> list[str]:
  """Standard output goes to a disk that is full."""
  with open("/dev/full", "w") as full:
    t.start(stdout=full).wait().require(0)
  t.resume()
  return []


def read_only(t: Try) -> list[str]:
  """The workdir may no longer be written to while it trains."""
  command = t.ground.command(t.workdir)
  if os.geteuid() == 0:  # Permissions bind root only without this.
    if shutil.which("setpriv") is None:
      raise NotRun("root needs setpriv for it")
    bound = "-dac_override,-dac_read_search"
    command = [
      *("setpriv", f"--inh-caps={bound}", f"--bounding-set={bound}"),
      *command,
    ]
  running = t.run(command)
  steps(t, running)
  folders = [path for path in t.workdir.rglob("*") if path.is_dir()]
  for path in (t.workdir, *folders):
    # A checkpoint that was begun may have got its name meanwhile.
    with contextlib.suppress(FileNotFoundError):
      path.chmod(0o555)
  ended = running.wait()
  for path in (t.workdir, *t.workdir.rglob("*")):
    if path.is_dir():
      path.chmod(0o755)
  return _goes_on(t, ended)


def workdir_gone(t: Try) -> list[str]:
  """Somebody removes the workdir while it trains."""
  running = t.start()
  steps(t, running)
  shutil.rmtree(t.workdir, ignore_errors=True)
  ended = running.wait()
  if not ended.refused() and left_behind(t.folder):
    raise Lost("unfinished files are left")
  shutil.rmtree(t.workdir, ignore_errors=True)
  return _goes_on(t, ended)
