"""fsr_jax.fit: one call that is the command line's run, on data in memory."""

import contextlib
import io
import os
import pathlib
import signal
import tempfile
import threading
from unittest import mock

from absl.testing import absltest, parameterized
from jax import monitoring
import numpy as np
import pytest

import fsr_jax
from fsr_jax import config as config_lib
from fsr_jax.api import training
from fsr_jax.api.settings import FIELDS
from fsr_jax.errors import InputError
from fsr_jax.label_issues import LabelIssues
from fsr_jax.run import commands, resume
from fsr_jax.run.use.model import Model
from fsr_jax.train import programs
from tests.data import own

NAMES = np.array(["cat", "dog", "eel"])
# What all of these runs are: every program is compiled once for all.
SHORT = {
  "num_epochs": 4,
  "warmup_epochs": 2,
  "lr_warmup_epochs": 0,
  "num_devices": 1,
}


def blobs(count=96, num_wrong=8, seed=0):
  """(vectors [N, 4], given labels, right labels): three clouds far apart."""
  rng = np.random.default_rng(seed)
  right = np.arange(count) % 3
  x = rng.normal(size=(count, 4)) + 8 * np.eye(4)[right]
  given = right.copy()
  wrong = rng.choice(count, num_wrong, replace=False)
  given[wrong] = (given[wrong] + 1) % 3
  return x, NAMES[given], NAMES[right]


def fit(x, labels=None, **fields):
  return fsr_jax.fit(x, labels, **{"progress": False, **SHORT, **fields})


@contextlib.contextmanager
def jax_compiles():
  """List of the seconds that each compilation within it takes."""
  seconds: list[float] = []

  def listen(event, duration, **_):
    if event == "/jax/core/compile/backend_compile_duration":
      seconds.append(duration)

  monitoring.register_event_duration_secs_listener(listen)
  try:
    yield seconds
  finally:
    monitoring.unregister_event_duration_listener(listen)


class FitTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.x, cls.given, cls.right = blobs()
    with (
      tempfile.TemporaryDirectory() as folder,
      mock.patch.object(tempfile, "tempdir", folder),
      contextlib.redirect_stdout(io.StringIO()) as printed,
    ):
      cls.fitted = fit(cls.x, cls.given, num_epochs=20, warmup_epochs=5)
      cls.left = os.listdir(folder)
    cls.printed = printed.getvalue()

  def test_it_learns_the_right_labels(self):
    predicted = self.fitted.predict(self.x)
    self.assertEqual(predicted.dtype, self.given.dtype)
    self.assertEqual((predicted == self.right).mean(), 1)
    np.testing.assert_array_equal(self.fitted.classes_, NAMES)
    proba = self.fitted.predict_proba(self.x)
    self.assertEqual((proba.shape, proba.dtype), ((96, 3), np.float32))
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-6)

  def test_the_wrong_labels_come_first(self):
    issues = self.fitted.label_issues
    self.assertLen(issues, 96)  # Nothing is set aside.
    worst = issues["index"][:8]
    wrong = np.flatnonzero(self.given != self.right)
    self.assertSameElements(worst, wrong)
    np.testing.assert_array_equal(
      issues["predicted_label"][:8], self.right[worst]
    )
    self.assertTrue((np.diff(issues["label_score"]) >= 0).all())

  def test_without_progress_nothing_is_printed_and_nothing_is_left(self):
    self.assertEqual(self.printed, "")
    self.assertEmpty(self.left)

  def test_progress_is_what_the_command_line_prints(self):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
      fit(self.x, self.given, progress=True, log_every_seconds=0)
    text = printed.getvalue()
    for words in ("96 training examples, 3 classes", "epoch 4/4", "part: none"):
      self.assertIn(words, text)
    self.assertNotIn("fsr_jax_", text)  # A folder that is no more.

  def test_it_is_the_run_of_the_command_line(self):
    folder = pathlib.Path(self.create_tempdir())
    np.savez(folder / "a.npz", image=self.x, label=self.given)
    c = config_lib.of_own_data(str(folder / "a.npz"))
    c.data.test_share = 0.0
    c.update(SHORT)
    c.seed = 3
    commands.train(c, str(folder / "run"))
    fit(self.x, self.given, seed=3, workdir=folder / "fit")
    theirs, ours = (
      (folder / run / "metrics.jsonl").read_text() for run in ("run", "fit")
    )
    self.assertEqual(ours, theirs)
    np.testing.assert_array_equal(
      fsr_jax.load(folder / "fit").predict_proba(self.x),
      Model.load(str(folder / "run")).predict_proba(self.x.astype(np.float32)),
    )

  def test_a_second_call_compiles_nothing(self):
    fit(self.x, self.given)
    before = programs._compiled.cache_info().misses
    with jax_compiles() as compiled:
      fit(self.x, self.given)
    self.assertEqual(programs._compiled.cache_info().misses, before)
    self.assertEmpty(compiled)

  def test_in_a_thread(self):
    found = []
    thread = threading.Thread(
      target=lambda: found.append(fit(self.x, self.given))
    )
    thread.start()
    thread.join()
    self.assertLen(found, 1)

  def test_ctrl_c_interrupts_and_the_same_call_goes_on(self):
    whole, cut = (self.create_tempdir().full_path for _ in range(2))
    expected = fit(self.x, self.given, workdir=whole)
    handler = signal.getsignal(signal.SIGINT)
    step = programs.Programs.step

    def interrupted(self, state, totals, batches, feed, epoch):
      if epoch == 2:
        os.kill(os.getpid(), signal.SIGINT)
      return step(self, state, totals, batches, feed, epoch)

    with (
      mock.patch.object(programs.Programs, "step", interrupted),
      self.assertRaises(KeyboardInterrupt),
    ):
      fit(self.x, self.given, workdir=cut)
    self.assertIs(signal.getsignal(signal.SIGINT), handler)
    found = fit(self.x, self.given, workdir=cut)
    np.testing.assert_array_equal(
      found.predict_proba(self.x), expected.predict_proba(self.x)
    )
    with self.assertRaisesRegex(InputError, "another label than when the run"):
      fit(self.x, self.right, workdir=cut)

  def test_a_call_that_fails_leaves_the_workdir_free(self):
    """Also where the traceback lives on, as it does in a notebook."""
    workdir = self.create_tempdir().full_path
    remember = mock.patch.object(
      resume, "remember", side_effect=OSError("full")
    )
    try:
      with remember:
        fit(self.x, self.given, workdir=workdir)
    except OSError as error:
      kept = error
    fit(self.x, self.given, workdir=workdir)
    self.assertIsNotNone(kept.__traceback__)

  def test_a_loss_that_is_no_number(self):
    with self.assertRaisesRegex(
      InputError, "NaN at step .*the same call with learning_rate=0.1"
    ):
      fit(1e30 * self.x, self.given, learning_rate=1e3)

  def test_a_test_part_and_a_validation_part(self):
    x, given, right = blobs(30, seed=1)
    fitted = fit(
      self.x,
      self.given,
      x_test=x,
      labels_test=right,
      x_val=x[:20],
      labels_val=given[:20],
      clean_labels=self.right,
      ids=[f"n{i}" for i in range(96)],
      filepaths=[f"/a/{i}.jpg" for i in range(96)],
    )
    predicted = fitted.predict(x)
    self.assertEqual(fitted.summary["test_top1"], (predicted == right).mean())
    top1 = (predicted[:20] == given[:20]).mean()
    self.assertAlmostEqual(fitted.summary["val_top1"], top1)
    issues = fitted.label_issues
    np.testing.assert_array_equal(
      issues["clean_label"], self.right[issues["index"]]
    )
    self.assertEqual(issues["id"][0], f"n{issues['index'][0]}")
    self.assertEqual(issues["filepath"][0], f"/a/{issues['index'][0]}.jpg")
    self.assertNotIn("test_top1", self.fitted.summary)
    self.assertRegex(repr(fitted), r"^Fitted\(classes: 3, labels: 96, of which")

  @pytest.mark.slow
  def test_images_of_numbers_mean_what_they_meant(self):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (96, 6, 6, 3), dtype=np.uint8)
    labels = np.where(pixels[:, 0, 0, 0] > 127, "light", "dark")
    fields = {"network": "mlp", "flip": False}
    fitted = fit(pixels, labels, **fields)
    of_floats = fit(pixels / np.float32(255), labels, **fields)
    self.assertIn("0..1; they become 0..255", of_floats.notes[0])
    expected = fitted.predict_proba(pixels)
    for x in (pixels, pixels / np.float32(255)):
      found = of_floats.predict_proba(x)
      np.testing.assert_array_equal(found, expected)
    # By itself a dark picture of 0..255 could be one of 0..1.
    dark = np.minimum(pixels, 1)
    as_0_255 = fit(pixels.astype(np.float32), labels, **fields)
    np.testing.assert_array_equal(
      as_0_255.predict_proba(dark.astype(np.float32)),
      fitted.predict_proba(dark),
    )
    with self.assertRaisesRegex(InputError, r"values outside of 0..1, which"):
      of_floats.predict(pixels.astype(np.float32))

  def test_a_folder(self):
    root = own.tree(pathlib.Path(self.create_tempdir()), count=30)
    fields = {"network": "mlp", "image_size": 8, "num_epochs": 2}
    fitted = fit(root, None, **fields)
    np.testing.assert_array_equal(fitted.classes_, ["dog", "ä cat"])
    self.assertLen(fitted.label_issues, 60)
    self.assertEqual(fitted.predict_proba(root / "dog").shape, (30, 2))
    with self.assertRaisesRegex(InputError, "labels beside x=.* ndarray"):
      fit(root, np.zeros(60))
    with self.assertRaisesRegex(InputError, "^ids beside x="):
      fit(root, ids=range(60))


