"""Where a set of TFDS lies that was prepared before."""

import contextlib
import json
import pathlib
import re

from fsr_jax.data.options import DataOptions
from fsr_jax.errors import InputError, check, typed_reason
from fsr_jax.files import place, read_file, require_file

# Keys of features.json under which TFDS has the class of a feature.
_CLASS = ("type", "pythonClassName", "python_class_name")
PREPARED_HERE = ("cifar10", "cifar100")  # By fsr_jax.data.prepare.


@contextlib.contextmanager
def opened(options: DataOptions, name: str):
  """The builder of a prepared set; what goes wrong with it is an InputError.

  Args:
    options: their data_dir is the folder of all sets.
    name: NAME, NAME/CONFIG or NAME:VERSION.
  """
  root = place(options.data_dir or "~/tensorflow_datasets")
  fix = f"prepare it with: {_preparation(name, root)}"
  check(root.is_dir(), f"data.data_dir={root} is not a directory; {fix}")
  folder = _newest(root, name)
  check(
    folder is not None,
    f"no {name} in array_record format under {root}; {fix}",
  )
  assert folder is not None
  for file in folder.iterdir():
    if not file.is_dir():
      require_file(file)
  try:
    _check_features(folder / "features.json")
    # Imported here: only this source needs it.
    import tensorflow_datasets as tfds

    yield tfds.builder_from_directory(folder, file_format="array_record")
  except InputError:
    raise
  # TFDS and ArrayRecord raise many types for a damaged or partial copy.
  except Exception as error:
    said = typed_reason(error)
    raise InputError(
      f"cannot read {name} under {root} ({said}); {fix}"
    ) from error


def _check_features(file: pathlib.Path) -> None:
  """Refuses a set whose features are of a module that TFDS would import.

  Raises:
    InputError: names the first that is not of TFDS itself.
  """
  if not file.exists():
    return
  found = [json.loads(read_file(file))]
  while found:
    entry = found.pop()
    if not isinstance(entry, dict):
      continue
    for name in _CLASS:
      kind = entry.get(name)
      check(
        not isinstance(kind, str)
        or "." not in kind
        or kind.startswith("tensorflow_datasets."),
        f"{file} has a feature {kind}, whose module would be imported and run;"
        " expected those of tensorflow_datasets",
      )
    found += entry.values()


def _newest(root: pathlib.Path, name: str) -> pathlib.Path | None:
  """The folder of its highest version; None where there is none."""
  name, _, version = name.partition(":")
  found = {
    file.parent
    for file in (root / name).rglob("*.array_record*")
    if re.fullmatch(r"\d+\.\d+\.\d+", file.parent.name)
    and version in ("", file.parent.name)
  }
  configs = sorted({folder.parent.relative_to(root) for folder in found})
  check(
    len(configs) <= 1,
    f"{root} has several of {name}: {', '.join(map(str, configs))};"
    " data.dataset names one",
  )
  return max(
    found,
    key=lambda folder: [int(x) for x in folder.name.split(".")],
    default=None,
  )


def _preparation(name: str, root) -> str:
  if name in PREPARED_HERE:
    return f"python -m fsr_jax.data.prepare --dataset={name} --data_dir={root}"
  return (
    f"tfds build {name} --file_format=array_record --data_dir={root} (needs"
    " TensorFlow, once)"
  )
