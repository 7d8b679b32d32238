"""Imports point down: maths, models, data, step, run."""

import ast
import pathlib

from absl.testing import absltest

import fsr_jax
from fsr_jax import config as config_lib

PACKAGE = pathlib.Path(fsr_jax.__file__).parent
LAYERS = ["maths", "models", "data", "step", "run"]
# Leaves that any layer may use.
LEAVES = {"errors", "fields"}


def imports(path: pathlib.Path) -> set[str]:
  """First component below fsr_jax of everything `path` imports from it."""
  found = set()
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.ImportFrom) and node.module:
      if node.module == "fsr_jax":
        found |= {alias.name for alias in node.names}
      elif node.module.startswith("fsr_jax."):
        found.add(node.module.split(".")[1])
    elif isinstance(node, ast.Import):
      found |= {
        alias.name.split(".")[1]
        for alias in node.names
        if alias.name.startswith("fsr_jax.")
      }
  return found


class LayersTest(absltest.TestCase):
  def test_imports_point_down(self):
    for path in PACKAGE.rglob("*.py"):
      layer = path.relative_to(PACKAGE).parts[0]
      if layer not in LAYERS:
        continue
      allowed = set(LAYERS[: LAYERS.index(layer) + 1]) | LEAVES
      if layer == "run":
        allowed.add("config")
      with self.subTest(str(path)):
        self.assertLessEqual(imports(path), allowed)

  def test_models_and_data_do_not_know_each_other(self):
    for path in (PACKAGE / "data").rglob("*.py"):
      self.assertNotIn("models", imports(path))

  def test_sizes_of_files_and_functions(self):
    for path in PACKAGE.rglob("*.py"):
      text = path.read_text()
      with self.subTest(str(path)):
        self.assertLessEqual(len(text.splitlines()), 300)
        for node in ast.walk(ast.parse(text)):
          if isinstance(node, ast.FunctionDef):
            self.assertLessEqual(node.end_lineno - node.lineno, 60, node.name)

  def test_every_field_of_the_config_is_read(self):
    code = "".join(
      path.read_text()
      for path in PACKAGE.rglob("*.py")
      if path.parent.name != "config"
      and path.name not in ("validate.py", "options.py")
    )
    for field in config_lib.flatten(config_lib.base().to_dict()):
      name = field.split(".")[-1]
      with self.subTest(field):
        self.assertRegex(
          code,
          rf"(\bconfig|\bc|data_config|\boptions|\.data)\.{name}\b|\"{name}\"",
        )


if __name__ == "__main__":
  absltest.main()
