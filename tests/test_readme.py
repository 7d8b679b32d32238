"""The commands of the README as written; refusals as a user sees them."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np
import optax

ROOT = pathlib.Path(__file__).resolve().parent.parent


def commands() -> list[str]:
  """Shell commands of the README, continued lines joined."""
  text = (ROOT / "README.md").read_text()
  blocks = re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.DOTALL)
  lines = "".join(blocks).replace("\\\n", " ").splitlines()
  return [re.sub(r"\s+", " ", line) for line in lines if line.strip()]


def main_py(*arguments):
  environment = dict(os.environ)
  # One device; compiled as fast as the rest of the suite.
  flags = environment.get("XLA_FLAGS", "").split()
  environment["XLA_FLAGS"] = " ".join(
    flag for flag in flags if "device_count" not in flag
  )
  return subprocess.run(
    [sys.executable, str(ROOT / "main.py"), *arguments],
    cwd=ROOT,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )


class ReadmeTest(absltest.TestCase):
  def test_the_two_commands_come_first(self):
    install, test = commands()[:2]
    self.assertEqual(
      install,
      "pip install -r requirements.txt && python main.py"
      " --config=configs/quickstart.py --workdir=runs/quickstart",
    )
    self.assertEqual(
      test, "pip install -r requirements.txt pytest-xdist && python -m pytest"
    )

  def test_quickstart_as_written(self):
    workdir = self.create_tempdir().full_path
    _, command = commands()[0].split("&& python main.py ")
    arguments = shlex.split(command.replace("runs/quickstart", workdir))
    started = time.monotonic()
    result = main_py(*arguments)
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

  def test_the_three_lines_run(self):
    text = (ROOT / "README.md").read_text()
    code, _ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    lines = [x for x in code.splitlines() if x and not x.startswith("import")]
    self.assertLen(lines, 3)
    x = np.random.default_rng(0).normal(size=(40, 3))
    labels = np.where(x[:, 0] > 0, "pos", "neg")
    code = code.replace("labels)", "labels, num_epochs=2, num_devices=1)")
    names = {"x": x, "x_new": x[:5], "labels": labels}
    exec(code, names)
    self.assertLen(names["fitted"].label_issues, 40)

  def test_the_python_example_runs(self):
    text = (ROOT / "README.md").read_text()
    _, code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    rng = np.random.default_rng(0)
    label = jnp.arange(60) % 10
    params = {
      "backbone": jnp.array(rng.normal(size=(4, 128))),
      "head": jnp.array(rng.normal(size=(128, 10))),
    }
    names = {
      "jnp": jnp,
      "label": label,
      "image": jnp.array(rng.normal(size=(60, 4))),
      "backbone": lambda params, image: jnp.tanh(image @ params),
      "head": lambda params, features: features @ params,
      "cross_entropy": optax.softmax_cross_entropy_with_integer_labels,
    }
    exec(code, names)
    index = jnp.arange(20)
    loss = jax.value_and_grad(names["loss"], has_aux=True)
    (value, state), _ = loss(params, names["state"], index)
    # Weights are uniform before the warm-up's end.
    features = names["backbone"](params["backbone"], names["image"][index])
    losses = names["cross_entropy"](features @ params["head"], label[index])
    self.assertAlmostEqual(float(value), float(losses.mean()), places=4)
    self.assertEqual(int(state.tables.visits.sum()), 20)
    self.assertEqual(int(state.epoch), 1)

  def test_configs_and_modules_it_names_exist(self):
    for command in commands():
      for path in re.findall(r"(?:configs|benchmarks)/\w+\.py", command):
        self.assertTrue((ROOT / path).exists(), path)

  def test_links_lead_somewhere_and_nothing_is_left_to_fill_in(self):
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
      self.assertNotRegex(page.read_text(), r"\b[A-Z0-9]+_[A-Z]+\b(?!=)")
      for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        self.assertTrue((page.parent / link).exists(), f"{page}: {link}")


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
    result = main_py(f"--workdir={workdir}", *arguments)
    self.assertNotEqual(result.returncode, 0)
    self.assertRegex(result.stderr, rf"^error: .*{message}")
    self.assertLen(result.stderr.splitlines(), 1)
    self.assertFalse(workdir.exists())

  def test_missing_flags(self):
    self.assertRegex(main_py("--workdir=x").stderr, "^error: --config is")
    result = main_py("--config=configs/quickstart.py")
    self.assertRegex(result.stderr, "^error: --workdir is missing")
    result = main_py("--workdir=x", "--config.data.path=y")
    self.assertRegex(result.stderr, "^error: --config.data.path=y .* missing")

  def test_evaluate_needs_no_config(self):
    workdir = self.create_tempdir().full_path
    small = [
      "--config.num_epochs=2",
      "--config.warmup_epochs=2",
      "--config.data.max_examples=300",
    ]
    train = main_py(
      "--config=configs/quickstart.py", f"--workdir={workdir}", *small
    )
    self.assertEqual(train.returncode, 0, train.stderr)
    self.assertIn("note: warmup_epochs=2 covers all 2 epochs", train.stdout)
    result = main_py("--mode=evaluate", f"--workdir={workdir}")
    self.assertEqual(result.returncode, 0, result.stderr)
    line = re.search("test accuracy, last step .*", result.stdout)[0]
    self.assertIn(line, train.stdout)


if __name__ == "__main__":
  absltest.main()
