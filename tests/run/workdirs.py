"""What several tests look at in a run's workdir."""

import pathlib

from tensorboardX.proto import event_pb2

from fsr_jax.run.use.restored import restore


def restored(workdir):
  """The newest checkpoint of a run, numpy arrays."""
  _, state = restore(str(workdir))
  return state


def contents(folder) -> dict[str, bytes]:
  """Every file below `folder`."""
  return {
    str(path): path.read_bytes()
    for path in pathlib.Path(folder).rglob("*")
    if path.is_file()
  }


def event_values(workdir) -> dict:
  """{(step, name): Summary.Value} of the TensorBoard events, as it shows them.

  Read as the format has it: length, its CRC, the event, its CRC. Where a run
  goes on, what was logged from there on is forgotten; nothing comes twice.
  """
  found = {}
  for path in sorted(pathlib.Path(workdir).glob("events.out.tfevents.*")):
    blob, at = path.read_bytes(), 0
    while at < len(blob):
      length = int.from_bytes(blob[at : at + 8], "little")
      event = event_pb2.Event.FromString(blob[at + 12 : at + 12 + length])
      at += 16 + length
      if event.session_log.status == event_pb2.SessionLog.START:
        found = {key: x for key, x in found.items() if key[0] < event.step}
      for value in event.summary.value:
        assert (event.step, value.tag) not in found, (event.step, value.tag)
        found[event.step, value.tag] = value
  return found


def event_scalars(workdir) -> dict[tuple[int, str], float]:
  """{(step, name): value} of those that are numbers."""
  return {
    key: value.simple_value
    for key, value in event_values(workdir).items()
    if value.HasField("simple_value")
  }
