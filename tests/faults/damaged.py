"""Files of a run and of its data that are flipped, cut, gone or exchanged."""

from collections.abc import Callable
import pathlib
import shutil

import numpy as np
from PIL import Image

from tests.faults.compare import differences
from tests.faults.ground import Ended, Lost, Try

# What a run reads when it goes on.
_READ = (
  "config.json",
  "data.json",
  "labels.npz",
  "metrics.jsonl",
  "summary.json",
)
# And what is read of it when it is done.
_USED = ("model.json", "config.json", "data.json", "labels.npz")


def flip(t: Try, path: pathlib.Path) -> None:
  """One bit."""
  blob = bytearray(path.read_bytes())
  if blob:
    blob[t.rng.integers(len(blob))] ^= 1 << int(t.rng.integers(8))
  path.write_bytes(blob)


def cut(t: Try, path: pathlib.Path) -> None:
  """Its end is gone, or all of it."""
  blob = path.read_bytes()
  path.write_bytes(blob[: t.rng.integers(max(len(blob), 1))])


def remove(t: Try, path: pathlib.Path) -> None:
  """The file is gone."""
  del t
  path.unlink()


def noise(t: Try, path: pathlib.Path) -> None:
  """Of the same length."""
  path.write_bytes(t.rng.bytes(path.stat().st_size))


Damage = Callable[[Try, pathlib.Path], None]


def contents(workdir: pathlib.Path) -> dict[str, bytes]:
  """All files but the lock and those of checkpoints that were begun."""
  return {
    str(path.relative_to(workdir)): path.read_bytes()
    for path in sorted(workdir.rglob("*"))
    if path.is_file()
    and path.name != ".lock"
    and "checkpoint-tmp" not in str(path.relative_to(workdir))
  }


def _kind(path: pathlib.Path) -> str:
  """Files of a checkpoint that are alike: names that are digests, one."""
  return "data" if path.parent.name == "d" else path.name


def checkpoints(workdir: pathlib.Path) -> list[pathlib.Path]:
  """Those that are whole, oldest first."""
  found = (workdir / "checkpoints").iterdir()
  whole = [path for path in found if path.name.isdigit()]
  return sorted(whole, key=lambda path: int(path.name))


def of_checkpoint(t: Try) -> pathlib.Path:
  """A file of a checkpoint, each kind as often, the newest twice as often."""
  steps = checkpoints(t.workdir)
  step = steps[-1] if t.rng.random() < 0.67 else steps[0]
  found = sorted(path for path in step.rglob("*") if path.is_file())
  groups: dict[tuple, list[pathlib.Path]] = {}
  for path in found:
    key = (path.parent.relative_to(step).parts, _kind(path))
    groups.setdefault(key, []).append(path)
  group = list(groups.values())[t.rng.integers(len(groups))]
  return group[t.rng.integers(len(group))]


def checkpoint(damage: Damage) -> Callable[[Try], list[str]]:
  """A file of a checkpoint; where that is refused, the checkpoint is moved
  away, as the message says, and the same command goes on."""

  def fault(t: Try) -> list[str]:
    t.copy(t.ground.half)
    path = of_checkpoint(t)
    damage(t, path)
    word = judged(t, path)
    if word == "refused":
      folder = t.workdir / "checkpoints"
      step = folder / path.relative_to(folder).parts[0]
      step.rename(t.folder / "moved_away")
      t.resume()
    return [word]

  return fault


def file(
  damage: Damage, names: tuple[str, ...] = _READ
) -> Callable[[Try], list[str]]:
  """A file beside the checkpoints, of a run in its midst or done."""

  def fault(t: Try) -> list[str]:
    name = names[t.rng.integers(len(names))]
    half = name != "summary.json" and t.rng.random() < 0.67
    t.copy(t.ground.half if half else t.ground.reference)
    path = t.workdir / name
    damage(t, path)
    return [judged(t, path)]

  return fault


def judged(t: Try, path: pathlib.Path) -> str:
  """What the same command says of a workdir in which this file is damaged.

  Returns:
    "refused": one line, and nothing else was changed; "noticed": a note, and
    all but that file is as it should be; "harmless": all is as it should be.
  """
  before, name = contents(t.workdir), str(path.relative_to(t.workdir))
  ended = t.start().wait()
  try:
    if ended.refused():
      if contents(t.workdir) != before:
        raise Lost(f"refused, but files were changed: {ended.told()}")
      return "refused"
    found = differences(t.workdir, t.ground.reference)
    # A config that was replaced is kept beside the new one.
    found = {k: x for k, x in found.items() if not _kept_config(k)}
    new = ended.notes - t.ground.notes
    if found and (set(found) != {name} or not new):
      raise Lost(f"another result, {_noted(new)}: {'; '.join(found.values())}")
    return "noticed" if new else "harmless"
  except Lost as lost:
    raise Lost(f"{name}{_where(before.get(name), t, name)}: {lost}") from lost


