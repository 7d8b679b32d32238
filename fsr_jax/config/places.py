"""Fields that name a file or a folder: a run finds it from anywhere.

A config keeps them as absolute paths, so that a run in `workdir` is evaluated
and continued from any folder.
"""

from collections.abc import Mapping
import os
import pathlib
import re
from typing import Any, TypeGuard

from ml_collections import ConfigDict

from fsr_jax.config.options import DATA, all_fields
from fsr_jax.data.sources.tfds import PREFIX
from fsr_jax.errors import check

PLACES = tuple(
  name for name, (_, entry) in all_fields().items() if entry.metadata["place"]
)
# Those that the data are read from, by their names in config.data.
DATA_PLACES = tuple(
  name.removeprefix(DATA) for name in PLACES if name.startswith(DATA)
)

# May name a model on the Hugging Face hub instead, OWNER/NAME.
_HUB = "pretrained"


def is_on_hub(pretrained: str) -> bool:
  """Whether `pretrained` is a model's name: nothing here is called so."""
  return (
    re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", pretrained) is not None
    and not pretrained.endswith(".safetensors")
    and not os.path.exists(pretrained)
  )


def absolute(config: ConfigDict) -> ConfigDict:
  """A copy in which every place is an absolute path.

  Args:
    config: with fields of config.base(), perhaps not all.

  Returns:
    ConfigDict. Links stay links; names of data sets (tfds:NAME) and addresses
    stay as they are.
  """
  config = ConfigDict(config.to_dict())
  for field in PLACES:
    *group, name = field.split(".")
    holder = config.get(group[0]) if group else config
    value = holder.get(name) if isinstance(holder, ConfigDict) else None
    if _is_path(value) and not (field == _HUB and is_on_hub(value)):
      path = pathlib.Path(os.path.expanduser(value))
      holder[name] = str(path.absolute())
  return config


def check_found(data: Mapping[str, Any], where: object) -> None:
  """Refuses data of a run that lie nowhere.

  Args:
    data: fields of `config.data` as the run in a workdir stored them.
    where: that workdir, for messages.

  Raises:
    InputError: a place is a relative path, as runs of old stored them, or
      nothing is there any more; says how to name it.
  """
  check(
    data.get("dataset") != "arrays" or data.get("path", "") is not None,
    f"workdir {where} holds a run of fsr_jax.fit, whose data were in memory;"
    " --input=PATH evaluates other labelled images",
  )
  for name in DATA_PLACES:
    value = data.get(name)
    if not _is_path(value):
      continue
    field = f"{DATA}{name}"
    way = (
      f"say where it is by --config=FILE --config.{field}=PATH, FILE the config"
      " file of the run"
    )
    check(
      os.path.isabs(value),
      f"workdir {where} holds a run with {field}={value}, a path from the"
      f" folder it was started in, which is not known; {way}",
    )
    check(
      os.path.exists(value),
      f"workdir {where} holds a run with {field}={value}, where nothing is any"
      f" more; {way}",
    )


def _is_path(value: object) -> TypeGuard[str]:
  return (
    isinstance(value, str)
    and bool(value)
    and not value.startswith(PREFIX)
    and "://" not in value
  )
