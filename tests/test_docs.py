"""Every command and every piece of Python of README and docs/ is tried.

Flags are those of the program, fields those of a config that is valid. What can
run here does, shrunk; what cannot is listed with the reason. A block that is
neither fails.
"""

import ast
import contextlib
import fnmatch
import pathlib
import re
import shlex

from absl import flags
from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from benchmarks import scales
import fsr_jax
from fsr_jax import config as config_lib
from fsr_jax import reweighting, shipped
from fsr_jax.config.validation import validate
from fsr_jax.run import program
from tests import pages
from tests.data import own
from tests.pages import PAGES, ROOT

# Commands of other programs, which are not run here. Pattern -> reason.
OTHERS = {
  "pip install *": "fetches packages; .ci/run does it",
  "hf download *": "fetches weights",
  'python -c "import safetensors.torch, *': "fetches weights",
  "python -m pytest": "is this",
  "tensorboard *": "serves a page until it is stopped",
  "mkdocs *": "needs the packages of `docs`; .ci/run does it",
}
# Programs beside main.py, whose flags are compared. Script -> what runs it.
PROGRAMS = {
  "fsr_jax.data.prepare": "tests/data/test_prepare.py",
  "fsr_jax.config.document": "tests/config/test_document.py",
  "benchmarks.accelerator": "tests/benchmarks/test_accelerator.py",
  "benchmarks.aggregate": "tests/benchmarks/test_aggregate.py",
  "benchmarks.board": "tests/benchmarks/test_board.py",
  "benchmarks.label_issues": "tests/benchmarks",
  "benchmarks.rivals": "tests/benchmarks/rivals/test_run.py",
  "benchmarks/cost.py": "tests/benchmarks/test_cost.py",
  "benchmarks/gradients.py": "tests/benchmarks",
  "benchmarks/loop.py": "tests/benchmarks",
  "benchmarks/pipeline.py": "tests/benchmarks",
  "benchmarks/scaling.py": "tests/benchmarks/test_scaling.py",
  "benchmarks/saving.py": "tests/benchmarks/test_cost.py",
  "benchmarks/sweep.py": "tests/benchmarks/test_sweep.py",
  "tests.faults": "tests/test_faults.py",
  "examples/own_loop.py": "tests/test_examples.py",
  "examples/nnx_text.py": "tests/test_examples.py",
}
# Flags of main.py beside fields of the config.
OF_MAIN = {"workdir", "mode", "allow_config_change", *program._READ_BY}
# Runs of main.py that do not run here, and why.
TOO_MUCH = {
  "*configs/cifar_*": "needs CIFAR; tests/config/test_configs.py runs it",
  "*--coordinator_address=*": "needs two machines; tests/run/test_processes.py",
  "*--workdir=s3://*": "needs a bucket; tests/run/test_remote.py stands in",
  "*pretrained=timm/*": "fetches weights; tests/run/test_hub.py stands in",
}
# Pages whose commands are only checked: what they are about is measured, not
# shown.
MEASURED = ("docs/results.md", "docs/experiments.md", "docs/measured/")
# Last flags of a run, so that it takes seconds.
SMALL = (
  "--config.num_epochs=2",
  "--config.warmup_epochs=1",
  "--config.eval_every_epochs=2",
)
SMALL_FOLDER = ("--config.network=mlp", "--config.data.image_size=8")
QUICKSTART = (
  "python main.py --config=configs/quickstart.py --workdir=runs/quickstart",
)
# Page -> commands before its own, whose workdirs it takes for granted.
BEFORE = {
  "docs/export.md": (
    "python main.py --config=configs/folder.py:IMAGES --workdir=runs/mine",
  ),
  "docs/outputs.md": QUICKSTART,
  "docs/report.md": QUICKSTART,
  "docs/watching.md": QUICKSTART,
}

# Pieces of Python that do not run here: a part of each, and why.
NOT_RUN = {
  "import torchvision": "needs PyTorch",
  "import timm, torch": "needs PyTorch and fetches weights",
  "import open_clip": "needs PyTorch and fetches weights",
  "import transformers": "needs PyTorch and fetches weights",
}
# What stands for a value in a message that a page quotes.
VALUES = re.compile(
  r"\.\.\.|[(),;?]|\b[A-Z]{4,}\b|'\w+'|[\w.]+=[\w.]*|\d+|cifar10|num_epochs|\ball\b"
)


def is_main(command: str) -> bool:
  return command.startswith(("python main.py ", "fsr-jax "))


def arguments_of(command: str) -> list[str]:
  """Those of main.py, bare names of configs as files."""
  words = shlex.split(command)
  return shipped.with_files(words[2 if words[0] == "python" else 1 :])


def reason(command: str, table) -> str | None:
  return next(
    (why for what, why in table.items() if fnmatch.fnmatch(command, what)), None
  )


MAINS = [
  (page, command)
  for page in PAGES
  for command in pages.commands(page)
  if is_main(command)
]
RUN = [
  page
  for page in PAGES
  if not page.startswith(MEASURED)
  and any(p == page and not reason(c, TOO_MUCH) for p, c in MAINS)
]
PYTHON = [
  (page, block)
  for page in PAGES
  for block in pages.blocks(PAGES[page], "python")
]


