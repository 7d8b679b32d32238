"""The commands of the README as written; refusals as a user sees them."""

import json
import pathlib
import re
import shlex
import time

from absl.testing import absltest, parameterized

from tests import pages
from tests.pages import PAGES, ROOT

README = PAGES["README.md"]


class ReadmeTest(absltest.TestCase):
  def test_the_two_commands_come_first(self):
    first, second = pages.blocks(README, "bash")[0].splitlines()
    self.assertEqual(
      first,
      "pip install -r requirements.txt && python main.py"
      " --config=configs/quickstart.py --workdir=runs/quickstart",
    )
    self.assertEqual(
      second,
      "pip install -r requirements.txt pytest-xdist && python -m pytest",
    )

  def test_quickstart_as_written(self):
    workdir = self.create_tempdir().full_path
    command = pages.commands("README.md")[1].removeprefix("python main.py ")
    arguments = shlex.split(command.replace("runs/quickstart", workdir))
    started = time.monotonic()
    result = pages.main_py(*arguments)
    seconds = time.monotonic() - started
    self.assertEqual(result.returncode, 0, result.stderr)
    for words in ("epoch 60/60", "purity", "left", "test accuracy, EMA"):
      self.assertIn(words, result.stdout)
    summary = json.loads((pathlib.Path(workdir) / "summary.json").read_text())
    # One seed; the mean over five is in docs/results.md.
    self.assertGreater(summary["test_top1"], 0.92)
    self.assertGreaterEqual(summary["dictionary_purity"], 0.97)
    # 0.358 of the labels are wrong. (No weight becomes 0 at once: the last one
    # stays in it by half. Of the exact form: tests/run/test_outputs.py.)
    self.assertLess(summary["wrong_weight_share"], 0.358 * 0.6)
    # A guard against gross slowness only: machines differ.
    self.assertLess(seconds, 120)

  def test_it_is_short(self):
    self.assertLessEqual(len(README.splitlines()), 150)

  def test_links_lead_somewhere_and_nothing_is_left_to_fill_in(self):
    for page, text in PAGES.items():
      self.assertNotRegex(text, r"\b[A-Z0-9]+_[A-Z]+\b(?!=)")
      for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        place = (ROOT / page).parent / link
        self.assertTrue(place.exists(), f"{page}: {link}")

  def test_every_page_is_on_the_site(self):
    listed = re.findall(
      r": (\w+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M
    )
    there = [path.name for path in (ROOT / "docs").glob("*.md")]
    self.assertCountEqual(listed, there)


class MainTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("field", ["--config.num_epoch=1"], "no field 'num_epoch'.*num_epochs"),
    (
      "type",
      ["--config.num_epochs=many"],
      "num_epochs=many; expected a whole number above 0$",
    ),
    ("seeds", ["--config.seed=0,1,2"], r"benchmarks/sweep.py --seeds=0,1,2"),
    ("underflow", ["--config.learning_rate=1e-300"], "is 0 in float32"),
    ("flag", ["--wrkdir=x"], "wrkdir"),
    ("mode", ["--mode=test"], "train|evaluate"),
    ("file", ["--config=configs/nothing.py"], "configs/nothing.py"),
    (
      "file_arguments",
      ["--config=configs/cifar_noise.py:a,b,c"],
      "noise ratio 'c' is not a number",
    ),
    ("pusher", ["--config.pusher=best"], "choose one of: .*negative_loss"),
    (
      "data_dir",
      ["--config=configs/cifar_noise.py", "--config.data.data_dir=/nowhere"],
      "python -m fsr_jax.data.prepare",
    ),
    ("argument", ["train"], "unexpected argument 'train'"),
  )
  def test_one_clear_line(self, arguments, message):
    workdir = pathlib.Path(self.create_tempdir()) / "new"
    if not arguments[0].startswith("--config="):
      arguments = ["--config=configs/quickstart.py", *arguments]
    result = pages.main_py(f"--workdir={workdir}", *arguments)
    self.assertNotEqual(result.returncode, 0)
    self.assertRegex(result.stderr, rf"^error: .*{message}")
    self.assertLen(result.stderr.splitlines(), 1)
    self.assertFalse(workdir.exists())

  def test_missing_flags(self):
    self.assertRegex(pages.main_py("--workdir=x").stderr, "^error: --config is")
    result = pages.main_py("--config=configs/quickstart.py")
    self.assertRegex(result.stderr, "^error: --workdir is missing")
    result = pages.main_py("--workdir=x", "--config.data.path=y")
    self.assertRegex(result.stderr, "^error: --config.data.path=y .* missing")

  def test_evaluate_needs_no_config(self):
    workdir = self.create_tempdir().full_path
    small = [
      "--config.num_epochs=2",
      "--config.warmup_epochs=2",
      "--config.data.max_examples=300",
    ]
    train = pages.main_py(
      "--config=configs/quickstart.py", f"--workdir={workdir}", *small
    )
    self.assertEqual(train.returncode, 0, train.stderr)
    self.assertIn("note: warmup_epochs=2 covers all 2 epochs", train.stdout)
    result = pages.main_py("--mode=evaluate", f"--workdir={workdir}")
    self.assertEqual(result.returncode, 0, result.stderr)
    line = re.search("test accuracy, last step .*", result.stdout)[0]
    self.assertIn(line, train.stdout)


if __name__ == "__main__":
  absltest.main()
