"""Kinds of wrong and unequal labels that methods are compared on."""

import pathlib

from benchmarks.scales import Scale
from fsr_jax.errors import check

Settings = dict[str, dict]


def noise(kind: str, ratio: float) -> dict:
  """Fields of one kind of wrong labels."""
  return {"data.noise": kind, "data.noise_ratio": float(ratio)}


def uniform(ratio: float) -> dict:
  """Fields of uniform noise."""
  return noise("uniform", ratio)


RIGHT_LABELS = noise("none", 0)


def tail(
  scale: Scale, imbalance_ratio: float, wrong: dict | None = None
) -> dict:
  """Fields of a long tail, its labels wrong as `wrong` says or right."""
  return {
    "data.imbalance_ratio": float(imbalance_ratio),
    **(wrong or RIGHT_LABELS),
    **scale.long_tail,
  }


def settings(scale: Scale) -> Settings:
  """name -> fields, those of the scale and of its files of labels.

  Raises:
    InputError: two files of labels of one name.
  """
  known = {
    "as_configured": {},
    "right_labels": RIGHT_LABELS,
    "uniform_0.2": uniform(0.2),
    "uniform_0.4": uniform(0.4),
    "uniform_0.8": uniform(0.8),
    "asymmetric_0.4": noise("asymmetric", 0.4),
    "pair_0.4": noise("pair", 0.4),
    "instance_0.2": noise("instance", 0.2),
    "instance_0.4": noise("instance", 0.4),
    "tail_10": tail(scale, 10),
    "tail_50": tail(scale, 50),
    "tail_100": tail(scale, 100),
    "tail_20_uniform_0.4": tail(scale, 20, uniform(0.4)),
    "tail_20_instance_0.2": tail(scale, 20, noise("instance", 0.2)),
  }
  chosen = {name: known[name] for name in known if name in scale.settings}
  for file in scale.label_files:
    name = f"labels_{pathlib.Path(file).stem}"
    check(name not in chosen, f"--labels names two files called {name}")
    chosen[name] = {**RIGHT_LABELS, "data.labels_file": file}
  return chosen
