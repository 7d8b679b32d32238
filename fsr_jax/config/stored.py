"""Configs as JSON has them: what no run can have written is found."""

from typing import Any

from ml_collections import ConfigDict

from fsr_jax import config as config_lib
from fsr_jax import fields
from fsr_jax.config.options import DATA, all_fields
from fsr_jax.errors import check
from fsr_jax.models.custom import check_allowed


def check_types(where: object, config: Any) -> None:
  """Refuses what is no config, or has values of other types than its fields.

  Args:
    where: it is from, for messages.
    config: as json.loads has it.

  Raises:
    InputError: names the field, its value and what was expected.
  """
  data = config.get("data") if isinstance(config, dict) else None
  check(
    isinstance(data, dict),
    f"{where} is not the JSON of a config; move it away or choose another"
    " workdir",
  )
  assert isinstance(data, dict)
  odd = [name for name in (*config, *data) if not _is_name(name)]
  check(
    not odd,
    f"{where} has a field {odd[0][:40]!r} in it, which no config has"
    if odd
    else "",
  )
  values = {**config, **{DATA + name: value for name, value in data.items()}}
  known = all_fields()
  for name, value in values.items():
    if name == "data" or value is None:
      continue
    flat = _is_flat(value)
    # Another version may have had other fields, but none that nest.
    right, words = flat, "one value, or a list of them"
    if name in known:
      group, entry = known[name]
      right = fields.has_type(group, entry.name, value)
      words = fields.expected(group, entry.name)
    shown = str(value)[:80] if flat else f"a nested {type(value).__name__}"
    check(right, f"{where}: {name} is {shown}; expected {words}")


def check_code(where: object, config: Any, allow_code: bool) -> None:
  """Refuses the config of a run, perhaps somebody else's, that names code.

  Args:
    where: it is from, for messages.
    config: passed by `check_types`.
    allow_code: whether networks that are package.module:function may be
      imported and run.

  Raises:
    InputError: names what would be imported.
  """
  networks = (config.get(field) for field in ("network", "feature_network"))
  named = [network for network in networks if network is not None]
  check_allowed(where, allow_code, *named)


def completed(config: dict[str, Any]) -> tuple[ConfigDict, list[str]]:
  """The config of a run, perhaps of an earlier version.

  Args:
    config: passed by `check_types`.

  Returns:
    (config with the defaults of the fields that it lacks, those fields).
  """
  base = config_lib.base().to_dict()
  missing = config_lib.flatten(base).keys() - config_lib.flatten(config).keys()
  data = {**base["data"], **config["data"]}
  return ConfigDict({**base, **config, "data": data}), sorted(missing)


def _is_name(name: str) -> bool:
  """Whether a field can be called so."""
  return name.isidentifier() and not hasattr(ConfigDict, name)


def _is_flat(value: Any) -> bool:
  """Whether a value is one, or a list of such."""
  entries = value if isinstance(value, list) else [value]
  return not any(isinstance(entry, list | dict) for entry in entries)
