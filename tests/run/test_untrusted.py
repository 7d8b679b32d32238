"""Somebody else's workdir, data and folders: real attempts to run code, to be
led to other files and to fill the memory."""

import contextlib
import json
import os
import pathlib
import pickle
import sys
import zipfile

from absl.testing import absltest, parameterized
import numpy as np
import safetensors.numpy

from fsr_jax import archives, files
from fsr_jax.api import fitted
from fsr_jax.data import table
from fsr_jax.data.images import reader
from fsr_jax.data.labels import file as labels_file
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources import arrays, tfds_folder
from fsr_jax.errors import InputError
from fsr_jax.run import commands, content, labels, loop
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.page.command import report
from fsr_jax.run.pretrained import extractors
from fsr_jax.run.use import description
from fsr_jax.run.watch import events
from fsr_jax.run.watch.events import Scalars
from fsr_jax.run.workdir import Workdir
from tests import pages, shrunk
from tests.run import trained

# Nobody imports it by chance; what it does is seen.
ATTACK = """
import os, pathlib
pathlib.Path(os.environ["ATTACKED"]).write_text("imported")
from tests.run.trained import models, NETWORK
def f():
  return models.NETWORKS[NETWORK]()
"""


class CodeTest(parameterized.TestCase):
  """No mode imports what a workdir names, unless it is allowed."""

  def setUp(self):
    super().setUp()
    root = pathlib.Path(self.create_tempdir())
    self.module = f"attack_{self._testMethodName}"
    (root / f"{self.module}.py").write_text(ATTACK)
    self.sign = root / "imported"
    os.environ["ATTACKED"] = str(self.sign)
    sys.path.insert(0, str(root))
    self.addCleanup(sys.path.remove, str(root))
    self.run_ = trained.run()
    self.workdir = self.run_.copy(str(root / "run"))
    for name in ("model.json", "config.json"):
      self.change(name, network=f"{self.module}:f")

  def change(self, name: str, **fields) -> None:
    path = pathlib.Path(self.workdir) / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

  def attempts(self, **allowed) -> dict:
    pictures, out = str(self.run_.pictures), self.workdir + "_out"
    return {
      "predict": lambda: commands.predict(self.workdir, pictures, **allowed),
      "evaluate": lambda: commands.evaluate(
        self.workdir, input_path=pictures, **allowed
      ),
      "restore": lambda: commands.evaluate(self.workdir, **allowed),
      "export": lambda: commands.export(self.workdir, out, **allowed),
      "load": lambda: fitted.load(self.workdir, **allowed),
    }

  @parameterized.parameters("predict", "evaluate", "restore", "export", "load")
  def test_is_refused_in_one_line(self, mode):
    with self.assertRaisesRegex(
      InputError,
      rf"{self.workdir}/\w+.json names the network '{self.module}:f', .* would"
      r" be imported and run; .* --allow_code \(in Python allow_code=True\)$",
    ) as caught:
      self.attempts()[mode]()
    self.assertNotIn("\n", str(caught.exception))
    self.assertFalse(self.sign.exists())

  def test_is_run_where_it_is_allowed(self):
    table = self.attempts(allow_code=True)["predict"]()
    self.assertTrue(self.sign.exists())
    self.assertLen(table.read_text("utf-8").splitlines(), 1 + 9)

  def test_a_report_needs_none(self):
    report(self.workdir, path=str(self.run_.pictures))
    self.assertFalse(self.sign.exists())

  def test_the_other_places_that_name_a_network(self):
    shape = [8, 8, 3]
    self.change("config.json", network="mlp", feature_network="attack:f")
    first = {"network": "attack:g", "image_shape": shape}
    self.change(
      "model.json",
      network="mlp",
      extractor={**first, "compute_dtype": "float32"},
    )
    for mode, code in (("restore", "attack:f"), ("predict", "attack:g")):
      with self.assertRaisesRegex(InputError, f"names the network '{code}'"):
        self.attempts()[mode]()
    # A training goes on with its own --config, whatever the workdir says.
    safetensors.numpy.save_file(
      {"a": np.zeros(1)},
      pathlib.Path(self.workdir) / extractors.NAME,
      {k: x if k == "network" else "[8, 8, 3]" for k, x in first.items()}
      | {"compute_dtype": "float32"},
    )
    with self.assertRaisesRegex(InputError, "is of network=attack:g; expected"):
      extractors.load(pathlib.Path(self.workdir), "resnet18")

  def test_the_command_line(self):
    self.change("model.json", network="sys:exit")
    predict = (
      f"--workdir={self.workdir}",
      "--mode=predict",
      f"--input={self.run_.pictures}",
    )
    for more, said in (
      ((), "error: .*model.json names the network 'sys:exit', .*--allow_code"),
      (("--allow_code",), "error: network=sys:exit failed .*SystemExit"),
    ):
      done = pages.main_py(*predict, *more)
      self.assertEqual(done.returncode, 1)
      self.assertRegex(done.stderr.strip().splitlines()[-1], said)

  def test_features_of_tfds(self):
    root = pathlib.Path(self.create_tempdir())
    folder = root / "mine" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "mine-train.array_record-00000-of-00001").touch()
    about = {"name": "mine", "version": "1.0.0", "fileFormat": "array_record"}
    (folder / "dataset_info.json").write_text(json.dumps(about))
    kind = "tensorflow_datasets.core.features.features_dict.FeaturesDict"
    for key in ("type", "pythonClassName"):
      inner = {key: f"{self.module}.Feature"}
      features = {key: kind, "content": {"image": inner}, **inner}
      (folder / "features.json").write_text(json.dumps(features))
      with (
        self.assertRaisesRegex(InputError, "would be imported and run"),
        tfds_folder.opened(DataOptions(data_dir=str(root)), "mine"),
      ):
        self.fail("opened")
    self.assertFalse(self.sign.exists())


