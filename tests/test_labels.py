"""labels.npz: what a run was trained on, kept, compared and used again."""

import pathlib

from absl.testing import absltest
import numpy as np

from fsr_jax.data import sources
from fsr_jax.errors import InputError
from fsr_jax.run import commands, labels
from tests import shrunk
from tests import test_own as own


class LabelsTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    self.workdir = self.create_tempdir().full_path
    own.tree(self.root, count=12)

  def config(self, **fields):
    return shrunk.config(**{
        "data__dataset": "folder", "data__path": str(self.root),
        "data__max_examples": 0, "data__image_size": 8, "batch_size": 4,
        "dictionary_size": 4, "reward_batch_size": 4, **fields,
    })

  def test_another_run_is_given_the_same_labels(self):
    c = self.config(data__noise_ratio=0.5)
    commands.train(c, self.workdir, stop_after_epochs=1)
    first = sources.load(c.data, 0).train
    self.assertTrue(np.any(first.label != first.clean_label))
    # Another source, seed and order: ids decide.
    again = sources.load(
        self.config(
            data__noise="none", data__noise_ratio=0.0,
            data__labels_file=f"{self.workdir}/labels.npz",
        ).data,
        seed=1,
    ).train
    np.testing.assert_array_equal(again.label, first.label)
    np.testing.assert_array_equal(again.clean_label, first.clean_label)

  def test_samples_name_their_files(self):
    commands.train(self.config(), self.workdir)
    rows = (pathlib.Path(self.workdir) / "samples.csv").read_text().split("\n")
    self.assertStartsWith(rows[0], "index,id,label,")
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

  def test_damaged_file(self):
    path = pathlib.Path(self.workdir)
    (path / "labels.npz").write_bytes(b"PK")
    with self.assertRaisesRegex(InputError, "cannot read .*labels.npz"):
      labels.check_same(path, own.load("folder", self.root))


if __name__ == "__main__":
  absltest.main()
