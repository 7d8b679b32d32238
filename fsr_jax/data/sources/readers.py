"""Which source reads which of the fields that not every source reads."""

import dataclasses

from fsr_jax.data.dataset import Data
from fsr_jax.data.images.reader import Encoded
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.tfds import PREFIX
from fsr_jax.data.sources.tfds_folder import PREPARED_HERE

_TFDS = (*PREPARED_HERE, f"{PREFIX}NAME")
_OWN = ("folder", "manifest", "arrays")

# Field of DataOptions -> the data.datasets that read it; what is not here, all
# do.
READERS: dict[str, tuple[str, ...]] = {
  "path": (*_OWN, "webvision"),
  "data_dir": _TFDS,
  "label_key": _TFDS,
  "train_split": (*_TFDS, "folder", "manifest", "webvision"),
  "val_split": (*_TFDS, "folder", "manifest"),
  "test_split": (*_TFDS, "folder", "manifest"),
  "test_share": (*_TFDS, *_OWN),
  "class_names": _OWN,
}


def kind_of(dataset: str) -> str:
  """A data.dataset as READERS has it."""
  return f"{PREFIX}NAME" if dataset.startswith(PREFIX) else dataset


def unused(options: DataOptions, data: Data) -> list[str]:
  """One line for each field that is set and that nothing reads.

  Args:
    options: DataOptions.
    data: what came of them.
  """
  kinds = {kind_of(options.dataset)}
  if options.test_from:
    kinds.add(kind_of(options.test_from))
  reasons = {
    name: f"data.dataset={options.dataset} does not read it;"
    f" {', '.join(readers)} do"
    for name, readers in READERS.items()
    if not kinds & {*readers}
  }
  aside = data.test_set_aside or options.test_from or not options.test_share
  if data.test and not aside:
    reasons.setdefault("test_share", "the data have a test part of their own")
  splits = (data.train, data.test, data.held_out)
  if not any(s and isinstance(s.image, Encoded) for s in splits):
    reasons["on_error"] = f"{options.dataset} has no image files to be read"
    if options.min_crop_area == 1:
      reasons["image_size"] = f"the images of {options.dataset} keep their size"
  return [
    f"data.{entry.name}={getattr(options, entry.name)} is not used:"
    f" {reasons[entry.name]}"
    for entry in dataclasses.fields(DataOptions)
    if entry.name in reasons and getattr(options, entry.name) != entry.default
  ]
