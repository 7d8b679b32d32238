"""What a run was set to, and the commands to go on with."""

import shlex
from typing import Any, NamedTuple

from fsr_jax import config as config_lib
from fsr_jax.config import stored
from fsr_jax.config.options import all_fields
from fsr_jax.run.page.finished import Finished
from fsr_jax.run.remote import called

# What the page calls the file of corrections that it makes.
CORRECTIONS = "labels_corrected.csv"
# Sources that configs/folder.py reads.
_OWN = ("folder", "manifest", "arrays")


class Setting(NamedTuple):
  """A field of the config.

  Attributes:
    name: of the field.
    value: of the run, as text.
    usual: what the method has where nothing is set, as text.
    about: what the field is.
    differs: whether the two are not the same.
  """

  name: str
  value: str
  usual: str
  about: str
  differs: bool


def settings(run: Finished) -> list[Setting]:
  """Every field, those that differ from what the method has first.

  Args:
    run: Finished.
  """
  config, _ = stored.completed(run.config)
  usual = config_lib.base()
  usual.update({k: config[k] for k in ("method", "num_epochs")})
  before = config_lib.flatten(config_lib.resolve(usual).to_dict())
  known = all_fields()
  found = [
    Setting(
      name,
      _text(value),
      _text(before.get(name)),
      known[name][1].metadata["about"] if name in known else "",
      # What others follow from is named, whatever it is.
      _plain(value) != _plain(before.get(name)) or name in ("method",),
    )
    for name, value in sorted(config_lib.flatten(config.to_dict()).items())
  ]
  return sorted(found, key=lambda s: not s.differs)


def _plain(value: Any) -> Any:
  return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
  return "–" if value is None else str(value)


class Command(NamedTuple):
  """What can be done next.

  Attributes:
    about: what the command does.
    text: of the command.
  """

  about: str
  text: str


def commands(run: Finished) -> list[Command]:
  """The commands to go on with.

  Args:
    run: Finished.
  """
  at = f"--workdir={shlex.quote(called(str(run.path)))}"
  main = "python main.py"
  data = run.config["data"]
  own = data.get("dataset") in _OWN and data.get("path")
  config = f"folder:{data['path']}" if own else "CONFIG"
  again = f"{main} --config={shlex.quote(config)} --workdir=runs/corrected"
  if data.get("noise") not in (None, "none"):
    again += " --config.data.noise=none --config.data.noise_ratio=0"
  said = (
    "Repeat the flags that this run was given besides."
    if own
    else "CONFIG and the other flags are those that this run was given."
  )
  return [
    Command("Evaluate the run again.", f"{main} --mode=evaluate {at}"),
    Command(
      "Predict the classes of other pictures.",
      f"{main} --mode=predict {at} --input=PICTURES",
    ),
    Command("Write this page anew.", f"{main} --mode=report {at}"),
    Command(
      "Train on the labels that you corrected on this page, in a new workdir."
      f" {said}",
      f"{again} --config.data.labels_file={CORRECTIONS}",
    ),
    Command(
      "Train on all labels as they are suggested, without looking.",
      f"{again} --config.data.labels_file="
      + shlex.quote(called(str(run.path / "labels_suggested.csv"))),
    ),
  ]