class LabelsTest(parameterized.TestCase):
  @parameterized.parameters(
    ([3, 1, 10, 1], ("1", "3", "10"), [1, 3, 10]),
    ([1.0, 2.0], ("1", "2"), [1.0, 2.0]),
    ([True, False], ("False", "True"), [False, True]),
    (["b", "a", "b"], ("a", "b"), ["a", "b"]),
    ([[0, 1, 0], [1, 0, 0]], ("0", "1", "2"), [0, 1, 2]),
    (["1", "x", "01"], ("1", "x"), ["1", "x"]),
    (["1", "x", "01"], ("01", "x"), ["01", "x"]),
  )
  def test_classes_are_of_the_dtype_of_the_labels(self, labels, names, want):
    labels = np.array(labels)
    found = training._classes(labels, names)
    np.testing.assert_array_equal(found, want)
    self.assertEqual(found.dtype, labels.dtype)

  @parameterized.parameters(
    ([5, 7], -1),
    (["no", "yes"], ""),
    ([False, True], None),
    (np.array(["no", "yes"], object), None),
  )
  def test_the_table_calls_classes_as_the_labels_do(self, classes, unknown):
    classes = np.array(classes)
    issues = LabelIssues(
      {
        "given_label": np.array(["a", "b", "a"]),
        "label_score": np.array([0.1, 0.2, 0.3]),
        "clean_label": np.array(["b", "", "a"]),
      }
    )
    found = training._as_given(issues, ("a", "b"), classes)
    self.assertEqual(
      found["clean_label"].tolist(), [classes[1], unknown, classes[0]]
    )
    self.assertEqual(found["given_label"].dtype, classes.dtype)
    np.testing.assert_array_equal(found["given_label"], classes[[0, 1, 0]])
    np.testing.assert_array_equal(found["label_score"], issues["label_score"])

  def test_tables_of_pandas(self):
    try:
      import pandas as pd
    except ImportError:
      self.skipTest("pandas is not installed")
    x, given, _ = blobs(24, 0)
    table = pd.DataFrame(x, index=range(5, 29))
    labels = pd.Series(given, index=table.index, dtype="category")
    fitted = fit(table, labels, method="plain", num_epochs=1)
    self.assertLen(fitted.label_issues.to_pandas(), 24)
    with self.assertRaisesRegex(InputError, "other indexes"):
      fit(table, labels.sort_index(ascending=False))
    missing = labels.astype("string")
    missing.iloc[3] = pd.NA
    with self.assertRaisesRegex(InputError, "1 of 24 values of label are miss"):
      fit(table, missing)


