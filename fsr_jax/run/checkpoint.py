"""Saving and restoring the train state, with a digest of every array.

Orbax restores flipped bits without a word and casts a wrong dtype; the CRC-32
of each array is stored beside the state and compared.
"""

from collections.abc import Iterator
import contextlib
import pathlib

import jax
import numpy as np
import orbax.checkpoint as ocp

from fsr_jax.errors import InputError, check, typed_reason
from fsr_jax.files import require_file, sync
from fsr_jax.run import durable
from fsr_jax.run.digests import digest, named
from fsr_jax.run.stop import save_failed
from fsr_jax.train.metrics import Metrics
from fsr_jax.train.state import TrainState

# Name of the array that says which step a state is of, and beginning of those
# of an epoch's totals.
_STEP, _TOTALS = "step", "totals"


def has_checkpoint(directory: pathlib.Path) -> bool:
  """Whether `directory` is there and has a checkpoint; changes nothing."""
  return directory.is_dir() and Checkpoints(directory).latest_step() is not None


class Checkpoints:
  """The checkpoints of one run, newest kept; saved in the background."""

  def __init__(self, directory: pathlib.Path, keep: int | None = None):
    """Opens `directory`.

    Args:
      directory: made if it is missing and `keep` is given.
      keep: how many to keep; None opens it for reading alone and leaves
        everything in it as it is, a training run's save in flight too.

    Raises:
      InputError: a checkpoint without readable dates, no files in it, or, to
        be written beside, links.
    """
    self._directory, self._keep = directory, keep
    for path in directory.rglob("*"):
      # In a shared folder a link could lead what is written anywhere.
      check(
        not (keep is not None and path.is_symlink()),
        f"{path} is a symbolic link; expected the files of checkpoints alone:"
        " move it away",
      )
      if not path.is_dir():  # A pipe would never end.
        require_file(path)
    self._open()
    # Step of the save that was begun last.
    self._begun = self.latest_step()
    if keep is not None:
      sync(directory.parent)

  def _open(self) -> None:
    """Looks at what there is."""
    self._manager = durable.manager(self._directory, self._keep)
    self._closed = False

  def latest_step(self) -> int | None:
    """Step of the newest checkpoint; None where there is none."""
    return self._manager.latest_step()

  @property
  def saving(self) -> bool:
    """Whether a save is in flight."""
    return self._manager.is_saving_in_progress()

  def save(self, state: TrainState, totals: Metrics) -> None:
    """Begins to save arrays; a step that is there already is kept.

    Args:
      state: TrainState of numpy arrays.
      totals: Metrics of numpy scalars, of the steps of the epoch so far.

    Raises:
      OSError: of this save or the one before.
    """
    step = int(state.step)
    self.wait()
    if step == self.latest_step():
      return
    self._begun = step
    arrays = named(state) | named({_TOTALS: totals})
    digests = {name: digest(array) for name, array in arrays.items()}
    with self._saving():
      if self._closed:
        self._open()
      saved = self._manager.save(
        step,
        args=ocp.args.Composite(
          state=ocp.args.StandardSave(arrays),
          digests=ocp.args.JsonSave(digests),
        ),
      )
    check(
      saved,
      f"{self._directory} has a later checkpoint than step {step}; choose"
      " another workdir",
    )

  def raise_errors(self) -> None:
    """Raises what went wrong in a save that has ended; waits for none."""
    if not self.saving:
      self.wait()

  def wait(self) -> None:
    """Waits for the save in flight. Raises what went wrong in it, once."""
    with self._saving():
      self._manager.wait_until_finished()

  @contextlib.contextmanager
  def _saving(self) -> Iterator[None]:
    """Makes what goes wrong while a checkpoint is saved an OSError.

    What was written of it is removed, and Orbax, which takes a checkpoint for
    removed as soon as one is begun in its place, looks at what there is.
    """
    try:
      yield
    # Orbax and TensorStore raise many types when a file cannot be written.
    except Exception as error:
      save_failed()
      with contextlib.suppress(Exception):
        self._closed = True
        self._manager.close()
      with contextlib.suppress(InputError, OSError):
        self._open()
      raise OSError(
        f"cannot save the checkpoint of step {self._begun} in"
        f" {self._directory} ({durable.why_not_saved(error)}); those before it"
        " are whole, and the same command continues from them"
      ) from error

  def restore(self, template: TrainState) -> tuple[TrainState, Metrics]:
    """The newest checkpoint.

    Args:
      template: a state of numpy arrays with the run's structure.

    Returns:
      As handed to `save`; what it has not of totals, from an earlier version,
      is as before the first step.

    Raises:
      InputError: damaged, or of another structure.
    """
    wanted, zero = named(template), Metrics.zero()
    totals = self._check_structure(wanted)
    arrays = self._read(ocp.args.StandardRestore(wanted | totals))
    # In the template's order, whatever order the files came back in.
    leaves = [arrays[name] for name in wanted]
    sums = [arrays.get(k, x) for k, x in named({_TOTALS: zero}).items()]
    return (
      jax.tree.unflatten(jax.tree.structure(template), leaves),
      jax.tree.unflatten(jax.tree.structure(zero), sums),
    )

  def _check_structure(
    self, arrays: dict[str, np.ndarray]
  ) -> dict[str, np.ndarray]:
    """Refuses arrays of other names or shapes; Orbax cuts and pads them.

    Returns:
      What there is of totals, as zeros.
    """
    with self._explained():
      state = self._directory / str(self.latest_step()) / "state"
      stored = ocp.StandardCheckpointHandler().metadata(state).tree
      totals = {
        name: np.zeros(array.shape, array.dtype)
        for name, array in stored.items()
        if name.split(".")[0] == _TOTALS
      }
      theirs = {
        name: tuple(array.shape)
        for name, array in stored.items()
        if name not in totals
      }
    ours = {name: array.shape for name, array in arrays.items()}
    differing = sorted(
      name
      for name in ours.keys() | theirs.keys()
      if ours.get(name) != theirs.get(name)
    )
    first = differing[0] if differing else ""
    check(
      not differing,
      f"{self._where} is of another network, method, data or version of"
      f" fsr_jax: {first} is"
      f" {theirs.get(first, 'absent')} there and"
      f" {ours.get(first, 'absent')} now",
    )
    return totals

  def read(self, *fields: str) -> dict[str, np.ndarray]:
    """Some fields of the newest checkpoint, whatever their structure.

    Args:
      *fields: of TrainState.

    Returns:
      name -> array, for the names that begin with one of them.

    Raises:
      InputError: damaged.
    """
    with self._explained():
      digests = self._restore(digests=ocp.args.JsonRestore()).digests
      wanted = (*fields, _STEP)
      names = [name for name in digests if name.split(".")[0] in wanted]
    as_numpy = ocp.RestoreArgs(restore_type=np.ndarray)
    arrays = self._read(
      ocp.args.PyTreeRestore(
        dict.fromkeys(names, 0),
        dict.fromkeys(names, as_numpy),
        partial_restore=True,
      )
    )
    return {
      name: array
      for name, array in arrays.items()
      if name.split(".")[0] in fields
    }

  @property
  def _where(self) -> str:
    return f"checkpoint {self._directory / str(self.latest_step())}"

  def _read(self, args: ocp.args.CheckpointArgs) -> dict[str, np.ndarray]:
    """Arrays of the newest checkpoint, compared with their digests."""
    restored = self._restore(state=args, digests=ocp.args.JsonRestore())
    with self._explained():
      damaged = [
        name
        for name, array in restored.state.items()
        if restored.digests.get(name) != digest(array)
      ]
    check(
      not damaged,
      f"{self._where} is damaged in {', '.join(damaged[:3])}; move it away"
      " to use the one before it",
    )
    step = restored.state.get(_STEP)
    check(
      step is None or int(step) == self.latest_step(),
      f"{self._where} is of step {step}, which its name is not; rename it, or"
      " move it away to use the one before it",
    )
    return restored.state

  def _restore(self, **args: ocp.args.CheckpointArgs) -> ocp.args.Composite:
    """Items of the newest checkpoint."""
    with self._explained():
      return self._manager.restore(
        self.latest_step(), args=ocp.args.Composite(**args)
      )

  @contextlib.contextmanager
  def _explained(self):
    """Makes what goes wrong while a checkpoint is read an InputError."""
    try:
      yield
    except InputError:
      raise
    # Orbax and TensorStore raise many types for damaged or foreign files.
    except Exception as error:
      raise InputError(
        f"cannot restore {self._where} ({typed_reason(error)}); move it away"
        " to use the one before it"
      ) from error

  def close(self) -> None:
    """Waits for the last save. Raises what went wrong in it."""
    try:
      self.wait()
    finally:
      self._manager.close()
