"""What somebody else put into a workdir: links, names of code."""

import json

from tests.faults.compare import differences
from tests.faults.damaged import contents
from tests.faults.ground import Lost, Try

# What a run opens or writes under names that anybody knows.
_NAMES = (
  ".lock",
  "config.json",
  "data.json",
  "labels.npz",
  "metrics.jsonl",
  "model.json",
  "samples.csv",
  "summary.json",
)
_CODE = """
import os, pathlib
pathlib.Path(os.environ["RAN"]).write_text("ran")
def network(*arguments, **named):
  raise SystemExit(0)
"""


def links(t: Try) -> list[str]:
  """A link in the place of a file, or of an unfinished one, leads to a file of
  ours elsewhere, which must stay as it is."""
  half = t.rng.random() < 0.5
  if t.rng.random() < 0.75:
    t.copy(t.ground.half if half else t.ground.reference)
  else:
    t.workdir.mkdir()
  name = _NAMES[t.rng.integers(len(_NAMES))]
  if name != ".lock":  # It is never replaced.
    name += ("", ".part")[t.rng.integers(2)]
  path, victim = t.workdir / name, t.folder / "victim"
  victim.write_bytes(path.read_bytes() if path.exists() else b"precious\n")
  path.unlink(missing_ok=True)
  path.symlink_to(victim)
  before, all_before = victim.read_bytes(), contents(t.workdir)
  ended = t.start().wait()
  refused = ended.refused()
  if victim.read_bytes() != before:
    raise Lost(f"{name} -> a file elsewhere, which was written: {ended.told()}")
  if refused:
    if contents(t.workdir) != all_before:
      raise Lost(f"{name} refused, but files were changed: {ended.told()}")
    return ["refused"]
  found = differences(t.workdir, t.ground.reference)
  if found:
    raise Lost(f"{name} a link: {'; '.join(found.values())}")
  return ["replaced"]


def code(t: Try) -> list[str]:
  """A workdir names a function as its network; nobody asked for it."""
  t.copy(t.ground.reference)
  (t.folder / "somebodys_module.py").write_text(_CODE)
  for name in ("config.json", "model.json"):
    stored = json.loads((t.workdir / name).read_text())
    stored["network"] = "somebodys_module:network"
    (t.workdir / name).write_text(json.dumps(stored))
  ran = t.folder / "ran"
  env = {
    "RAN": str(ran),
    "PYTHONPATH": f"{t.ground.env['PYTHONPATH']}:{t.folder}",
  }
  words = []
  for mode in ("evaluate", "predict", "export", "report", "train"):
    running = t.start(env=env) if mode == "train" else t.use(mode, env=env)
    refused = running.wait().refused()
    if ran.exists():
      raise Lost(f"--mode={mode} ran somebody else's code")
    if mode != "report":  # It needs no network.
      if not refused:
        raise Lost(f"--mode={mode} was not refused")
      words.append("refused")
  return words
