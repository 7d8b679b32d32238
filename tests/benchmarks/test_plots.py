"""Plots of every sweep from tiny CSV files, and none without matplotlib."""

import contextlib
import importlib.util
import io
import itertools

from absl.testing import absltest, parameterized
import pytest

from benchmarks import ablations, sweep
from tests.benchmarks import fake


class PlotsTest(fake.Case):
  @parameterized.parameters(*ablations.SWEEPS)
  @pytest.mark.slow
  def test_plot_of_a_tiny_csv(self, name):
    if importlib.util.find_spec("matplotlib") is None:
      self.skipTest("matplotlib is not installed")
    about = ablations.SWEEPS[name]
    # Two of the six settings of `methods` are enough.
    cells = dict(itertools.islice(about.cells(fake.DIGITS).items(), 26))
    fields = list({f: None for c in cells.values() for f in c})
    jobs = self.plan(cells, seeds=("0", "1"))
    for number, job in enumerate(jobs):
      fake.write_finished(job, number)
    sweep.write(jobs, about, fields, self.out)
    png = self.out / f"{name}.png"
    about.plot(self.out, png, about.about)
    self.assertEqual(png.read_bytes()[1:4], b"PNG")

  def test_without_matplotlib_the_csv_is_still_there(self):
    def plot(folder, png, title):
      raise ModuleNotFoundError("No module named 'matplotlib'")

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
      sweep.draw(
        ablations.Sweep("", "", None, plot), self.out / "a.png", "title"
      )
    self.assertIn("pip install matplotlib", printed.getvalue())


if __name__ == "__main__":
  absltest.main()
