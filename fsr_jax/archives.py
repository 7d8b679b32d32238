"""Arrays in files, perhaps of somebody else: never pickled, never more than the
machine can hold."""

import pathlib

import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.files import arrays_read, check_size, require_file


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

  check_size(path, require_file(path))
  try:
    with library.safe_open(path, framework="np") as archive:
      found = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
      return found, archive.metadata() or {}
  except (OSError, TypeError, library.SafetensorError) as error:
    raise InputError(f"cannot read {path} ({error})") from error
