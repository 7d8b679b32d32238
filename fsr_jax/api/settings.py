"""Keywords of `fit`: fields of the config, by their plain names."""

from collections.abc import Iterator, Mapping
import contextlib
import csv
import difflib
import io
import os
import re
from typing import Any

from ml_collections import ConfigDict
import numpy as np

from fsr_jax import config as config_lib
from fsr_jax import fields as field_lib
from fsr_jax.api.inputs import is_place
from fsr_jax.config.options import DATA
from fsr_jax.errors import InputError, check

# Keyword -> field of the config: one of `data` is called as it is there.
FIELDS = {name.removeprefix(DATA): name for name in config_lib.all_fields()}
# What `x` says.
_OF_X = ("dataset", "path")


def settings(given: Mapping[str, Any]) -> ConfigDict:
  """The config that keywords stand for.

  Args:
    given: keyword -> value; None for what is not set.

  Returns:
    ConfigDict of the user's own data; nothing is set aside for testing unless
    test_share is given.

  Raises:
    InputError: an unknown keyword (names the nearest), a value of another
      type.
  """
  config = config_lib.of_own_data()
  config.data.test_share = 0.0
  for keyword, value in given.items():
    if keyword not in FIELDS:
      close = difflib.get_close_matches(keyword, FIELDS, n=1)
      hint = f"; did you mean {close[0]}?" if close else ""
      raise InputError(f"fit has no keyword {keyword!r}{hint}")
    check(
      keyword not in _OF_X or value is None,
      f"{keyword}={value!s:.80}: it follows from x, the data or their path",
    )
    if value is not None:
      _set(config, FIELDS[keyword], _plain(keyword, value))
  return config


def _plain(keyword: str, value: Any) -> Any:
  """A value as a config has it."""
  if keyword == "class_names" and not isinstance(value, str):
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(value)
    return line.getvalue()
  if isinstance(value, os.PathLike):
    return os.fspath(value)
  if isinstance(value, np.generic):
    return value.item()
  return tuple(value) if isinstance(value, list) else value


def _set(config: ConfigDict, name: str, value: Any) -> None:
  group, entry = config_lib.all_fields()[name]
  check(
    field_lib.has_type(group, entry.name, value),
    f"{name}={value!s:.80}; expected {field_lib.expected(group, entry.name)}",
  )
  kind = field_lib.type_of(group, entry.name)
  holder = config.data if name.startswith(DATA) else config
  holder[entry.name] = float(value) if kind is float else value


def name_place(config: ConfigDict, given: Mapping[str, Any]) -> None:
  """Says in the config where the data are.

  Args:
    config: of `settings`.
    given: arguments of `fit`; x is a path, and labels None or one.

  Raises:
    InputError: arguments that belong to arrays.
  """
  others = [name for name, value in given.items() if value is not None]
  others = [name for name in others if name not in ("x", "labels")]
  check(
    not others,
    f"{', '.join(others)} beside x={given['x']}: what lies there has parts and"
    " names of its own",
  )
  config.data.path = os.fspath(given["x"])
  labels = given["labels"]
  check(
    labels is None or is_place(labels),
    f"labels beside x={given['x']} are a {type(labels).__name__}; expected"
    " None, or the path of a data.labels_file, whose rows are matched by id",
  )
  if labels is not None:
    config.data.labels_file = os.fspath(labels)


def in_keywords(text: str) -> str:
  """A message that names fields as keywords, where it named flags.

  >>> in_keywords("the same command with --config.data.noise=pair, data.flip")
  'the same call with noise="pair", flip'
  """
  text = text.replace("the same command", "the same call")
  text = text.replace("--allow_config_change", "allow_config_change=True")
  text = text.replace("another --workdir", "another workdir")
  text = re.sub(r"--config=folder:([^\s;]+)", r'x="\1"', text)
  text = re.sub(r"--config\.([\w.]+)=([^\s;]*[^\s;,])", _as_keyword, text)
  names = "|".join(map(re.escape, FIELDS))
  return re.sub(rf"\bdata\.({names})\b", r"\1", text)


def _as_keyword(flag: re.Match) -> str:
  name, value = flag[1], flag[2]
  group, entry = config_lib.all_fields().get(name, (None, None))
  if group is None or entry is None:
    return flag[0]
  text = field_lib.type_of(group, entry.name) is str
  return f'{entry.name}="{value}"' if text else f"{entry.name}={value}"


@contextlib.contextmanager
def errors_in_keywords() -> Iterator[None]:
  """`in_keywords` for what is wrong with the input."""
  try:
    yield
  except InputError as error:
    raise type(error)(in_keywords(str(error))) from error
