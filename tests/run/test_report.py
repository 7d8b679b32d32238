"""The opening lines of a run, and its progress."""

import contextlib
import dataclasses
import io
from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.options import DataOptions
from fsr_jax.run import report
from tests import shrunk


def data_of(sizes, num_test=200, names=None):
  """Data of classes of these sizes."""
  data = shrunk.random_data(sum(sizes), len(sizes), num_test=num_test)
  label = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
  return dataclasses.replace(
    data,
    train=dataclasses.replace(data.train, label=label),
    class_names=names or tuple(f"c{i}" for i in range(len(sizes))),
  )


class OpeningTest(parameterized.TestCase):
  def test_few_classes_largest_first(self):
    self.assertEqual(
      report.classes(data_of([10, 1080], names=("cat", "dog"))),
      "classes, training + test examples: dog: 1,080 + 100, cat: 10 + 100",
    )

  def test_many_classes_by_their_ends(self):
    data = data_of(range(1, 101), num_test=300)
    self.assertEqual(
      report.classes(data),
      "classes, training + test examples: c99: 100 + 3, c98: 99 + 3,"
      " c97: 98 + 3, 94 more, c2: 3 + 3, c1: 2 + 3, c0: 1 + 3",
    )

  def test_validation_part(self):
    data = data_of([10, 20])
    val = shrunk.random_data(num_classes=2, num_test=6).test
    data = dataclasses.replace(data, val=val)
    self.assertEqual(
      report.classes(data),
      "classes, training + validation + test examples: c1: 20 + 3 + 100,"
      " c0: 10 + 3 + 100",
    )
    self.assertRegex(
      report.test_part(DataOptions(), data), "own; 6 others validate epochs,"
    )

  @parameterized.parameters(
    ({}, True, r"set aside from the training images \(data.test_share=0.1 of"),
    ({"test_from": "/a/b"}, False, "from data.test_from=/a/b"),
    ({"test_split": "val"}, False, "the data's own, data.test_split=val"),
    ({}, False, "the data's own$"),
  )
  def test_where_the_test_part_is_from(self, fields, aside, words):
    data = dataclasses.replace(data_of([10, 20]), test_set_aside=aside)
    self.assertRegex(
      report.test_part(DataOptions(**fields), data),
      f"^test part: 200 examples, {words}",
    )

  def test_classes_without_a_test_example(self):
    data = data_of([5] * 8, num_test=1)
    first, second = report.test_notes(data)
    self.assertRegex(
      first, "7 of 8 classes have no .*: c1, c2, c3, c4, c5 and 2 more$"
    )
    self.assertIn("tiny, 1 image of 1 class:", second)
    self.assertEmpty(report.test_notes(data_of([5] * 8, num_test=104)))

  def test_names_that_a_terminal_cannot_show(self):
    self.assertEqual(
      report.shown("a\nb\x1b[2J\udce9 ä"), r"a\nb\x1b[2J\udce9 ä"
    )
    self.assertEqual(report.shown("a, b"), '"a, b"')
    self.assertEqual(report.shown("x" * 99), "x" * 37 + "...")


class ProgressTest(parameterized.TestCase):
  @parameterized.parameters("test", "val")
  def test_names_what_is_evaluated(self, part):
    out = io.StringIO()
    progress = report.Progress(shrunk.options(), 10, part)
    progress.update(
      {"test_top1": 0.1, f"{part}_top1": 0.75, f"{part}_top1_ema": 0.5}
    )
    with contextlib.redirect_stdout(out):
      progress.line(
        10, 0, {"loss": 1.0, "train_top1": 0.5, "effective_batch": 0.8}
      )
    self.assertIn(f"  {part} 0.750 (ema 0.500)  ", out.getvalue())

  def test_time_left_is_not_judged_by_compilation(self):
    options = shrunk.options(num_epochs=10, warmup_epochs=3)
    scalars = {"loss": 1.0, "train_top1": 0.5, "effective_batch": 0.8}
    out = io.StringIO()
    # (seconds, step): compiling takes 20 s, a step one; epochs have ten steps.
    times = [(21, 1), (30, 10), (70, 31), (79, 40), (139, 100)]
    with (
      mock.patch.object(report.time, "monotonic") as clock,
      contextlib.redirect_stdout(out),
    ):
      clock.return_value = 0
      progress = report.Progress(options, steps_per_epoch=10)
      for clock.return_value, step in times:
        progress.line(step, (step - 1) // 10, scalars)
    left = [
      line.split("  ")[-1] if line.endswith("left") else ""
      for line in out.getvalue().splitlines()
    ]
    self.assertEqual(left, ["", "1 min 30 s left", "", "1 min 00 s left", ""])

  @parameterized.parameters((37.0, 1), (35.0, 0))
  def test_a_long_run_is_told_what_is_faster_once(self, seconds, count):
    """Judged by the first stretch after compiling: 100 steps are left of it."""
    scalars = {"loss": 1.0, "train_top1": 0.5, "effective_batch": 0.8}
    lines: list[str] = []
    with mock.patch.object(report.time, "monotonic") as clock:
      clock.return_value = 0.0
      progress = report.Progress(
        shrunk.options(num_epochs=51, warmup_epochs=51),
        2,
        say=lines.append,
        faster="do less",
      )
      # Compiling takes an hour, and later steps do.
      for clock.return_value, step in ((3600.0, 1), (3600 + seconds, 2)):
        progress.line(step, 0, scalars)
      clock.return_value = 1e6
      progress.line(3, 1, scalars)
    text = "\n".join(lines)
    self.assertEqual(text.count("note: that is long: do less"), count)
    self.assertEndsWith(
      lines[1].split("  ")[-1],
      "1 h 01 min left\nnote: that is long: do less"
      if count
      else "58 min 20 s left",
    )


if __name__ == "__main__":
  absltest.main()
