"""What fit gave is saved, and is the same when it is loaded."""

import pathlib
import shutil
import tempfile

from absl.testing import absltest, parameterized
import numpy as np

import fsr_jax
from fsr_jax.errors import InputError
from tests.api.test_fit import blobs, fit


class FittedTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.x, cls.given, _ = blobs(48, 4)
    cls.folder = pathlib.Path(tempfile.mkdtemp())
    cls.addClassCleanup(shutil.rmtree, cls.folder)
    cls.fitted = fit(cls.x, cls.given, workdir=cls.folder / "run")
    cls.fitted.save(cls.folder / "saved")

  @parameterized.parameters("run", "saved")
  def test_loaded_it_is_the_same(self, name):
    found = fsr_jax.load(self.folder / name)
    np.testing.assert_array_equal(
      found.predict_proba(self.x), self.fitted.predict_proba(self.x)
    )
    np.testing.assert_array_equal(
      found.predict(self.x), self.fitted.predict(self.x)
    )
    self.assertEqual(found.summary, self.fitted.summary)
    self.assertEqual(found.notes, self.fitted.notes)
    theirs, ours = found.label_issues, self.fitted.label_issues
    self.assertEqual(theirs.columns, ours.columns)
    for column in ours.columns:
      np.testing.assert_array_equal(theirs[column], ours[column])
      self.assertEqual(theirs[column].dtype, ours[column].dtype)

  def test_a_workdir_of_the_command_line(self):
    """Which has no fitted.json: classes are called by their names."""
    folder = pathlib.Path(self.create_tempdir()) / "run"
    shutil.copytree(self.folder / "run", folder)
    (folder / "fitted.json").unlink()
    found = fsr_jax.load(folder)
    np.testing.assert_array_equal(
      found.predict(self.x), self.fitted.predict(self.x)
    )
    self.assertEqual(found.summary, self.fitted.summary)
    theirs, ours = found.label_issues, self.fitted.label_issues
    self.assertEqual(theirs.columns, ours.columns)
    for column in ours.columns:
      self.assertEqual(theirs[column].dtype.kind, ours[column].dtype.kind)
      if ours[column].dtype.kind == "f":
        np.testing.assert_allclose(theirs[column], ours[column], atol=1e-6)
      else:
        np.testing.assert_array_equal(theirs[column], ours[column])
    (folder / "samples.csv").unlink()
    with self.assertRaisesRegex(InputError, "is not done: .* continues it"):
      fsr_jax.load(folder)

  def test_labels_of_any_kind_are_predicted_again(self):
    for labels in (np.array([3, 7] * 6), np.array(["a", "b"] * 6, object)):
      fitted = fit(self.x[:12], labels, num_epochs=1, method="plain")
      path = self.create_tempdir().full_path
      fitted.save(path)
      classes = fsr_jax.load(path).classes_
      np.testing.assert_array_equal(classes, np.unique(labels))
      self.assertEqual(classes.dtype, labels.dtype)

  def test_nothing_of_another_kind_is_overwritten(self):
    with self.assertRaisesRegex(InputError, "is the workdir of a run"):
      self.fitted.save(self.folder / "run")
    folder = pathlib.Path(self.create_tempdir())
    (folder / "model.json").write_text("{}")
    with self.assertRaisesRegex(InputError, "has a file model.json"):
      self.fitted.save(folder)

  def test_what_is_not_there_or_damaged(self):
    with self.assertRaisesRegex(InputError, "neither a run .* nor a saved"):
      fsr_jax.load(self.create_tempdir().full_path)
    folder = self.create_tempdir().full_path
    self.fitted.save(folder)
    (pathlib.Path(folder) / "fitted.json").write_text('{"classes": 3}')
    with self.assertRaisesRegex(InputError, "cannot read .*fitted.json"):
      fsr_jax.load(folder)

  def test_inputs_of_another_size(self):
    with self.assertRaisesRegex(InputError, r"inputs are .*expected"):
      self.fitted.predict(self.x[:, :2])


if __name__ == "__main__":
  absltest.main()
