"""How a process finds the others that it trains with."""

from collections.abc import Callable
import os
import signal
from typing import Any
import warnings

import jax

from fsr_jax.errors import InputError, check, reason
from fsr_jax.processes import ending

# Seconds after which a process that is not heard of counts as gone. JAX's own
# 100 s would keep the others waiting for more than a minute.
_HEARTBEAT = 30
# Seconds that a process waits for the others at its start and at its end.
_START, _END = 300, 3600


def connect(
  coordinator_address: str | None = None,
  num_processes: int | None = None,
  process_id: int | None = None,
  tell: Callable[[str], object] = print,
) -> None:
  """Joins the other processes of a cluster, if this one is of a cluster.

  Call it before anything is computed.

  Args:
    coordinator_address: HOST:PORT of process 0, where it waits for the others.
    num_processes: P; 1 = this process trains alone, whatever the cluster.
    process_id: of this one, 0..P-1. Without the three a cluster is looked for
      (Cloud TPU, Slurm, Open MPI, Kubernetes).
    tell: is handed lines for who started it: that it waits, and for whom;
      that a cluster is there but cannot be asked.

  Raises:
    InputError: one of the three without the others, out of range, or the
      others do not come.
  """
  given = {
    "coordinator_address": coordinator_address,
    "num_processes": num_processes,
    "process_id": process_id,
  }
  if num_processes == 1:
    return
  missing = [name for name, value in given.items() if value is None]
  if len(missing) == len(given):
    size, _, note = _found()
    if note:
      tell(f"note: {note}")
    if size > 1:
      tell(f"waiting for the other of {size} processes")
      _initialize()
    return
  check(
    not missing,
    f"--{' and --'.join(missing)} missing: processes that train together each"
    " need --coordinator_address=HOST:PORT --num_processes=N --process_id=I",
  )
  assert coordinator_address is not None
  assert num_processes is not None and process_id is not None
  host, _, port = coordinator_address.rpartition(":")
  check(
    bool(host) and port.isdigit() and 0 < int(port) < 2**16,
    f"coordinator_address={coordinator_address}; expected HOST:PORT of process"
    " 0, the same for all",
  )
  check(
    num_processes > 0 and 0 <= process_id < num_processes,
    f"process_id={process_id} of num_processes={num_processes}; expected 0 to"
    " num_processes - 1",
  )
  tell(
    f"waiting for the other of {num_processes} processes, by way of"
    f" {coordinator_address}"
  )
  # Nothing is guessed where it was said.
  _initialize(**given, cluster_detection_method="deactivate")


def has_a_first() -> bool:
  """Whether this process is of a cluster, and not its first."""
  return _found()[1] > 0


def _found() -> tuple[int, int, str | None]:
  """(processes of the cluster, 1 without one; which this is; what to tell)."""
  # JAX has no public way to ask before it connects; and to connect where there
  # is one process only could fail for a port that another job has.
  from jax._src.clusters import ClusterEnv

  why = ""
  for env in ClusterEnv._cluster_types:
    if env.opt_in_only_method:
      continue
    try:
      with warnings.catch_warnings(record=True):
        if env.is_env_present():
          return env.get_process_count(), env.get_process_id(), None
    except Exception as error:
      why = reason(error, 200)
  if not why and "JOB_COMPLETION_INDEX" in os.environ:
    why = "the package kubernetes is not installed"
  if not why:
    return 1, 0, None
  return (
    1,
    0,
    f"a cluster seems to be here, but it cannot be asked ({why}), so that"
    " this process trains alone; several processes need --coordinator_address"
    " --num_processes --process_id, and --num_processes=1 ends this note",
  )


def _initialize(**given: Any) -> None:
  question = (
    "does the same command run on all hosts, and do all reach process 0?"
  )
  ending.exit_when_aborted(
    f"the other processes did not come within {_START} s; {question}"
  )
  try:
    jax.distributed.initialize(
      **given,
      initialization_timeout=_START,
      heartbeat_timeout_seconds=_HEARTBEAT,
      shutdown_timeout_seconds=_END,
    )
  except (RuntimeError, ValueError) as error:
    raise InputError(
      f"cannot join the other processes ({reason(error)}); {question}"
    ) from error
  # JAX's preemption service, which Orbax asks, has taken SIGTERM to itself: it
  # is `run.stop` that hears of it.
  signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
  ending.exit_when_aborted()
  ending.listen()
