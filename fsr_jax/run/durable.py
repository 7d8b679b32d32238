"""Orbax's manager of checkpoints, which outlive a power loss once they are
there, and what it says in one line."""

import os
import pathlib
import re
from typing import Any

from etils import epath
import orbax.checkpoint as ocp
from orbax.checkpoint.path import atomicity

from fsr_jax import processes
from fsr_jax.errors import InputError, typed_reason
from fsr_jax.files import sync, sync_tree

# Ends the name of a folder that is complete and not yet on the disk for sure.
# What is called so is never restored, and removed when the next run begins.
_COMPLETE = f"{atomicity.TMP_DIR_SUFFIX}-complete"


class _DurablePath(atomicity.AtomicRenameTemporaryPath):
  """A folder that takes its name when everything in it is on the disk.

  Orbax completes a folder with small files and renames it, and waits for
  nothing: it gets a name in between.
  """

  @classmethod
  def from_final(cls, final_path: epath.Path, **options: Any) -> "_DurablePath":
    between = final_path.parent / (final_path.name + _COMPLETE)
    return super().from_final(between, **options)

  def get_final(self) -> epath.Path:
    found = super().get_final()
    return found.parent / found.name.removesuffix(_COMPLETE)

  async def finalize(self) -> None:
    await super().finalize()
    between, final = super().get_final(), self.get_final()
    sync_tree(between)
    os.rename(between, final)
    sync(final.parent)


def manager(directory: pathlib.Path, keep: int | None) -> ocp.CheckpointManager:
  """Reads which checkpoints there are.

  Args:
    directory: of the checkpoints.
    keep: how many to keep; then the directory is made if it is missing, and
      what is broken in it removed. None for reading alone.

  Raises:
    InputError: a checkpoint without readable dates.
  """
  if keep is not None:
    directory.mkdir(parents=True, exist_ok=True)
  # It waits for no other process: none but this one comes here.
  alone = ocp.options.MultiprocessingOptions(
    primary_host=processes.index(), active_processes={processes.index()}
  )
  several = processes.count() > 1
  options = ocp.CheckpointManagerOptions(
    max_to_keep=keep,
    create=False,
    cleanup_tmp_directories=keep is not None,
    temporary_path_class=_DurablePath,
    multiprocessing_options=alone
    if several
    else ocp.options.MultiprocessingOptions(),
  )
  try:
    return ocp.CheckpointManager(
      directory, options=options, item_names=("state", "digests")
    )
  except OSError:
    raise
  # Orbax reads the dates of all steps.
  except Exception as error:
    raise InputError(
      f"cannot read the checkpoints in {directory} ({typed_reason(error)});"
      " move the damaged one away to use the one before it"
    ) from error


def why_not_saved(error: Exception) -> str:
  """One line; that of the operating system, which TensorStore ends with."""
  code = re.search(r"os_error_code='(\d+)'", str(error))
  return os.strerror(int(code[1])) if code else typed_reason(error)
