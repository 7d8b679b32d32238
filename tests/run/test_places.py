"""A run finds its data from any folder, and no others in their place."""

import json
import os
import pathlib
import shutil

from absl.testing import absltest
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.run import commands
from tests import shrunk
from tests.run import workdirs


def write_arrays(path, seed, test_seed=None):
  """A file of arrays that differ by the seed in their images alone."""
  rng = np.random.default_rng(seed)
  label, level = np.arange(80) % 4, 40 * (np.arange(80) % 4)[:, None, None]
  arrays = {"image": rng.integers(0, 60, (80, 6, 6)) + level, "label": label}
  if test_seed is not None:
    rng = np.random.default_rng(test_seed)
    arrays["test_image"] = rng.integers(0, 60, (80, 6, 6)) + level
    arrays["test_label"] = label
  path.parent.mkdir(parents=True, exist_ok=True)
  images = [k for k in arrays if "image" in k]
  np.savez(
    path, **{**arrays, **{k: arrays[k].astype(np.uint8) for k in images}}
  )


class PlacesTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir()).resolve()
    self.workdir = str(self.root / "run")
    self.addCleanup(os.chdir, os.getcwd())
    self.enter("here")

  def enter(self, name):
    (self.root / name).mkdir(exist_ok=True)
    os.chdir(self.root / name)

  def config(self, path="set.npz", **fields):
    return shrunk.config(
      method="plain",
      data__dataset="arrays",
      data__path=path,
      data__max_examples=0,
      data__noise="none",
      data__noise_ratio=0.0,
      **fields,
    )

  def train(self, **fields):
    """Trains on here/set.npz by its relative path."""
    return commands.train(self.config(**fields), self.workdir)

  def stored(self):
    return json.loads((pathlib.Path(self.workdir) / "config.json").read_text())

  def test_relative_path_from_any_folder(self):
    """Another set of that name, where it is evaluated, is another set."""
    write_arrays(self.root / "here/set.npz", seed=0)
    summary = self.train()
    path = str(self.root / "here/set.npz")
    self.assertEqual(self.stored()["data"]["path"], path)
    self.enter("there")
    for _ in range(2):
      result = commands.evaluate(self.workdir)
      for key, value in result.items():
        self.assertAlmostEqual(value, summary[key], places=5)
      # Labels, ids and number are the same; what is in the images is not.
      write_arrays(self.root / "there/set.npz", seed=1)
    again = commands.train(self.config(path), self.workdir)
    self.assertEqual(again["test_top1"], summary["test_top1"])
    before = workdirs.contents(self.workdir)
    with self.assertRaisesRegex(InputError, "training images are not those"):
      commands.train(self.config(), self.workdir)
    with self.assertRaisesRegex(InputError, "training images are not those"):
      commands.evaluate(self.workdir, path="set.npz")
    self.assertEqual(before, workdirs.contents(self.workdir))

  def test_every_place_of_the_data(self):
    write_arrays(self.root / "here/set.npz", seed=0)
    (self.root / "here/labels.csv").write_text(
      "label\n" + "".join(f"{i % 4}\n" for i in range(72))
    )
    self.train(data__labels_file="labels.csv")
    self.enter("there")
    commands.evaluate(self.workdir)
    (self.root / "here/labels.csv").rename(self.root / "there/moved.csv")
    with self.assertRaisesRegex(
      InputError, "data.labels_file=.*/here/labels.csv, where nothing"
    ):
      commands.evaluate(self.workdir)
    commands.evaluate(self.workdir, labels_file="moved.csv")

  def test_another_set_at_the_same_place(self):
    write_arrays(self.root / "here/set.npz", seed=0)
    self.train()
    write_arrays(self.root / "here/set.npz", seed=1)
    for attempt in (self.train, lambda: commands.evaluate(self.workdir)):
      with self.assertRaisesRegex(InputError, "training images are not those"):
        attempt()

  def test_another_test_part_at_the_same_place(self):
    write_arrays(self.root / "here/set.npz", seed=0, test_seed=1)
    summary = self.train()
    write_arrays(self.root / "here/set.npz", seed=0, test_seed=2)
    with self.assertRaisesRegex(
      InputError, "test part is not the one that the run had: other images"
    ):
      commands.evaluate(self.workdir)
    # Asked for by name it is tested.
    result = commands.evaluate(self.workdir, path="set.npz")
    self.assertNotEqual(result["test_loss"], summary["test_loss"])
    # It harms no training: the run goes on, and says so.
    run = commands.Run(self.config(), self.workdir)
    self.assertRegex(run.notes[0], "test part is not the one that the run had")
    run.workdir.unlock()

  def test_set_that_moved(self):
    write_arrays(self.root / "here/set.npz", seed=0)
    summary = self.train()
    self.enter("there")
    shutil.move(self.root / "here/set.npz", "moved.npz")
    with self.assertRaisesRegex(
      InputError,
      r"data.path=\S*/here/set.npz, where nothing .* --config.data.path=PATH",
    ):
      commands.evaluate(self.workdir)
    result = commands.evaluate(self.workdir, path="moved.npz")
    self.assertAlmostEqual(result["test_top1"], summary["test_top1"])
    self.assertIsNotNone(commands.train(self.config("moved.npz"), self.workdir))
    self.assertEqual(
      self.stored()["data"]["path"], str(self.root / "there/moved.npz")
    )
    commands.evaluate(self.workdir)

  def test_run_of_an_earlier_version(self):
    write_arrays(self.root / "here/set.npz", seed=0)
    self.train()
    config = self.stored()
    config["data"]["path"] = "set.npz"
    del config["data"]["test_share"]  # A field that there was not.
    (pathlib.Path(self.workdir) / "config.json").write_text(json.dumps(config))
    (pathlib.Path(self.workdir) / "data.json").unlink()
    with self.assertRaisesRegex(
      InputError, r"data.path=set.npz, a path from the folder .* is by --con"
    ):
      commands.evaluate(self.workdir)
    commands.evaluate(self.workdir, path="set.npz")
    self.train()  # Stores the absolute path.
    commands.evaluate(self.workdir)

  def test_damaged_digests(self):
    write_arrays(self.root / "here/set.npz", seed=0)
    self.train()
    path = pathlib.Path(self.workdir) / "data.json"
    for text in ("{", "[]", '{"train": 1}', "[" * 100_000):
      path.write_text(text)
      with self.assertRaisesRegex(InputError, "move it away to continue"):
        self.train()
    path.unlink()
    self.train()
    self.assertTrue(path.exists())


if __name__ == "__main__":
  absltest.main()
