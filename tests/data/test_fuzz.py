"""Whatever is in a file, a source has its data or one line about it."""

import os

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data import sources
from fsr_jax.data.options import DataOptions
from fsr_jax.errors import InputError
from tests.data import own

GOOD = {
  "image": np.zeros((12, 4, 4, 3), np.uint8),
  "label": np.arange(12) % 3,
  "test_image": np.zeros((12, 4, 4, 3), np.uint8),
  "test_label": np.arange(12) % 3,
  "id": np.arange(12),
}
ODD = (
  np.array(3),
  np.zeros(0),
  np.zeros((12, 0)),
  np.zeros((12, 0, 0, 3), np.uint8),
  np.zeros((12, 4, 4, 0), np.uint8),
  np.zeros((0, 4, 4, 3), np.uint8),
  np.zeros((12, 1, 1)),
  np.zeros((12, 4), complex),
  np.zeros((12, 4, 4, 3, 2), np.uint8),
  np.full((12, 4, 4), np.inf),
  np.full((12, 4), 1e300),
  np.full(12, np.nan),
  np.arange(12.0) + 0.5,
  np.arange(12, dtype=np.uint64) + 2**63,
  -np.arange(12),
  np.array([b"\xff"] * 12),
  np.array(["a\0b"] * 12),
  np.array([""] * 12),
  np.zeros(12, "V4"),
  np.zeros(12, [("a", int)]),
  np.zeros(12, "M8[s]"),
)
TABLE = "path,label,split,clean_label,id\n" + "".join(
  f"{i}.png,{'ab'[i % 2]},train,a,x{i}\n" for i in range(6)
)
LINES = "".join(f'{{"path": "{i}.png", "label": "a{i}"}}\n' for i in range(6))


class FuzzTest(own.OwnDataTest):
  def setUp(self):
    super().setUp()
    self.rng = np.random.default_rng(0)
    self.counts = {True: 0, False: 0}

  def attempt(self, dataset, path, **fields):
    """Counts whether there are data; else there is one line."""
    options = DataOptions(dataset=dataset, path=str(path), **fields)
    try:
      sources.load(options, 0)
      self.counts[True] += 1
    except InputError as error:
      self.assertNotIn("\n", str(error))
      self.counts[False] += 1

  def mutated(self, blob: bytes, count: int, least=0, most=256):
    """`blob` with other bytes, every second time cut off."""
    for i in range(count):
      damaged = np.frombuffer(blob, np.uint8).copy()
      place = self.rng.integers(0, len(blob), 2)
      damaged[place] = self.rng.integers(least, most, 2)
      end = len(blob) if i % 2 else self.rng.integers(0, len(blob))
      yield damaged.tobytes()[:end]

  @parameterized.parameters(*GOOD, "clean_label", "test_id")
  def test_odd_arrays(self, name):
    for values in ODD:
      np.savez(self.root / "a.npz", **(GOOD | {name: values}))
      self.attempt("arrays", self.root / "a.npz")
    self.assertGreater(self.counts[False], len(ODD) // 2)

  @parameterized.parameters("label", "id", "clean_label", "class_names")
  def test_odd_labels_files(self, name):
    np.savez(self.root / "a.npz", **GOOD)
    for values in ODD:
      label = {"label": GOOD["label"], name: values}
      np.savez(self.root / "labels.npz", **label)
      self.attempt(
        "arrays",
        self.root / "a.npz",
        labels_file=str(self.root / "labels.npz"),
      )
    self.assertGreater(self.counts[False], len(ODD) // 2)

  def test_damaged_arrays(self):
    path = self.root / "a.npz"
    np.savez_compressed(path, **GOOD)
    for blob in self.mutated(path.read_bytes(), 150):
      path.write_bytes(blob)
      self.attempt("arrays", path)
    self.assertGreater(self.counts[False], 75)

  def test_damaged_tables(self):
    for i in range(6):
      own.picture(self.root / f"{i}.png", i)
    deep = b'{"path": ' + b"[" * 5000 + b"]" * 5000 + b', "label": 1}'
    wide = b"path,label\n" + b"a" * 200_000 + b",b\n"
    for name, text, more in (
      ("a.csv", TABLE, [b"\xff\xfe", b"\0" * 50, b'path,label\n"a', wide]),
      ("a.jsonl", LINES, [b"[" * 100_000, deep, b'{"path": "\\ud800"}']),
    ):
      blobs = [*more]
      for least, most in ((0, 256), (32, 127)):
        blobs += self.mutated(text.encode(), 100, least, most)
      for blob in blobs:
        (self.root / name).write_bytes(blob)
        self.attempt("manifest", self.root / name, image_size=8)
    self.assertGreater(min(self.counts.values()), 5)

  @parameterized.parameters(
    ("arrays", "a.npz"), ("manifest", "a.csv"), ("manifest", "a.parquet")
  )
  def test_a_pipe(self, dataset, name):
    os.mkfifo(self.root / name)
    with self.assertRaisesRegex(InputError, name):
      sources.load(DataOptions(dataset, path=str(self.root / name)), 0)

  def test_a_pipe_among_arrays(self):
    np.save(self.root / "label.npy", GOOD["label"])
    os.mkfifo(self.root / "image.npy")
    with self.assertRaisesRegex(
      InputError, "image.npy is no regular file but a pipe"
    ):
      sources.load(DataOptions("arrays", path=str(self.root)), 0)

  def test_a_labels_file_that_is_a_device(self):
    np.savez(self.root / "a.npz", **GOOD)
    with self.assertRaisesRegex(InputError, "labels_file=/dev/zero is no file"):
      sources.load(
        DataOptions(
          "arrays", path=str(self.root / "a.npz"), labels_file="/dev/zero"
        ),
        0,
      )

  def test_pictures_with_on_error_skip(self):
    """Of all kinds of damage, an oversized text among them; none is lost."""
    own.tree(self.root, count=8)
    whole = (self.root / "dog" / "0.png").read_bytes()
    for i, blob in enumerate(self.mutated(whole, 60)):
      (self.root / "dog" / f"bad{i}.png").write_bytes(blob)
    os.mkfifo(self.root / "dog" / "pipe.png")
    options = DataOptions(
      "folder", path=str(self.root), image_size=8, on_error="skip"
    )
    data = sources.load(options, 0)
    self.assertGreater(len(data.skipped), 30)
    for line in data.skipped:
      self.assertNotIn("\n", line)
    self.assertTrue(
      any("pipe.png is no regular file but a pipe" in x for x in data.skipped)
    )
    self.assertLen(data.skipped, 16 + 61 - len(data.train) - len(data.test))


if __name__ == "__main__":
  absltest.main()
