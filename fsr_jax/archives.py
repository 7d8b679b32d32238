"""Arrays in files, perhaps of somebody else: never pickled, never more than the
machine can hold."""

import os
import pathlib

import numpy as np

from fsr_jax.errors import InputError, check
from fsr_jax.files import arrays_read, require_file


def memory() -> int:
  """Bytes of memory that this machine has."""
  return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def check_size(path: object, claimed: int) -> None:
  """Refuses what cannot be held: a few kB can claim any size.

  Args:
    path: of the file, for messages.
    claimed: bytes that its content takes, as it says itself.

  Raises:
    InputError: names both.
  """
  check(
    claimed <= memory(),
    f"{path} claims to hold {claimed:,} bytes; expected at most the memory of"
    f" this machine, {memory():,}",
  )


def npz(path: str | pathlib.Path, advice: str = "") -> dict[str, np.ndarray]:
  """The arrays of a .npz file, by name.

  Args:
    path: of the file.
    advice: what was expected or can be done, behind the reason in messages.

  Raises:
    InputError: unreadable, pickled objects, or larger than `memory`.
  """
  require_file(path)
  with arrays_read(path, advice), np.load(path, allow_pickle=False) as archive:
    # What is unpacked ends there, whatever follows in the file.
    check_size(path, sum(x.file_size for x in archive.zip.infolist()))
    return {name: archive[name] for name in archive.files}


def safetensors(
  path: str | pathlib.Path,
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
  """(arrays by name, metadata) of a .safetensors file.

  Raises:
    InputError: unreadable, or larger than `memory`.
  """
  # Imported here, and by its whole name: who reads no weights needs it not.
  import safetensors as library

  require_file(path)
  check_size(path, os.stat(path).st_size)
  try:
    with library.safe_open(path, framework="np") as archive:
      found = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
      return found, archive.metadata() or {}
  except (OSError, TypeError, library.SafetensorError) as error:
    raise InputError(f"cannot read {path} ({error})") from error
