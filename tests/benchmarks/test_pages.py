"""Sweeps and rivals as the pages of evidence have them: every name is known."""

import argparse
import contextlib
import shlex
import warnings

from absl.testing import absltest, parameterized

from benchmarks import ablations, scales, settings, sweep
from benchmarks.rivals import RIVALS
from fsr_jax import config as config_lib
from tests import pages

PAGES = [
  page
  for page in pages.PAGES
  if page.startswith(
    ("docs/results.md", "docs/experiments.md", "docs/measured")
  )
]


def parsed(command: str) -> tuple[argparse.Namespace, list[str]]:
  """(flags of sweeps and rivals, what follows --)."""
  words = shlex.split(command)
  cut = words.index("--") if "--" in words else len(words)
  parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
  for name in ("sweep", "out", "data", "rival"):
    parser.add_argument(f"--{name}")
  parser.add_argument("--list", action="store_true")
  parser.add_argument("--scale", default="digits")
  for name, default in (("cells", "*"), ("seeds", "0"), ("settings", "")):
    parser.add_argument(
      f"--{name}", type=lambda text: text.split(","), default=[default]
    )
  at = next(i for i, word in enumerate(words) if word.startswith("--"))
  return parser.parse_args(words[at:cut]), words[cut + 1 :]


class PagesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    # ml_collections reads config files by a deprecated function.
    self.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", DeprecationWarning)
    self.enter_context(contextlib.chdir(scales.ROOT))

  def test_there_are_commands_on_every_page_of_sweeps(self):
    counts = {page: len(pages.commands(page)) for page in PAGES}
    self.assertGreater(counts["docs/experiments.md"], 25)
    self.assertGreater(counts["docs/results.md"], 7)

  @parameterized.parameters(*PAGES)
  def test_sweeps(self, page):
    for command in pages.commands(page):
      if not command.startswith("python benchmarks/sweep.py"):
        continue
      with self.subTest(command):
        asked, fields = parsed(command)
        if asked.list:
          continue
        self.assertIsNotNone(asked.out)
        known = config_lib.all_fields()
        self.assertLessEqual(set(scales.names(fields)), set(known))
        found = ablations.SWEEPS[asked.sweep]
        # The cells of feature vectors need their file.
        own_file = asked.scale == "features"
        self.assertEqual(own_file, asked.data is not None)
        scale = scales.named("digits" if own_file else asked.scale)
        cells = sweep.chosen_cells(found.cells(scale), asked.cells)
        set_by_cells = set().union(*cells.values())
        self.assertEmpty(set_by_cells & set(scales.names(fields)))

  @parameterized.parameters(*PAGES)
  def test_rivals(self, page):
    for command in pages.commands(page):
      if not command.startswith("python -m benchmarks.rivals"):
        continue
      with self.subTest(command):
        asked, fields = parsed(command)
        self.assertEmpty(fields)
        self.assertLessEqual(set(asked.rival.split(",")), {*RIVALS, "all"})
        self.assertIn(asked.scale, scales.SCALES)
        known = settings.settings(scales.SCALES[asked.scale])
        self.assertLessEqual(set(asked.settings), {*known, ""})


if __name__ == "__main__":
  absltest.main()
