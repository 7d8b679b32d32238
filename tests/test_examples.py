"""The examples as a user runs them: learned weights beat uniform ones."""

import json
import os
import pathlib
import subprocess
import sys

from absl.testing import absltest, parameterized

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"


class ExamplesTest(parameterized.TestCase):
  @parameterized.parameters(("own_loop.py", 0.02), ("nnx_text.py", 0.02))
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

  def test_the_first_one_fits_on_two_screens(self):
    lines = (EXAMPLES / "own_loop.py").read_text().splitlines()
    self.assertLessEqual(len(lines), 90)


if __name__ == "__main__":
  absltest.main()