def make_data(root: pathlib.Path) -> None:
  """What the pages call IMAGES, PICTURES, LABELLED, images.npy, ..."""
  (root / "configs").symlink_to(ROOT / "configs")
  for name in ("IMAGES", "LABELLED", "PICTURES"):
    own.tree(root / name, count=15)
  corrected = "id,label\ndog/0.png,ä cat\n"
  (root / "labels_corrected.csv").write_text(corrected, encoding="utf-8")
  rng = np.random.default_rng(0)
  np.save(root / "images.npy", rng.integers(0, 256, (5, 8, 8, 3), np.uint8))
  vectors = rng.normal(size=(40, 6)).astype(np.float32)
  np.savez(root / "features.npz", image=vectors, label=np.arange(40) % 2)


class WithData(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    make_data(self.root)
    self.enter_context(contextlib.chdir(self.root))


class CommandsTest(WithData):
  @parameterized.parameters(*PAGES)
  def test_each_is_known(self, page):
    for command in pages.commands(page):
      with self.subTest(command):
        if is_main(command) or reason(command, OTHERS):
          continue
        script = re.match(r"python (?:-m )?(\S+)", command)
        self.assertIsNotNone(script, "run it, or list it with its reason")
        self.assertIn(script[1], PROGRAMS)
        self.assertTrue((ROOT / PROGRAMS[script[1]]).exists())
        self.check_flags(script[1], shlex.split(command))

  def check_flags(self, script: str, words: list[str]):
    """Each flag is one that the script defines; after -- fields follow."""
    path = script.removesuffix(".py").replace(".", "/")
    source = next(
      file
      for file in (ROOT / f"{path}.py", ROOT / path / "__main__.py")
      if file.exists()
    ).read_text()
    defined = set(
      re.findall(r'(?:DEFINE_\w+\(\s*|add_argument\(\s*)"(?:--)?(\w+)"', source)
    )
    for word in words:
      name = re.match(r"--([\w.]+)", word)
      if name and name[1].startswith("config."):
        field = name[1].removeprefix("config.")
        self.assertIn(field, config_lib.all_fields())
      elif name and name[1] != "config":
        self.assertIn(name[1], defined)

  @parameterized.parameters(*sorted({page for page, _ in MAINS}))
  def test_runs_have_flags_and_configs_that_are_valid(self, page):
    for command in (c for p, c in MAINS if p == page):
      with self.subTest(command):
        arguments = arguments_of(command)
        config = [x for x in arguments if x.startswith("--config=")]
        fields = [x for x in arguments if x.startswith("--config.")]
        for argument in set(arguments) - {*config, *fields}:
          name, _, value = argument.removeprefix("--").partition("=")
          self.assertIn(name, OF_MAIN)
          flags.FLAGS[name].parser.parse(value or "true")
        if config:
          options = config_lib.typed(scales.load([*config, *fields]))
          validate(options)
          # Corrected labels would be made wrong again.
          data = options.train.data
          self.assertTrue(not data.labels_file or data.noise == "none")
        else:
          self.assertRegex(command, "--mode=(evaluate|predict|export|report)")

  @parameterized.parameters(*RUN)
  @pytest.mark.slow
  def test_runs(self, page):
    """In their order, in one folder, shrunk."""
    own_commands = [c for p, c in MAINS if p == page]
    for command in (*BEFORE.get(page, ()), *own_commands):
      if reason(command, TOO_MUCH):
        continue
      with self.subTest(command):
        arguments = arguments_of(command)
        if not any(x.startswith("--mode=") for x in arguments):
          arguments += SMALL
          if any("folder.py:" in x for x in arguments):
            arguments += SMALL_FOLDER
        done = pages.main_py(*arguments, cwd=self.root)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)


class MessagesTest(parameterized.TestCase):
  def test_troubleshooting_quotes_what_the_program_says(self):
    said = " ".join(
      words
      for path in (ROOT / "fsr_jax").rglob("*.py")
      for words in strings(ast.parse(path.read_text()))
    )
    page = PAGES["docs/troubleshooting.md"]
    rows = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", page, re.MULTILINE)
    rows += re.findall(r"^\*\*`(.*?)`\*\*", page, re.MULTILINE)
    self.assertGreater(len(rows), 25)
    for message in (m for row in rows for m in row.strip("`").split("`, `")):
      # Without what stands for a value in it: a name, a number, ...
      for part in VALUES.split(message):
        with self.subTest(message):
          self.assertIn(part.strip(" ."), said)


def strings(tree: ast.AST) -> list[str]:
  """Texts of a module; of an f-string what stands between its values."""
  return [
    node.value
    for node in ast.walk(tree)
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
  ]


class ApiTest(parameterized.TestCase):
  @parameterized.parameters(*fsr_jax.__all__, *reweighting.__all__)
  def test_every_public_name_is_on_the_page(self, name):
    self.assertRegex(
      PAGES["docs/api.md"], rf"(?m)^:::.*\.{name}$|#fsr_jax.{name}"
    )


