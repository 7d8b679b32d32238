"""The harness of tests/faults notices what is lost."""

import contextlib
import io
import pathlib
import shutil
import types
from unittest import mock

from absl.testing import absltest, parameterized

from fsr_jax.run import commands
from tests import shrunk
from tests.faults import compare
from tests.faults.ground import Ended, Lost, NotRun
from tests.faults.table import Fault, table


class CompareTest(absltest.TestCase):
  def test_what_differs_between_two_workdirs(self):
    folder = pathlib.Path(self.create_tempdir())
    first, second = folder / "first", folder / "second"
    config = shrunk.config(data__max_examples=40, dictionary_size=20)
    commands.train(config, str(first), stop_after_epochs=1)
    shutil.copytree(first, second)
    self.assertEmpty(compare.differences(second, first))
    commands.train(config, str(second))
    self.assertContainsSubset(
      ["metrics.jsonl", "checkpoints", "summary.json", "events"],
      compare.differences(second, first),
    )
    shutil.copytree(second, folder / "third")
    for name in ("summary.json.part", "checkpoints/9.orbax-checkpoint-tmp"):
      (folder / "third" / name).write_text("")
    with open(folder / "third" / "samples.csv", "a") as file:
      file.write("more")
    found = compare.differences(folder / "third", second)
    self.assertLen(found, 3, found)
    self.assertStartsWith(found["samples.csv"], "samples.csv differs from line")


class TableTest(parameterized.TestCase):
  def tried(self, *functions) -> tuple[int, list[str]]:
    """Number of losses, and the lines of the table."""
    folder = pathlib.Path(self.create_tempdir())
    (folder / "temporary").mkdir()
    ground = types.SimpleNamespace(
      folder=folder, temporary=folder / "temporary", reference=folder
    )
    faults = [
      (Fault(f"fault {i}", function, 1), 2)
      for i, function in enumerate(functions)
    ]
    out = io.StringIO()
    with (
      contextlib.redirect_stdout(out),
      contextlib.redirect_stderr(io.StringIO()),
      # Processes of another test have no mark.
      mock.patch("tests.faults.left.processes", return_value=[]),
    ):
      return table(ground, faults, 0), out.getvalue().splitlines()

  def test_rows(self):
    def lossy(t):
      if t.rng.random() < 2:
        raise Lost("a checkpoint")

    def elsewhere(t):
      raise NotRun("no disk")

    lost, lines = self.tried(lambda t: ["kills"] * 3, lossy, elsewhere)
    self.assertEqual(lost, 2)
    self.assertEqual(
      lines[2:6],
      [
        "| fault 0 | 2 | 2 | 0 | 6 kills |",
        "| fault 1 | 2 | 0 | 2 |  |",
        "| fault 2 | 0 | 0 | 0 | not run: no disk |",
        "| nothing is left behind | 1 | 1 | 0 |  |",
      ],
    )
    self.assertEqual(lines[-1], "3 of 5 survived")

  def test_a_file_that_is_left(self):
    def lossy(t):
      (t.ground.temporary / "socket").write_text("")
      return []

    lost, lines = self.tried(lossy)
    self.assertEqual(lost, 1)
    self.assertEqual(lines[-1], "2 of 3 survived")

  @parameterized.parameters(
    (1, "Traceback (most recent call last):\nValueError\n"),
    (1, "error: one\nerror: two\n"),
    (1, ""),
    (-11, ""),
    (139, "error: one\n"),
  )
  def test_what_is_no_refusal(self, status, err):
    with self.assertRaises(Lost):
      Ended(status, "", err).refused()
    self.assertTrue(Ended(1, "", "error: one\n").refused())
    self.assertFalse(Ended(0, "", "").refused())


if __name__ == "__main__":
  absltest.main()
