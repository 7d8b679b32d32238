"""Checkpoints that outlive a power loss as soon as they have their name."""

import os
from typing import Any

from etils import epath
from orbax.checkpoint.path import atomicity

from fsr_jax.files import sync, sync_tree

# Ends the name of a folder that is complete and not yet on the disk for sure.
# What is called so is never restored, and removed when the next run begins.
_COMPLETE = f"{atomicity.TMP_DIR_SUFFIX}-complete"


class DurablePath(atomicity.AtomicRenameTemporaryPath):
  """A folder that takes its name when everything in it is on the disk.

  Orbax completes a folder with small files and renames it, and waits for
  nothing: it gets a name in between.
  """

  @classmethod
  def from_final(cls, final_path: epath.Path, **options: Any) -> "DurablePath":
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