class Bomb:
  """Says so where it is unpickled."""

  def __reduce__(self):
    return os.mkdir, (os.environ["ATTACKED"],)


class PickleTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    os.environ["ATTACKED"] = str(self.root / "unpickled")

  @parameterized.parameters(
    (arrays.read, "set.npz"),
    (labels_file._read, "labels.npz"),
    (labels._read, "labels.npz"),
    (lambda path: fitted._read_table(path, np.arange(2)), "label_issues.npz"),
  )
  def test_nothing_is_unpickled(self, read, name):
    path = self.root / name
    np.savez(path, label=np.array([Bomb()], object))
    with self.assertRaisesRegex(InputError, f"cannot read {path} .*allow_pick"):
      read(path)
    path.write_bytes(pickle.dumps(Bomb()))
    with self.assertRaisesRegex(InputError, f"cannot read {path}"):
      read(path)
    self.assertFalse((self.root / "unpickled").exists())

  def test_a_folder_of_arrays(self):
    np.save(self.root / "image.npy", np.array([Bomb()], object))
    with self.assertRaisesRegex(InputError, "without pickled objects"):
      arrays.read(self.root)
    self.assertFalse((self.root / "unpickled").exists())


class SizesTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())

  def header(self, count: int) -> bytes:
    path = self.root / "head.npy"
    np.save(path, np.zeros(1, np.uint8))
    blob = path.read_bytes()
    return blob.replace(
      b"(1,), }".ljust(40), f"({count},), }}".encode().ljust(40)
    )

  def test_an_archive_that_unpacks_to_more(self):
    path = self.root / "a.npz"
    blob = self.header(10**15)
    self.assertIn(b"1000000000000000", blob)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
      archive.writestr("label.npy", blob)
    with self.assertRaisesRegex(InputError, "cannot read .*a.npz"):
      archives.npz(path)
    # A directory of the archive that says so at once.
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\1\2") + 24
    content[at : at + 4] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(content)
    with (
      absltest.mock.patch.object(files, "memory", lambda: 2**31),
      self.assertRaisesRegex(InputError, "claims to hold 4,294,967,294 bytes"),
    ):
      archives.npz(path)

  def test_files_that_are_larger_than_the_memory(self):
    for name, read in (
      ("model.safetensors", archives.safetensors),
      ("model.json", files.read_file),
      ("list.csv", lambda path: table.read_table(path, ())),
      ("a.png", lambda path: reader.Files([str(path)])[0]),
    ):
      with open(self.root / name, "wb") as file:
        file.truncate(2**43)  # Takes no room on the disk.
      with self.assertRaisesRegex(InputError, f"{name} claims to hold 8,796,"):
        read(self.root / name)

  def test_json_of_a_workdir(self):
    """A file that takes no room on the disk, and too much of the memory."""
    work = Workdir(str(self.root))
    for name, size, read in (
      ("config.json", files.MOST_JSON, work.read_config),
      ("summary.json", files.MOST_JSON, work.read_summary),
      ("model.json", files.MOST_JSON, lambda: description.read(self.root)),
      (
        "data.json",
        files.MOST_JSON,
        lambda: content.check_same(self.root, None, tests_too=True),
      ),
      ("metrics.jsonl", files.MOST_METRICS, work.read_metrics),
      (
        "metrics.jsonl",
        files.MOST_METRICS,
        lambda: Scalars(self.root, self.root / "metrics.jsonl", 0),
      ),
    ):
      with open(self.root / name, "wb") as file:
        file.truncate(size + 1)
      with self.assertRaisesRegex(InputError, f"{name} claims to hold"):
        read()

  def test_parquet_that_repeats_a_value(self):
    try:
      import pyarrow as pa
      from pyarrow import parquet
    except ImportError:
      self.skipTest("needs pyarrow")
    path = self.root / "list.parquet"
    parquet.write_table(pa.table({"label": np.zeros(10**6, np.int8)}), path)
    self.assertLess(path.stat().st_size, 10**5)
    with (
      absltest.mock.patch.object(files, "memory", lambda: 10**7),
      self.assertRaisesRegex(InputError, "claims to hold 50,000,000 bytes"),
    ):
      table.read_table(path, ())


