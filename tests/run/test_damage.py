"""A workdir whose files are damaged, foreign or no files: one line, no wait."""

import json
import os
import pathlib
import shutil
import tempfile
from unittest import mock

from absl.testing import absltest, parameterized
from ml_collections import ConfigDict
import numpy as np
import pytest

from fsr_jax import config as config_lib
from fsr_jax.config import validation
from fsr_jax.data import sources
from fsr_jax.data.options import DataOptions
from fsr_jax.errors import InputError
from fsr_jax.run import commands, labels, loop
from fsr_jax.run.use.model import Model
from fsr_jax.run.workdir import Workdir
from tests import shrunk
from tests.run import workdirs

SMALL = {"num_epochs": 2, "data__max_examples": 40, "keep_checkpoints": 1}


class DamageTest(parameterized.TestCase):
  """Of one short run, copied for each test."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    # Of this process alone: several may share the tests of a class.
    cls.trained = pathlib.Path(tempfile.mkdtemp()) / "trained"
    cls.addClassCleanup(shutil.rmtree, cls.trained.parent)
    commands.train(shrunk.config(**SMALL), str(cls.trained), False, 1)

  def setUp(self):
    super().setUp()
    self.workdir = pathlib.Path(self.create_tempdir()) / "run"
    shutil.copytree(self.trained, self.workdir)

  def refused(self, message, evaluate=True):
    """Whoever opens it says so in one line and leaves all as it is."""
    before = workdirs.contents(self.workdir)
    with self.assertRaisesRegex(InputError, message) as caught:
      commands.train(shrunk.config(**SMALL), str(self.workdir))
    self.assertNotIn("\n", str(caught.exception))
    if evaluate:
      with self.assertRaisesRegex(InputError, message):
        commands.evaluate(str(self.workdir), path="x")
    self.assertEqual(workdirs.contents(self.workdir), before)

  @parameterized.named_parameters(
    ("nested", "[" * 100_000, "config.json is not the JSON of a config"),
    ("nested_field", {"seed": "DEEP"}, "seed is a nested list; expected a"),
    ("data", {"data": 5}, "config.json is not the JSON of a config"),
    ("text", {"batch_size": "16"}, "batch_size is 16; expected a whole numb"),
    ("list", {"method": ["fsr"]}, r"method is \['fsr'\]; expected text"),
    ("object", {"network": {"a": 1}}, "network is a nested dict; expected t"),
    ("digits", '{"seed": ' + "9" * 9999 + "}", "is not the JSON of a config"),
  )
  def test_config(self, changes, message):
    text = changes
    if isinstance(changes, dict):
      config = json.loads((self.workdir / "config.json").read_text())
      text = json.dumps(config | changes)
      text = text.replace('"DEEP"', "[" * 700 + "]" * 700)
    (self.workdir / "config.json").write_text(text)
    self.refused(message)

  @parameterized.parameters(
    "config.json",
    "data.json",
    "labels.npz",
    "metrics.jsonl",
    "summary.json",
    ".lock",
  )
  def test_a_pipe_in_the_place_of_a_file(self, name):
    (self.workdir / name).unlink(missing_ok=True)
    os.mkfifo(self.workdir / name)
    self.refused(f"{name} is no regular file but a pipe")

  def test_a_device_among_the_checkpoints(self):
    folder = self.workdir / "checkpoints"
    (file, *_) = [p for p in folder.rglob("*") if p.is_file()]
    file.unlink()
    file.symlink_to("/dev/zero")
    with self.assertRaisesRegex(
      InputError, f"{file} is no regular file but a device"
    ):
      commands.evaluate(str(self.workdir))

  def test_a_file_in_the_place_of_the_checkpoints(self):
    shutil.rmtree(self.workdir / "checkpoints")
    (self.workdir / "checkpoints").write_text("")
    self.refused("checkpoints is a file; expected a directory")

  @parameterized.named_parameters(
    ("scalar", {"label": np.array(3)}, r"label is int64 \(\), which no run wr"),
    ("column", {"label": np.zeros((40, 1), int)}, r"label is int64 \(40, 1\)"),
    ("floats", {"label": np.zeros(40)}, r"label is float64 \(40,\)"),
    ("names", {"class_names": np.arange(10)}, r"class_names is int64 \(10,\)"),
    ("text", {"clean_label": np.full(40, "a")}, "clean_label is <U1"),
    ("fewer", {"label": np.zeros(3, int)}, "has 3 values of label but the da"),
    ("none", {"label": np.zeros(0, int)}, "has 0 values of label but"),
    ("objects", {"label": np.array([None])}, "cannot read .*labels.npz"),
    ("foreign", {"more": np.zeros(3)}, r"more is float64 \(3,\), which no"),
  )
  def test_labels(self, changes, message):
    path = self.workdir / "labels.npz"
    with np.load(path) as archive:
      arrays = dict(archive) | changes
    np.savez(path, **arrays)
    self.refused(message, evaluate=False)

  def test_cut_and_mutated_labels(self):
    path, rng = self.workdir / "labels.npz", np.random.default_rng(0)
    blob, data = path.read_bytes(), shrunk.random_data()
    for i in range(100):
      damaged = np.frombuffer(blob, np.uint8).copy()
      damaged[rng.integers(0, len(blob), 3)] = rng.integers(0, 256, 3)
      end = len(blob) if i % 2 else rng.integers(0, len(blob))
      path.write_bytes(damaged.tobytes()[:end])
      with self.assertRaises(InputError) as caught:  # Of other data, at best.
        labels.check_same(self.workdir, data)
      self.assertNotIn("\n", str(caught.exception))

  def test_cut_and_mutated_config(self):
    path, rng = self.workdir / "config.json", np.random.default_rng(0)
    blob = path.read_bytes()
    for i in range(200):
      damaged = np.frombuffer(blob, np.uint8).copy()
      damaged[rng.integers(0, len(blob), 2)] = rng.integers(32, 127, 2)
      end = len(blob) if i % 4 else rng.integers(0, len(blob))
      path.write_bytes(damaged.tobytes()[:end])
      self.read()

  @pytest.mark.slow
  def test_odd_values_of_every_field(self):
    path = self.workdir / "config.json"
    config, accepted = json.loads(path.read_text()), set()
    # Loaded once.
    digits = sources.SOURCES["digits"](DataOptions())
    self.enter_context(
      mock.patch.dict(sources.SOURCES, digits=lambda options: digits)
    )
    for name in config_lib.all_fields():
      for value in (None, True, 2**70, 1e-300, "x", "\0", [{}]):
        changed = config | {"data": {**config["data"]}}
        holder = changed["data"] if name.startswith("data.") else changed
        holder[name.removeprefix("data.")] = value
        path.write_text(json.dumps(changed))
        if self.read():
          accepted.add(name)
    # A truth may be True, a text "x" where nothing reads it, and so on.
    self.assertContainsSubset(["mixup", "data.path"], accepted)
    self.assertNoCommonElements(["seed", "learning_rate", "network"], accepted)

  def read(self) -> bool:
    """Whether config.json, and what it stands for, is right; else one line."""
    try:
      config = Workdir(str(self.workdir)).read_config()
      _, options, data = validation.resolve_and_load(ConfigDict(config))
      validation.notices(options, data)
      return True
    except InputError as error:
      self.assertNotIn("\n", str(error))
      return False

  def test_damaged_lines_of_metrics_are_dropped(self):
    path = self.workdir / "metrics.jsonl"
    kept = path.read_text()
    self.assertEqual(kept.count("\n"), 1)
    with open(path, "ab") as file:
      for line in (b"5", b"[]", b'{"step": "1"}x', b'{"step": null}', b"\xff"):
        file.write(line + b"\n")
      file.write(b"[" * 100_000 + b'\n{"step": 1e999}\n{"step": NaN}\n{"st')
    run = loop.Run(shrunk.config(**SMALL), str(self.workdir))
    self.assertStartsWith(run.notes[-1], "metrics.jsonl has 9 lines that are")
    self.assertIsNotNone(run.train())
    self.assertStartsWith(path.read_text(), kept)
    self.assertEqual(path.read_text().count("\n"), 2)

  def test_damaged_summary_is_none(self):
    work = Workdir(str(self.workdir))
    for text in ("[", "[" * 100_000, "3", '{"a": 1'):
      (self.workdir / "summary.json").write_text(text)
      self.assertIsNone(work.read_summary())

  def test_a_checkpoint_that_is_not_of_the_step_of_its_name(self):
    folder = self.workdir / "checkpoints"
    (step,) = [path.name for path in folder.iterdir()]
    (folder / step).rename(folder / "999")
    message = f"checkpoint {folder}/999 is of step {step}, which its name is no"
    with self.assertRaisesRegex(InputError, message):
      commands.train(shrunk.config(**SMALL), str(self.workdir))
    with self.assertRaisesRegex(InputError, message):
      Model.load(str(self.workdir))

  def test_mutated_checkpoints(self):
    """Every file of it in turn: emptied, of noise."""
    folder, rng = self.workdir / "checkpoints", np.random.default_rng(0)
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    refused = 0
    for file in files:
      blob = file.read_bytes()
      for damaged in (b"[]", rng.bytes(len(blob))):
        file.write_bytes(damaged)
        try:
          workdirs.restored(self.workdir)
        except InputError as error:
          refused += 1
          self.assertNotIn("\n", str(error))
      file.write_bytes(blob)
    self.assertGreater(refused, len(files) // 2)
    workdirs.restored(self.workdir)


if __name__ == "__main__":
  absltest.main()
