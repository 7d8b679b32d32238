"""How a process finds the others that it trains with."""

from typing import Any

import jax

from fsr_jax.errors import InputError, check
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
) -> str | None:
  """Joins the other processes of a cluster, if this one is of a cluster.

  Call it before anything is computed.

  Args:
    coordinator_address: HOST:PORT of process 0, where it waits for the others.
    num_processes: P; 1 = this process trains alone, whatever the cluster.
    process_id: of this one, 0..P-1. Without the three a cluster is looked for
      (Cloud TPU, Slurm, Open MPI, Kubernetes).

  Returns:
    A line to be told where a cluster is there but cannot be asked.

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
    return None
  missing = [name for name, value in given.items() if value is None]
  if len(missing) == len(given):
    several, note = _detected()
    if not several:
      return note
    _initialize()
    return None
  check(
    not missing,
    f"--{' and --'.join(missing)} missing: processes that train together each"
    " need --coordinator_address=HOST:PORT --num_processes=N --process_id=I",
  )
  assert coordinator_address and num_processes and process_id is not None
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
  # Nothing is guessed where it was said.
  _initialize(**given, cluster_detection_method="deactivate")
  return None


def _detected() -> tuple[bool, str | None]:
  """(whether a cluster of several processes is there, what to tell of it)."""
  # JAX has no public way to ask before it connects; and to connect where there
  # is one process only could fail for a port that another job has.
  from jax._src.clusters import ClusterEnv

  for env in ClusterEnv._cluster_types:
    if env.opt_in_only_method:
      continue
    try:
      if env.is_env_present():
        return env.get_process_count() > 1, None
    except Exception as error:
      reason = " ".join(str(error).split()) or type(error).__name__
      return False, (
        f"this seems to be a {env.name} cluster, but it cannot be asked"
        f" ({reason[:200]}), so that this process trains alone; several"
        " processes need --coordinator_address --num_processes --process_id,"
        " and --num_processes=1 ends this note"
      )
  return False, None


def _initialize(**given: Any) -> None:
  # Its own handler would hear SIGTERM in place of `run.stop`.
  jax.config.update("jax_enable_preemption_service", False)
  ending.exit_when_aborted()
  try:
    jax.distributed.initialize(
      **given,
      initialization_timeout=_START,
      heartbeat_timeout_seconds=_HEARTBEAT,
      shutdown_timeout_seconds=_END,
    )
  except (RuntimeError, ValueError) as error:
    reason = " ".join(str(error).split())
    raise InputError(
      f"cannot join the other processes ({reason[:300]}); is the same command"
      " started on every host, and can all reach process 0?"
    ) from error
  ending.listen()