class LinksTest(absltest.TestCase):
  """In a shared folder somebody put links to the user's own files."""

  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    self.mine = self.root / "mine"
    self.mine.write_text("mine")
    self.workdir = self.root / "run"
    self.workdir.mkdir()

  def tearDown(self):
    self.assertEqual(self.mine.read_text(), "mine")
    self.assertFalse((self.root / "new").exists())
    super().tearDown()

  def link(self, name: str, to: pathlib.Path | None = None) -> pathlib.Path:
    path = self.workdir / name
    path.symlink_to(to or self.mine)
    return path

  def test_the_lock(self):
    path = self.link(".lock")
    for to in (self.mine, self.root / "new"):
      path.unlink()
      path.symlink_to(to)
      with self.assertRaisesRegex(InputError, r"\.lock is a symbolic link"):
        loop.Run(shrunk.config(), str(self.workdir))

  def test_a_lock_keeps_others_out_as_before(self):
    first, second = Workdir(str(self.workdir)), Workdir(str(self.workdir))
    first.lock()
    with self.assertRaisesRegex(InputError, "another process trains"):
      second.lock()
    first.unlock()
    second.lock()
    second.unlock()

  def test_unfinished_files(self):
    self.link("a.part")
    with files.replacing(self.workdir / "a") as partial:
      self.assertFalse(partial.is_symlink())
      partial.write_text("new")
    self.assertEqual((self.workdir / "a").read_text(), "new")
    self.assertCountEqual(os.listdir(self.workdir), ["a"])
    # The file itself as well: its link goes, what it led to stays.
    self.link("b")
    with files.replacing(self.workdir / "b") as partial:
      partial.write_text("new")
    self.assertFalse((self.workdir / "b").is_symlink())

  def test_files_that_are_added_to(self):
    new = self.root / "new"
    path = self.link("metrics.jsonl", new)
    self.link("metrics.jsonl.part", new)
    with contextlib.closing(Scalars(self.workdir, path, 0)) as scalars:
      scalars.write(1, {"loss": 0.5})
    self.assertFalse(new.exists())
    self.assertFalse(path.is_symlink())
    self.assertFalse(os.path.lexists(f"{path}.part"))
    self.assertLen(path.read_text().splitlines(), 1)
    event = next(self.workdir.glob("events.*"))
    with self.assertRaisesRegex(InputError, "is a symbolic link"):
      events._Appended(self.link("b", event))

  def test_a_config_that_is_kept(self):
    self.link("config.0.json", self.root / "new")
    work = Workdir(str(self.workdir))
    for seed in (1, 2):
      work.write_config(shrunk.config(seed=seed))
    kept = json.loads((self.workdir / "config.1.json").read_text())
    self.assertEqual(kept["seed"], 1)

  def test_checkpoints(self):
    (self.workdir / "checkpoints").mkdir()
    self.link("checkpoints/12", self.root)
    with self.assertRaisesRegex(InputError, "12 is a symbolic link"):
      Checkpoints(self.workdir / "checkpoints", keep=1)

  def test_pipes(self):
    os.mkfifo(self.workdir / "pipe")
    for mode in (os.O_WRONLY, os.O_RDWR):
      with self.assertRaises((InputError, OSError)):
        files.no_link(self.workdir / "pipe", mode)


class TablesTest(absltest.TestCase):
  def test_only_one_module_writes_tables(self):
    """And the text of several values in one field, which is no file."""
    found = [
      str(path.relative_to(pages.ROOT / "fsr_jax"))
      for path in (pages.ROOT / "fsr_jax").rglob("*.py")
      if "csv.writer" in path.read_text() or "to_csv" in path.read_text()
    ]
    self.assertCountEqual(found, ["spreadsheets.py", "api/settings.py"])


if __name__ == "__main__":
  absltest.main()
