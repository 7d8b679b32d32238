"""A small CIFAR archive in the published binary layout."""

import hashlib
import io
import pathlib
import tarfile

import numpy as np

NAMES = {
  "cifar10": ("cifar-10-binary.tar.gz", "cifar-10-batches-bin"),
  "cifar100": ("cifar-100-binary.tar.gz", "cifar-100-binary"),
}


def _records(dataset, n, rng):
  """n records; the class is the brightness, so that it can be learned."""
  classes = 10 if dataset == "cifar10" else 100
  label = (np.arange(n) % classes).astype(np.uint8)[:, None]
  pixels = rng.integers(0, 56, (n, 3072), dtype=np.uint8)
  pixels += (label.astype(int) * 200 // classes).astype(np.uint8)
  labels = label if classes == 10 else np.concatenate([label // 5, label], 1)
  return np.concatenate([labels, pixels], axis=1).tobytes()


def write(dataset: str, folder: pathlib.Path, per_file: int) -> str:
  """Writes the archive of `dataset` into `folder`; returns its SHA-256."""
  rng = np.random.default_rng(0)
  archive, inner = NAMES[dataset]
  if dataset == "cifar10":
    files = {f"data_batch_{i}.bin": per_file for i in range(1, 6)}
    files |= {"test_batch.bin": per_file}
    texts = {"batches.meta.txt": [f"name{i}" for i in range(10)]}
  else:
    files = {"train.bin": 5 * per_file, "test.bin": per_file}
    texts = {
      "coarse_label_names.txt": [f"group{i}" for i in range(20)],
      "fine_label_names.txt": [f"name{i}" for i in range(100)],
    }
  contents = {name: _records(dataset, n, rng) for name, n in files.items()}
  contents |= {
    name: ("\n".join(lines) + "\n\n").encode() for name, lines in texts.items()
  }
  with tarfile.open(folder / archive, "w:gz") as tar:
    for name, blob in contents.items():
      info = tarfile.TarInfo(f"{inner}/{name}")
      info.size = len(blob)
      tar.addfile(info, io.BytesIO(blob))
  return hashlib.sha256((folder / archive).read_bytes()).hexdigest()
