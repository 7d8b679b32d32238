"""Downloads CIFAR and writes it in the TFDS random-access format.

    python -m fsr_jax.data.prepare --dataset=cifar10 --data_dir=DIR

TFDS's own CIFAR generator needs TensorFlow; this one reads the published
binary archive and lets TFDS write it, so that `tfds.data_source` finds it.
The archive's SHA-256 is checked before anything is read from it.
"""

from collections.abc import Iterator
import contextlib
import hashlib
import http.client
import io
import os
import pathlib
import shutil
import sys
import tarfile
import tempfile
import urllib.request

from absl import app, flags
import numpy as np
from PIL import Image

from fsr_jax.errors import InputError, check, choose
from fsr_jax.files import place

_SITE = "https://www.cs.toronto.edu/~kriz/"

# name -> (archive, its SHA-256 as recorded by TFDS 4.9.10, label bytes before
# each image, files of each split, files of class names).
ARCHIVES = {
  "cifar10": (
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ("label",),
    {
      "train": [f"data_batch_{i}.bin" for i in range(1, 6)],
      "test": ["test_batch.bin"],
    },
    {"label": "batches.meta.txt"},
  ),
  "cifar100": (
    "cifar-100-binary.tar.gz",
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    ("coarse_label", "label"),
    {"train": ["train.bin"], "test": ["test.bin"]},
    {
      "coarse_label": "coarse_label_names.txt",
      "label": "fine_label_names.txt",
    },
  ),
}


def fetch(url: str, path: pathlib.Path, sha256: str) -> pathlib.Path:
  """Downloads `url` to `path` unless it is there, and checks its digest.

  Args:
    url: of the archive.
    path: where it goes; written under another name until it is verified.
    sha256: expected digest, hexadecimal.

  Returns:
    path.

  Raises:
    InputError: no connection, or another digest.
  """
  if path.exists():
    _check_digest(path, sha256)
    return path
  partial = path.with_name(path.name + ".part")
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.unlink(missing_ok=True)
    with urllib.request.urlopen(url) as reply, open(partial, "xb") as file:
      shutil.copyfileobj(reply, file)
  except (OSError, http.client.HTTPException) as error:
    raise InputError(
      f"cannot download {url} to {path} ({error}); on a machine with"
      f" internet access fetch it and put it at {path}"
    ) from error
  _check_digest(partial, sha256)
  os.replace(partial, path)
  return path


def _check_digest(path: pathlib.Path, sha256: str) -> None:
  with open(path, "rb") as file:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
  check(
    digest == sha256,
    f"{path} has SHA-256 {digest}, expected {sha256}; delete it and try again",
  )


def read_records(blob: bytes, label_keys: tuple[str, ...]):
  """Yields ({label key: int}, image uint8 [32, 32, 3]) of one .bin file."""
  size = len(label_keys) + 3072
  check(
    len(blob) % size == 0,
    f"a CIFAR file of {len(blob)} bytes is not a multiple of {size}",
  )
  for row in np.frombuffer(blob, np.uint8).reshape(-1, size):
    image = row[len(label_keys) :].reshape(3, 32, 32).transpose(1, 2, 0)
    yield dict(zip(label_keys, map(int, row))), np.ascontiguousarray(image)


def _png(image: np.ndarray) -> bytes:
  """PNG file of a uint8 [H, W, 3] image (TFDS encodes arrays through TF)."""
  file = io.BytesIO()
  Image.fromarray(image).save(file, "PNG")
  return file.getvalue()


def _builder_class(dataset: str, archive: pathlib.Path):
  """TFDS's builder of `dataset` with a generator that needs no TensorFlow."""
  # Imported here: heavy, and needed only for the writing.
  import tensorflow_datasets as tfds

  _, _, label_keys, splits, names = ARCHIVES[dataset]
  base = tfds.builder_cls(dataset)

  def members():
    with tarfile.open(archive) as tar:
      return {
        os.path.basename(m.name): file.read()
        for m in tar.getmembers()
        if (file := tar.extractfile(m)) is not None  # None: no regular file.
      }

  def split_generators(self, dl_manager):
    del dl_manager
    files = members()
    for key, file in names.items():
      self.info.features[key].names = files[file].decode().split()
    return {
      split: examples(split, [files[file] for file in parts])
      for split, parts in splits.items()
    }

  def examples(split, blobs):
    index = 0
    for blob in blobs:
      for labels, image in read_records(blob, label_keys):
        name = f"{split}_{index:05d}"
        yield index, {"id": name, "image": _png(image), **labels}
        index += 1

  with tfds.core.registered.skip_registration():
    return type(
      base.__name__,
      (base,),
      {"name": dataset, "_split_generators": split_generators},
    )


def prepare(
  dataset: str, data_dir: str, site: str = _SITE, sha256: str | None = None
) -> None:
  """Makes `tfds.data_source(dataset, data_dir=data_dir)` work.

  Args:
    dataset: a key of ARCHIVES.
    data_dir: the TFDS directory; the archive goes to its `downloads/`.
    site: address of the folder that holds the archive.
    sha256: expected digest; None for the official archive's.

  Raises:
    InputError: unknown data set, failed download, wrong digest.
  """
  choose("dataset", dataset, ARCHIVES)
  root = place(data_dir)
  name, official, *_ = ARCHIVES[dataset]
  archive = fetch(site + name, root / "downloads" / name, sha256 or official)
  with _swept():
    builder = _builder_class(dataset, archive)(
      data_dir=str(root), file_format="array_record"
    )
    builder.download_and_prepare()


@contextlib.contextmanager
def _swept() -> Iterator[None]:
  """Temporary files go to a folder of their own, which is removed at the end.

  Every builder of TFDS makes a temporary folder and leaves it.
  """
  before = tempfile.tempdir
  with tempfile.TemporaryDirectory(prefix="fsr_jax_") as folder:
    tempfile.tempdir = folder
    try:
      yield
    finally:
      tempfile.tempdir = before


_DATASET = flags.DEFINE_string("dataset", None, "cifar10 or cifar100.")
_DATA_DIR = flags.DEFINE_string(
  "data_dir", "~/tensorflow_datasets", "TFDS directory to write to."
)


def main(argv):
  del argv
  try:
    check(bool(_DATASET.value), "--dataset is missing: cifar10 or cifar100")
    prepare(str(_DATASET.value), str(_DATA_DIR.value))
  except InputError as error:
    sys.exit(f"error: {error}")
  print(f"{_DATASET.value} is ready: --config.data.data_dir={_DATA_DIR.value}")


if __name__ == "__main__":
  app.run(main)
