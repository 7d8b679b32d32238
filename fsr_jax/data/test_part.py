"""A test part from elsewhere, whose classes have the same names."""

import dataclasses
import pathlib

import numpy as np

from fsr_jax.data import own, tfds_source
from fsr_jax.data.dataset import Split
from fsr_jax.data.images import Files, encoded
from fsr_jax.errors import check


def load(config, class_names: tuple[str, ...]) -> Split:
  """The images of `config.test_from` whose class is one of `class_names`.

  Args:
    config: `config.data`; its `test_from` is a folder with CLASS/.../*.jpg, or
      tfds:NAME.
    class_names: C names.

  Returns:
    Split; classes without images there are not tested.

  Raises:
    InputError: no such folder or set, or no class of any of these names.
  """
  where = config.test_from
  if where.startswith(tfds_source.PREFIX):
    split, names = tfds_source.test_part(config)
  else:
    split, names = _folder(config)
  index = {name: c for c, name in enumerate(class_names)}
  label = np.array([index.get(name, -1) for name in names], np.int32)
  label = label[split.label]
  known = np.flatnonzero(label >= 0)
  check(
    bool(known.size),
    f"data.test_from={where} has no class of {config.dataset}, which are"
    f" {', '.join(class_names[:3])}, ...; it has {', '.join(names[:3])}, ...",
  )
  return dataclasses.replace(split.take(known), label=label[known])


def _folder(config) -> tuple[Split, tuple[str, ...]]:
  root = pathlib.Path(config.test_from).expanduser()
  check(root.is_dir(), f"data.test_from={root} is not a folder")
  paths = own.images_below(root)
  check(bool(paths), f"no images under data.test_from={root}")
  relative = [path.relative_to(root) for path in paths]
  names, label = np.unique(
    [path.parts[0] for path in relative], return_inverse=True
  )
  split = Split(
    encoded(Files([str(path) for path in paths]), config, False),
    label.astype(np.int32),
    id=np.array([path.as_posix() for path in relative]),
  )
  return split, tuple(names.tolist())
