"""Named sizes at which a sweep is run: a config file, overrides, constants."""

import copy
import functools
import pathlib
import re
from typing import NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags

from fsr_jax import config as config_lib
from fsr_jax.errors import InputError, check, choose

ROOT = pathlib.Path(__file__).resolve().parent.parent


# What Scale.with_data puts in.
DATA = "{data}"
# Of settings.settings; the smaller the scale, the fewer.
_FEW_SETTINGS = (
  "uniform_0.2",
  "uniform_0.4",
  "uniform_0.8",
  "asymmetric_0.4",
  "tail_50",
  "tail_20_uniform_0.4",
)
_ALL_BUT_THE_LONGEST_TAIL = (
  *_FEW_SETTINGS,
  "right_labels",
  "pair_0.4",
  "instance_0.2",
  "instance_0.4",
  "tail_10",
  "tail_20_instance_0.2",
)


class Scale(NamedTuple):
  """What a run is like before a cell changes it.

  Attributes:
    about: one line.
    config: below configs/ or absolute, with what follows its colon; DATA stands
      for the user's file.
    fields: of the config, that differ from that file.
    fixed_size: training examples where the number of clean ones beside them
      is swept.
    dictionary_sizes: values of K (and of held_out) that are swept.
    held_out: clean examples for the methods that need them.
    meta_blocks: values that are swept; -1 = everything.
    long_tail: fields that give the fewer examples of a long tail about as
      many steps as the whole set.
    conv: fields that put a network with batch norm where there is none; None
      where none takes the inputs.
    settings: of settings.settings, that methods are compared on.
    label_files: data.labels_file of further settings.
  """

  about: str
  config: str
  fields: dict
  fixed_size: int
  dictionary_sizes: tuple[int, ...]
  held_out: int
  meta_blocks: tuple[int, ...]
  long_tail: dict
  conv: dict | None
  settings: tuple[str, ...] = _FEW_SETTINGS
  label_files: tuple[str, ...] = ()

  def with_data(self, path: str | None) -> "Scale":
    """The same with the user's file in it.

    Raises:
      InputError: none where one is needed, or one where none is.
    """
    if DATA not in self.config:
      check(path is None, f"--data={path} is not used: this scale has its own")
      return self
    check(
      bool(path),
      "--data is missing: the file of feature vectors that this scale is of,"
      " as configs/folder.py takes it",
    )
    path = str(pathlib.Path(path).expanduser().absolute())
    return self._replace(config=self.config.replace(DATA, path))

  def with_labels(self, files: list[str]) -> "Scale":
    """The same with a setting for each of these files of labels.

    Raises:
      InputError: a file that is not there.
    """
    paths = [pathlib.Path(file).expanduser().absolute() for file in files]
    for path in paths:
      check(path.is_file(), f"--labels: there is no file {path}")
    return self._replace(label_files=tuple(map(str, paths)))

  def value(self, field: str):
    """Of a field of the config, e.g. "dictionary_size"."""
    return self.config_of({})[field]

  def config_of(self, fields: dict) -> ConfigDict:
    """The config of a run with these fields changed, resolved."""
    return load([*self.arguments(), *as_flags(fields)])

  def arguments(self, without=()) -> list[str]:
    """Flags for main.py, those of the fields `without` left out."""
    fields = {k: v for k, v in self.fields.items() if k not in without}
    return [f"--config={ROOT / 'configs' / self.config}", *as_flags(fields)]