def _kept_config(name: str) -> bool:
  return name.startswith("config.") and name != "config.json"


def _noted(notes: set[str]) -> str:
  return f"noted ({'; '.join(notes)})" if notes else "without a word"


def _where(blob: bytes | None, t: Try, name: str) -> str:
  """Which byte is not as it was, in words."""
  for workdir in (t.ground.half, t.ground.reference):
    path = workdir / name
    was = path.read_bytes() if path.is_file() else b""
    if blob is not None and len(was) == len(blob):
      at = [i for i, (a, b) in enumerate(zip(was, blob)) if a != b]
      if len(at) == 1:
        i = at[0]
        return (
          f" byte {i} ({was[max(i - 20, 0) : i + 5]!r} ->"
          f" {blob[max(i - 20, 0) : i + 5]!r})"
        )
  return ""


def metrics_lines(t: Try) -> list[str]:
  """Lines of metrics.jsonl that no run writes, among the right ones."""
  t.copy(t.ground.half)
  path = t.workdir / "metrics.jsonl"
  lines = path.read_bytes().splitlines()
  for bad in (b"\xff\xfe", b"[1]", b"5", b'{"step": null}', b'{"st', b""):
    lines.insert(int(t.rng.integers(len(lines) + 1)), bad)
  path.write_bytes(b"\n".join(lines) + b"\n")
  ended = t.resume()
  if not any("metrics.jsonl has" in note for note in ended.notes):
    raise Lost("damaged lines are not counted")
  return ["noticed"]


def renamed_checkpoint(t: Try) -> list[str]:
  """A checkpoint under the name of another step."""
  t.copy(t.ground.half)
  folder = t.workdir / "checkpoints"
  newest = checkpoints(t.workdir)[-1]
  other = folder / str(int(newest.name) + int(t.rng.integers(1, 20)))
  newest.rename(other)
  word = judged(t, other)
  if word != "refused":
    raise Lost(f"{word}; expected refused")
  other.rename(newest)
  t.resume()
  return [word]


def _use(t: Try, mode: str) -> tuple[Ended, dict[str, bytes]]:
  """A mode on this try's workdir, and the files that it wrote."""
  before = contents(t.workdir)
  ended = t.use(mode).wait()
  found = contents(t.workdir)
  return ended, {k: x for k, x in found.items() if before.get(k) != x}


def used(t: Try) -> list[str]:
  """A bit is flipped in a file of a finished run that is then used."""
  mode = ("evaluate", "predict")[t.rng.integers(2)]
  t.copy(t.ground.reference)
  _, expected = _use(t, mode)
  for name in expected:
    (t.workdir / name).unlink()
  path = of_checkpoint(t)
  if t.rng.random() < 0.5:
    path = t.workdir / _USED[t.rng.integers(len(_USED))]
  flip(t, path)
  ended, found = _use(t, mode)
  if ended.refused():
    return ["refused"]
  if found != expected and not ended.notes:
    name = str(path.relative_to(t.workdir))
    where = _where(path.read_bytes(), t, name)
    raise Lost(f"{mode}, {name}{where}: another result without a word")
  return ["noticed" if ended.notes else "harmless"]


def _pictures(t: Try) -> list[pathlib.Path]:
  """A folder of three classes, one colour each."""
  paths = []
  for c, name in enumerate(("cat", "cow", "dog")):
    for i in range(14):
      kind = ("png", "jpg")[i % 2]
      path = t.folder / "pictures" / name / f"{i}.{kind}"
      path.parent.mkdir(parents=True, exist_ok=True)
      pixels = t.rng.integers(0, 150, (20, 16, 3))
      pixels[..., c] += 100
      Image.fromarray(pixels.astype(np.uint8)).save(path)
      paths.append(path)
  return paths


def pictures(on_error: str) -> Callable[[Try], list[str]]:
  """A picture that is cut, of noise, empty, text or a folder."""

  def fault(t: Try) -> list[str]:
    paths = _pictures(t)
    path = paths[t.rng.integers(len(paths))]
    kind = t.rng.integers(5)
    if kind == 0:
      path.write_bytes(path.read_bytes()[: t.rng.integers(1, 200)])
    elif kind == 1:
      noise(t, path)
    elif kind == 2:
      path.write_bytes(b"")
    elif kind == 3:
      path.write_text("no picture")
    else:
      shutil.copy(__file__, path)
    fields = {"batch_size": 8, "num_epochs": 4, "data.image_size": 8}
    ended = t.start(
      f"--config.data.on_error={on_error}",
      *(f"--config.{name}={value}" for name, value in fields.items()),
      data=t.folder / "pictures",
    ).wait()
    if ended.refused():
      if on_error == "skip" or path.name not in ended.err:
        raise Lost(ended.told())
      return ["refused"]
    skipped = t.workdir / "skipped.txt"
    if not skipped.exists() or path.name not in skipped.read_text():
      raise Lost(f"{path.name} is damaged, and nothing says so")
    return ["skipped"]

  return fault
