"""labels.npz: what a run was trained on, kept, compared and used again."""

import os
import pathlib

from absl.testing import absltest
import numpy as np

from fsr_jax import config as config_lib
from fsr_jax.data import sources
from fsr_jax.errors import InputError
from fsr_jax.run import commands, labels
from fsr_jax.run.loop import Run
from tests import shrunk
from tests.data import own


def loaded(config, seed=0):
  """The data of a config."""
  options = config_lib.typed(config_lib.resolve(config))
  return sources.load(options.train.data, seed)


class LabelsTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    self.workdir = self.create_tempdir().full_path
    own.tree(self.root, count=12)

  def config(self, **fields):
    return shrunk.config(
      **{
        "data__dataset": "folder",
        "data__path": str(self.root),
        "data__max_examples": 0,
        "data__image_size": 8,
        "batch_size": 4,
        "dictionary_size": 4,
        "reward_batch_size": 4,
        **fields,
      }
    )

  def test_another_run_is_given_the_same_labels(self):
    c = self.config(data__noise_ratio=0.5)
    commands.train(c, self.workdir, stop_after_epochs=1)
    first = loaded(c).train
    self.assertTrue(np.any(first.label != first.clean_label))
    # Another source, seed and order: ids decide.
    again = loaded(
      self.config(
        data__noise="none",
        data__noise_ratio=0.0,
        data__labels_file=f"{self.workdir}/labels.npz",
      ),
      seed=1,
    ).train
    np.testing.assert_array_equal(again.label, first.label)
    np.testing.assert_array_equal(again.clean_label, first.clean_label)

  def test_samples_name_their_files(self):
    commands.train(self.config(), self.workdir)
    rows = (pathlib.Path(self.workdir) / "samples.csv").read_text().split("\n")
    self.assertStartsWith(rows[0], "index,id,filepath,given_label,")
    self.assertTrue((self.root / rows[1].split(",")[1]).exists())

  def test_data_that_changed_are_refused(self):
    commands.train(self.config(), self.workdir, stop_after_epochs=1)
    own.picture(self.root / "dog" / "new.png", 3)
    own.picture(self.root / "dog" / "newer.png", 3)
    with self.assertRaisesRegex(
      InputError, "has 22 values of label but the data now have 24"
    ):
      commands.train(self.config(), self.workdir)

  def test_a_changed_label_is_named(self):
    data = own.load("folder", self.root)
    path = pathlib.Path(self.workdir)
    labels.write(path, data)
    labels.check_same(path, data)
    data.train.label[3] = 1 - data.train.label[3]
    with self.assertRaisesRegex(
      InputError, "1 of 22 .* another label .* example 3: 0 then, 1 now"
    ):
      labels.check_same(path, data)

  def test_unreadable_images_are_skipped_and_listed(self):
    (self.root / "dog" / "3.png").write_bytes(b"")
    (self.root / "dog" / "5.png").write_bytes(b"no image")
    with self.assertRaisesRegex(InputError, r"dog/[35]\.png"):
      commands.train(self.config(), self.workdir)
    self.assertEmpty(list(pathlib.Path(self.workdir).iterdir()))
    commands.train(self.config(data__on_error="skip"), self.workdir)
    lines = (pathlib.Path(self.workdir) / "skipped.txt").read_text()
    self.assertEqual(lines.count("\n"), 2)
    self.assertRegex(lines, r"dog/3\.png \(0 bytes\)")
    self.assertRegex(lines, r"dog/5\.png \(8 bytes\) is not an image")
    samples = (pathlib.Path(self.workdir) / "samples.csv").read_text()
    self.assertNotIn("dog/3.png", samples)

  def test_relabelled_data_are_not_tested_on_what_was_trained_on(self):
    """The test part is taken out by class: another folder, another part."""
    commands.train(self.config(), self.workdir)
    before = commands.evaluate(self.workdir)
    dog, cat = self.root / "dog", self.root / "ä cat"
    (dog / "3.png").rename(cat / "dog3.png")
    (cat / "3.png").rename(dog / "cat3.png")
    with self.assertRaisesRegex(InputError, "of 22 .* have another id"):
      commands.evaluate(self.workdir)
    # Images from elsewhere may be tested.
    tests = own.tree(pathlib.Path(self.create_tempdir()), count=2)
    result = commands.evaluate(self.workdir, test_from=str(tests))
    self.assertEqual(result.keys(), before.keys())

  def test_evaluated_on_other_classes(self):
    commands.train(self.config(), self.workdir)
    other = pathlib.Path(self.create_tempdir())
    own.tree(other, classes=("cow", "dog"), count=12)
    with self.assertRaisesRegex(
      InputError, "other classes .*: 2 instead of 2, without ä cat, with cow"
    ):
      commands.evaluate(self.workdir, path=str(other))

  def test_test_image_that_cannot_be_read_loses_nothing(self):
    c = self.config(data__resident_gb=0.0)
    name = loaded(c).test.id[0]
    (self.root / name).write_bytes(b"")
    with self.assertRaisesRegex(InputError, f"{name} .0 bytes. is not an im"):
      commands.train(c, self.workdir)
    c.data.on_error = "skip"
    run = Run(c, self.workdir)
    self.assertEqual(run.step, 5)
    self.assertEqual(run.train()["epochs"], c.num_epochs)

  def test_labels_file_may_move(self):
    names = [f"dog/{i}.png" for i in range(12)]
    text = (
      "id,label\n"
      + "".join(f"{n},dog\n" for n in names)
      + "".join(f"ä cat/{i}.png,ä cat\n" for i in range(12))
    )
    files = [self.root / name for name in ("a.csv", "b.csv")]
    for file in files:
      file.write_text(text, encoding="utf-8")
    first, moved = (
      self.config(
        data__labels_file=str(file),
        data__noise="none",
        data__noise_ratio=0.0,
      )
      for file in files
    )
    commands.train(first, self.workdir, stop_after_epochs=1)
    files[0].unlink()
    self.assertIsNotNone(commands.train(moved, self.workdir))
    commands.evaluate(self.workdir, labels_file=str(files[1]))
    files[1].write_text(text.replace("dog/3.png,dog", "dog/3.png,ä cat"))
    with self.assertRaisesRegex(InputError, "1 of 22 .* another label"):
      commands.train(moved, self.workdir)

  def test_names_that_are_not_utf_8(self):
    (self.root / "dog" / "3.png").rename(
      os.fsdecode(os.fsencode(self.root) + b"/dog/caf\xe9.png")
    )
    commands.train(self.config(), self.workdir)
    samples = (pathlib.Path(self.workdir) / "samples.csv").read_bytes()
    self.assertIn(b"dog/caf\xe9.png", samples)

  def test_damaged_file(self):
    path = pathlib.Path(self.workdir)
    (path / "labels.npz").write_bytes(b"PK")
    with self.assertRaisesRegex(InputError, "cannot read .*labels.npz"):
      labels.check_same(path, own.load("folder", self.root))


if __name__ == "__main__":
  absltest.main()