_NOISY_CIFAR = "cifar_noise.py:cifar10,uniform,0.4,"
SCALES = {
  "digits": Scale(
    about="1,400 handwritten digits, one hidden layer; no download",
    config="quickstart.py",
    # Evaluated at the end only, an epoch in one call: half the time.
    fields={
      "eval_every_epochs": 60,
      "checkpoint_every_epochs": 60,
      "steps_per_call": 14,
    },
    fixed_size=800,
    dictionary_sizes=(10, 50, 100, 200, 400),
    held_out=100,
    meta_blocks=(0, -1),
    long_tail={"batch_size": 50},
    # Convolutions inside a loop are slow on a CPU.
    conv={"network": "convnet", "steps_per_call": 0},
    # On a tail of 100 the rarest class would have a single example.
    settings=_ALL_BUT_THE_LONGEST_TAIL,
  ),
  "features": Scale(
    about="50,000 feature vectors, one hidden layer, 15 epochs; 10 to 20 s a"
    " run on two CPU cores; needs --data=FILE",
    config=f"folder.py:{DATA}",
    # Evaluated at the end only.
    fields={
      "num_epochs": 15,
      "warmup_epochs": 3,
      # As large as it can be for so few epochs.
      "learning_rate": 0.1,
      "lr_warmup_epochs": 3,
      "eval_every_epochs": 15,
      "checkpoint_every_epochs": 15,
    },
    fixed_size=45000,
    dictionary_sizes=(100, 500, 1000, 2500, 5000),
    held_out=1000,
    meta_blocks=(0, -1),
    # Batches of 100 there too: half as many steps on the tail of 20, a
    # quarter on that of 50.
    long_tail={},
    conv=None,
    settings=(*_ALL_BUT_THE_LONGEST_TAIL, "tail_100"),
  ),
  "cifar_small": Scale(
    about="5,000 images of CIFAR-10, three convolutions, 127 epochs;"
    " 4 to 9 minutes a run on two CPU cores",
    config=_NOISY_CIFAR + "convnet",
    # Evaluated at the end only.
    fields={
      "data.max_examples": 5000,
      "dictionary_size": 400,
      "reward_batch_size": 50,
      "queue_size": 50,
      "eval_every_epochs": 127,
    },
    fixed_size=4000,
    dictionary_sizes=(20, 100, 200, 400, 800),
    held_out=100,
    meta_blocks=(0, 1, 2, -1),
    long_tail={"batch_size": 50},
    conv={},
  ),
  "paper": Scale(
    about="CIFAR-10, ResNet-32, 127 epochs; needs an accelerator",
    config=_NOISY_CIFAR + "resnet32",
    fields={},
    fixed_size=45000,
    dictionary_sizes=(100, 500, 1000, 2000, 5000),
    held_out=1000,
    meta_blocks=(0, 1, 5, 10, 15, -1),
    long_tail={"num_epochs": 200, "batch_size": 128, "schedule": "step"},
    conv={},
  ),
}


def named(name: str) -> Scale:
  """A scale by its name, or what a config file makes by itself.

  Args:
    name: of SCALES, or a file as main.py's --config takes it, with what
      follows its colon. Its constants are then those of the scale `paper`, and
      methods are compared in one setting, the file's own: `as_configured`.

  Raises:
    InputError: neither.
  """
  file, colon, arguments = name.partition(":")
  if not file.endswith(".py"):
    choose("scale", name, [*SCALES, "FILE.py of a config"])
    return SCALES[name]
  path = pathlib.Path(file).expanduser().absolute()
  check(path.is_file(), f"--scale: there is no config file {path}")
  return SCALES["paper"]._replace(
    about=name,
    config=f"{path}{colon}{arguments}",
    settings=("as_configured",),
  )


def as_flags(fields: dict) -> list[str]:
  """{"seed": 1} -> ["--config.seed=1"]."""
  return [f"--config.{name}={value}" for name, value in fields.items()]


def names(arguments: list[str]) -> list[str]:
  """Fields that `arguments` set.

  Raises:
    InputError: an argument that is not --config.FIELD=VALUE.
  """
  found = []
  for argument in arguments:
    match = re.fullmatch(r"--?config\.([\w.]+)=.*", argument, re.DOTALL)
    check(
      bool(match),
      f"argument {argument!r} after --; expected --config.FIELD=VALUE",
    )
    found.append(match[1])
  return found


def load(arguments: list[str]) -> ConfigDict:
  """The config that main.py makes of `arguments`, resolved.

  Args:
    arguments: --config=FILE, then --config.FIELD=VALUE.

  Raises:
    InputError: an unknown field or method, a value of another type.
  """
  known = config_lib.flatten(config_lib.base().to_dict())
  for name in names(arguments[1:]):
    check(name in known, f"the config has no field {name!r}")
  argv = ["main.py", *arguments[1:]]
  values = flags.FlagValues()
  try:
    holder = config_flags.DEFINE_config_dict(
      "config",
      copy.deepcopy(_from_file(arguments[0])),
      flag_values=values,
      sys_argv=argv,
    )
    values(argv)
    config = holder.value
  # A config file is executed Python: it can raise anything.
  except Exception as error:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    raise InputError(lines[-1].split("InputError: ")[-1]) from error
  return config_lib.resolve(config)


@functools.cache
def _from_file(argument: str) -> ConfigDict:
  """What --config=FILE alone makes; a file may read much to say it."""
  values = flags.FlagValues()
  argv = ["main.py", argument]
  holder = config_flags.DEFINE_config_file(
    "config", flag_values=values, sys_argv=argv
  )
  values(argv)
  return holder.value
