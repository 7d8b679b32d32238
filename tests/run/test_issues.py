"""The list of wrong labels of a run: its files, its numbers, what is said."""

import json
import pathlib

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.table import read_table
from fsr_jax.label_issues import LabelIssues
from fsr_jax.run import commands, issues
from tests import shrunk
from tests.run import trained


def few(clean_label=None):
  """(LabelIssues, Data): labels 0, 0, 1, 1, the last two are suspected."""
  names = np.array(["a", "b"])
  label = np.array([0, 0, 1, 1])
  table = LabelIssues(
    {
      "index": np.array([3, 2, 0, 1]),
      "given_label": names[[1, 1, 0, 0]],
      "predicted_label": names[[0, 0, 0, 0]],
      "label_score": np.array([0.1, 0.3, 0.6, np.nan]),
      "is_label_issue": np.array([True, True, False, False]),
    }
  )
  image = np.zeros((4, 1, 1, 1), np.uint8)
  split = Split(image, label, clean_label)
  return table, Data(split, split, ("a", "b"))


class MeasureTest(parameterized.TestCase):
  @parameterized.parameters(
    (None, None, None),
    # Of the two suspected one is wrong; of the two wrong ones one is.
    (np.array([0, -1, 1, 0]), 0.5, 0.5),
    (np.array([0, 0, 1, 1]), 0.0, None),
  )
  def test_by_hand(self, clean_label, precision, recall):
    result = issues.measure(*few(clean_label))
    self.assertAlmostEqual(result.pop("expected_wrong"), 0.9 + 0.7 + 0.4)
    self.assertEqual(
      result,
      {
        "label_issues": 2,
        "label_issue_precision": precision,
        "label_issue_recall": recall,
      },
    )

  def test_remarks(self):
    lines = issues.remarks(few()[0], True)
    self.assertStartsWith(lines[0], "labels that look wrong: 2 of 4 (50.0%); s")
    self.assertEqual(lines[1], "most often: b that looks like a (2 times)")

  @parameterized.parameters(True, False)
  def test_of_a_network_that_was_never_sure(self, settled):
    last = issues.remarks(few()[0], settled)[-1]
    self.assertEqual("did not become sure" in last, not settled)

  def test_without_a_list(self):
    (line,) = issues.remarks(None, False)
    self.assertIn("predictions_gb", line)
    self.assertEqual({*issues.measure(None, few()[1]).values()}, {None})


class RunTest(parameterized.TestCase):
  def check_files(self, workdir: pathlib.Path, summary: dict) -> dict:
    """Columns of labels_suggested.csv; the files of a run fit together."""
    table = read_table(workdir / "samples.csv", ("label",)).columns
    size = len(table["index"])
    probs = np.load(workdir / "pred_probs.npy")
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-5)
    self.assertLen(probs, size)
    # Rows of the table are sorted, those of the others as the examples are.
    order = np.array(table["index"], int)
    confidence = np.array(table["confidence"], float)
    self.assertTrue(np.all(confidence <= probs.max(1)[order] + 1e-6))
    score = np.array(table["label_score"], float)
    self.assertTrue(np.all(np.diff(score) >= 0))
    self.assertEqual(summary["label_issues"], int((score < 0.5).sum()))
    stored = json.loads((workdir / "summary.json").read_text())
    self.assertAlmostEqual(stored["expected_wrong"], np.sum(1 - score), 2)
    self.assertEqual("epochs_trusted" in table, summary["method"] != "plain")
    suggested = read_table(workdir / "labels_suggested.csv", ("label",)).columns
    changed = np.not_equal(suggested["label"], suggested["given_label"]).sum()
    self.assertEqual(changed, summary["label_issues"])
    return suggested

  def test_files_of_plain_training(self):
    done = trained.run()
    self.check_files(done.workdir, done.summary)

  def test_suggested_labels_are_a_labels_file(self):
    workdir, again = (pathlib.Path(self.create_tempdir()) for _ in range(2))
    fields = {"num_epochs": 3, "warmup_epochs": 1, "data__max_examples": 0}
    summary = commands.train(shrunk.config(**fields), str(workdir))
    suggested = self.check_files(workdir, summary)
    fields["data__labels_file"] = f"{workdir}/labels_suggested.csv"
    fields |= {"data__noise": "none", "data__noise_ratio": 0.0}
    commands.train(shrunk.config(**fields), str(again), stop_after_epochs=1)
    with np.load(again / "labels.npz") as found:
      np.testing.assert_array_equal(
        found["class_names"][found["label"]], suggested["label"]
      )


if __name__ == "__main__":
  absltest.main()