class PythonTest(WithData):
  def names_of(self, code: str) -> dict | None:
    """What a piece of Python takes for granted; None where it is unknown."""
    rng = np.random.default_rng(0)
    if "reweighter.weigh(" in code:
      return loop_names(rng)
    if "fsr_jax.fit(x, labels" in code and "load_digits" not in code:
      x = rng.normal(size=(40, 3))
      labels = np.where(x[:, 0] > 0, "pos", "neg")
      return {"x": x, "x_new": x[:5], "labels": labels}
    if "embed(" in code:
      return {"embed": lambda picture: np.asarray(picture).mean((0, 1))}
    alone = ("load_digits", "csv.DictReader", "class Block", "runs/mine/export")
    return {} if any(part in code for part in alone) else None

  @parameterized.parameters(*range(len(PYTHON)))
  def test_each_is_known_and_can_be_read(self, number):
    page, code = PYTHON[number]
    ast.parse(code)
    run = self.names_of(code) is not None
    listed = any(part in code for part in NOT_RUN)
    self.assertNotEqual(run and not listed, listed, f"{page}:\n{code}")

  @parameterized.parameters("README.md", "docs/own_loop.md")
  def test_the_loop(self, page):
    code = next(c for p, c in PYTHON if p == page and "weigh(" in c)
    names = self.names_of(code)
    exec(code, names)
    index = jnp.arange(20)
    loss = jax.value_and_grad(names["loss"], has_aux=True)
    (value, state), _ = loss(names["params"], names["state"], index)
    # Weights are uniform before the warm-up's end.
    features = names["backbone"](
      names["params"]["backbone"], names["image"][index]
    )
    losses = names["cross_entropy"](
      features @ names["params"]["head"], names["label"][index]
    )
    self.assertAlmostEqual(float(value), float(losses.mean()), places=4)
    self.assertEqual(int(state.tables.visits.sum()), 20)
    self.assertEqual(int(state.epoch), 1)

  def test_fit(self):
    """The pages' calls; of the README as short as it stands there."""
    (code,) = (c for p, c in PYTHON if p == "README.md" and "fit(x" in c)
    lines = [x for x in code.splitlines() if x and not x.startswith("import")]
    self.assertLen(lines, 3)
    names = self.names_of(code)
    exec(shrunk(code), names)
    self.assertLen(names["fitted"].label_issues, 40)

  @pytest.mark.slow
  def test_all_others(self):
    for page, code in PYTHON:
      names = self.names_of(code)
      if names is None or page == "README.md" or "weigh(" in code:
        continue
      if any(part in code for part in NOT_RUN):
        continue
      with self.subTest(page=page, code=code):
        self.prepare(code)
        exec(shrunk(code), names)
        self.check(code, names)

  def prepare(self, code: str) -> None:
    """Trains what the code reads the results of."""
    config = None
    if "runs/quickstart" in code:
      config = ["--config=configs/quickstart.py"]
    elif "runs/mine/export" in code:
      config = ["--config=configs/folder.py:IMAGES", *SMALL_FOLDER]
    if config is None:
      return
    workdir = re.search(r"runs/\w+", code)[0]
    if not pathlib.Path(workdir).exists():
      for more in ((*config, *SMALL), ("--mode=export",)):
        done = pages.main_py(f"--workdir={workdir}", *more, cwd=self.root)
        self.assertEqual(done.returncode, 0, done.stderr)

  def check(self, code: str, names: dict) -> None:
    """What came out is what the page says."""
    if "probabilities" in names:
      self.assertEqual(names["probabilities"].shape, (5, 2))
      np.testing.assert_allclose(names["probabilities"].sum(1), 1, rtol=1e-5)
    if "fitted" in names:
      self.assertTrue(len(names["fitted"].label_issues))
    if "DictReader" in code:
      self.assertLen(names["rows"], 1400)
    if "class Block" in code:
      x = jnp.ones((2, 8, 8, 3))
      for block in names["small"]():
        x = block.init_with_output(jax.random.key(0), x, True)[0]
      self.assertEqual(x.shape, (2, 64))


def shrunk(code: str) -> str:
  """Two epochs on one device."""
  return re.sub(
    r"fit\(x, labels(, num_epochs=\d+)?",
    "fit(x, labels, num_epochs=2, num_devices=1",
    code,
  )


def loop_names(rng: np.random.Generator) -> dict:
  """What stands before the loop of one's own: data and a network."""
  return {
    "jnp": jnp,
    "label": jnp.arange(60) % 10,
    "image": jnp.array(rng.normal(size=(60, 4))),
    "params": {
      "backbone": jnp.array(rng.normal(size=(4, 128))),
      "head": jnp.array(rng.normal(size=(128, 10))),
    },
    "backbone": lambda params, image: jnp.tanh(image @ params),
    "head": lambda params, features: features @ params,
    "cross_entropy": optax.softmax_cross_entropy_with_integer_labels,
  }


if __name__ == "__main__":
  absltest.main()
