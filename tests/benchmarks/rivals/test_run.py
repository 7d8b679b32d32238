"""The command: all rivals once, resuming, refusals."""

import contextlib
import csv
import dataclasses
import io
import pathlib
from unittest import mock
import warnings

from absl.testing import absltest, parameterized
import pytest

from benchmarks import scales
from benchmarks.rivals import RIVALS, library, run
from benchmarks.rivals.protocol import Trial
from fsr_jax.errors import InputError

_DIGITS = scales.SCALES["digits"]
_SMALL = _DIGITS._replace(
  fields={
    **_DIGITS.fields,
    "data.max_examples": 200,
    "num_epochs": 2,
    "batch_size": 20,
    "eval_every_epochs": 2,
    "checkpoint_every_epochs": 2,
  }
)
OTHERS = [name for name in RIVALS if name not in library.RIVALS]


class RunTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    # ml_collections reads config files by a deprecated function.
    self.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", DeprecationWarning)
    self.enter_context(mock.patch.dict(scales.SCALES, digits=_SMALL))
    self.out = pathlib.Path(self.create_tempdir())

  def work(self, **values) -> list[str]:
    """Printed lines."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
      run.work(**{"out": str(self.out), **values})
    return printed.getvalue().splitlines()

  def rows(self) -> list[dict]:
    with open(self.out / "results.csv", newline="") as file:
      return [*csv.DictReader(file)]

  @pytest.mark.slow
  def test_all_rivals_and_none_sees_a_clean_label(self):
    of = Trial.of

    def blind(options, data, seed):
      train = dataclasses.replace(data.train, clean_label=None)
      return of(options, dataclasses.replace(data, train=train), seed)

    with mock.patch.object(Trial, "of", blind):
      lines = self.work(rival=OTHERS, settings=["uniform_0.4"], seeds=["3"])
    rows = self.rows()
    self.assertEqual(
      [r["cell"] for r in rows], [f"uniform_0.4/{n}" for n in OTHERS]
    )
    for row in rows:
      self.assertBetween(float(row["test_top1"]), 0.05, 1)
      self.assertGreaterEqual(float(row["passes"]), 0.2)
      self.assertEqual((row["scale"], row["seed"]), ("digits", "3"))
    self.assertLen(lines, len(OTHERS) + 3 + 1)

  def test_what_is_there_is_not_done_again(self):
    asked = {"rival": ["plain"], "settings": ["uniform_0.4", "uniform_0.2"]}
    self.work(**asked, seeds=["0"])
    before = self.rows()
    lines = self.work(**asked, seeds=["0", "1"])
    rows = self.rows()
    self.assertEqual(rows[:2], before)
    self.assertEqual([r["seed"] for r in rows], ["0", "0", "1", "1"])
    self.assertLen(lines, 2 + 3 + 2)
    with mock.patch.object(run, "Case", side_effect=AssertionError):
      lines = self.work(**asked, seeds=["0", "1"])
    self.assertEqual(lines[0], "| setting | `plain` |")
    self.assertEqual(lines[2], "| passes | 1.0 |")
    self.assertRegex(
      lines[3], r"^\| uniform_0.2 \| \*\*\d+\.\d ± \d\.\d\*\* \|$"
    )

  @parameterized.parameters(
    ({"out": None}, "^--out is missing"),
    ({"rival": []}, "^--rival is missing; all, or: plain, "),
    ({"rival": ["fsr", "dividemix"]}, "^unknown rival 'dividemix'; choose "),
    ({"settings": ["uniform"]}, "^unknown setting 'uniform'; choose "),
    ({"scale": "imagenet"}, "^unknown scale 'imagenet'; choose "),
    ({"seeds": ["one"]}, "^seed 'one' is not a number"),
    ({"scale": "features"}, "^--data is missing"),
  )
  def test_what_is_wrong_is_said_before_anything_is_written(self, wrong, said):
    with self.assertRaisesRegex(InputError, said):
      self.work(**{"rival": ["plain"], **wrong})
    self.assertEmpty([*self.out.iterdir()])

  def test_a_file_of_other_columns_is_left_alone(self):
    path = self.out / "results.csv"
    path.write_text("cell,seed\n")
    with self.assertRaisesRegex(InputError, "results.csv has the columns"):
      self.work(rival=["plain"])
    self.assertEqual(path.read_text(), "cell,seed\n")


if __name__ == "__main__":
  absltest.main()
