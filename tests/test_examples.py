"""The examples as a user runs them: learned weights beat uniform ones."""

import json
import os
import pathlib
import re
import subprocess
import sys

from absl.testing import absltest, parameterized
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"


class ExamplesTest(parameterized.TestCase):
  @parameterized.parameters(("own_loop.py", 0.005), ("nnx_text.py", 0.02))
  @pytest.mark.slow
  def test_runs(self, name, gain):
    # They train for longer than they compile: not as the rest of the suite.
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    done = subprocess.run(
      [sys.executable, str(EXAMPLES / name)],
      env=environment,
      capture_output=True,
      text=True,
      check=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    self.assertEqual(list(result), ["plain", "fsr"])
    self.assertGreater(result["fsr"], result["plain"] + gain)

  @pytest.mark.slow
  def test_the_notebook_runs_from_its_folder(self):
    """Each cell, in a process of its own, as a notebook runs them."""
    path = EXAMPLES / "find_wrong_labels.ipynb"
    cells = json.loads(path.read_text())["cells"]
    codes = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    self.assertEmpty([c for c in cells if c.get("outputs")])
    folder = self.create_tempdir()
    script = pathlib.Path(folder.create_file("cells.py", "").full_path)
    script.write_text("\n".join(codes))
    # One device; compiled as fast as the rest of the suite. Pictures are drawn
    # where no screen is.
    options = os.environ.get("XLA_FLAGS", "").split()
    options = " ".join(x for x in options if "device_count" not in x)
    done = subprocess.run(
      [sys.executable, str(script)],
      env={**os.environ, "XLA_FLAGS": options, "MPLBACKEND": "agg"},
      cwd=EXAMPLES,
      capture_output=True,
      text=True,
      check=True,
    )
    found = re.search(r"of the first 50 labels (\d+)% are wrong", done.stdout)
    self.assertGreaterEqual(int(found[1]), 94, done.stdout)
    before = re.search(r"([\d.]+)% of 1,397 labels", done.stdout)[1]
    after = re.search(r"([\d.]+)% of the labels are wrong now", done.stdout)[1]
    self.assertLess(float(after), float(before) / 2)
    as_given, corrected, _ = re.findall(r"([\d.]+) of the new", done.stdout)
    self.assertGreater(float(corrected), float(as_given))

  def test_the_first_one_fits_on_two_screens(self):
    lines = (EXAMPLES / "own_loop.py").read_text().splitlines()
    self.assertLessEqual(len(lines), 90)


if __name__ == "__main__":
  absltest.main()