X, Y = np.zeros((4, 2)), [0, 1, 0, 1]


class RefusalsTest(parameterized.TestCase):
  @parameterized.parameters(
    (X, None, {}, "^labels are missing; expected one for each"),
    (X, [0, 1, 0], {}, "label is int64 .3,.; expected one value for each of"),
    (
      X,
      [0, 1, None, 1],
      {},
      "1 of 4 values of label are missing, the first in",
    ),
    (X, ["a", "b", np.nan, "b"], {}, "label are missing, e.g. nan in entry 2"),
    (X, [0, 0, 0, 0], {}, "there is one class only: 0"),
    (X, [0.5, 1, 0, 1], {}, "label 0.5 is a measurement"),
    (
      X,
      [-1, 1, -1, 1],
      {},
      'if -1 is the name of a class: .* class_names="A,B',
    ),
    ([[1], [2, 3]], Y, {}, "x is no array of numbers .*; expected images"),
    ([["a"]] * 4, Y, {}, r"fit: x is <U1 \(4, 1\); expected images"),
    (X * np.nan, Y, {}, "x of example 0 has values that are not finite"),
    (np.zeros(4), Y, {}, r"fit: x is float64 \(4,\); expected images"),
    (X[:, :0], Y, {}, "there is nothing in an example"),
    (X - 5.0, Y, {"x_test": X}, "x_test without labels_test"),
    (X, Y, {"num_epoch": 1}, "no keyword 'num_epoch'; did you mean num_epochs"),
    (X, Y, {"num_epochs": 1.5}, "num_epochs=1.5; expected a whole number"),
    (X, Y, {"noise_ratio": 2}, "noise_ratio=2.0; expected a number in 0-1"),
    (X, Y, {"noise_ratio": "x"}, "^noise_ratio=x; expected a number"),
    (X, Y, {"dataset": "digits"}, "dataset=digits: it follows from x"),
    (X, Y, {"method": "best"}, "unknown method 'best'; choose one of"),
    (X, Y, {"batch_size": 9}, "batch_size=9 is larger than the 4 training"),
    (X, Y, {"parameters": "best"}, "unknown parameters 'best'"),
    (X, Y, {"flip": True}, "; set crop_padding=0, min_crop_area=1, flip=False"),
    ("/nowhere", None, {}, "^path=/nowhere does not exist"),
  )
  def test_one_line(self, x, labels, fields, message):
    with self.assertRaisesRegex(InputError, message) as raised:
      fit(x, labels, **fields)
    self.assertNotRegex(str(raised.exception), r"--|data\.|\n")

  def test_a_sparse_matrix(self):
    from scipy import sparse

    with self.assertRaisesRegex(InputError, "expected an array: x.toarray"):
      fit(sparse.csr_matrix(X), Y)

  def test_keywords_are_fields_and_no_two_are_called_the_same(self):
    self.assertLen(FIELDS, len(config_lib.all_fields()))


if __name__ == "__main__":
  absltest.main()
