"""Imports point down; files and functions are short; every option is read."""

import ast
import pathlib

from absl.testing import absltest, parameterized

import fsr_jax
from fsr_jax import config as config_lib

PACKAGE = pathlib.Path(fsr_jax.__file__).parent
LAYERS = [
  "processes",
  "label_issues",
  "maths",
  "reweighting",
  "models",
  "data",
  "train",
  "config",
  "run",
  "api",
]
# Leaves that any layer may use.
LEAVES = {"archives", "errors", "fields", "files", "shipped", "spreadsheets"}
# What a layer may import besides itself and the leaves, where that is not
# every layer below it.
ALLOWED = {
  "label_issues": set(),
  "maths": set(),
  "reweighting": {"label_issues", "maths"},
  "models": {"maths"},
  "data": {"maths", "processes"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: pathlib.Path) -> str:
  return str(path.relative_to(PACKAGE))


def imports(path: pathlib.Path) -> set[str]:
  """First component below fsr_jax of everything `path` imports from it."""
  found = set()
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.ImportFrom):
      assert not node.level, f"{path}: an import that begins with a dot"
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


def lines_of(function: ast.FunctionDef) -> int:
  """Lines of a function without its docstring."""
  count = function.end_lineno - function.lineno + 1
  if ast.get_docstring(function) is None:
    return count
  first = function.body[0]
  return count - (first.end_lineno - first.lineno + 1)


class LayersTest(parameterized.TestCase):
  def test_every_folder_is_a_layer(self):
    folders = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    self.assertEqual(folders, set(LAYERS))

  @parameterized.parameters(*map(name_of, FILES))
  def test_imports_point_down(self, name):
    layer = name.split("/")[0].removesuffix(".py")
    if layer == "__init__":  # The public names, from everywhere.
      return
    if layer in LEAVES:
      self.assertLessEqual(imports(PACKAGE / name), {"errors", "files"})
      return
    below = set(LAYERS[: LAYERS.index(layer)])
    allowed = ALLOWED.get(layer, below) | {layer} | LEAVES
    self.assertLessEqual(imports(PACKAGE / name), allowed)

  @parameterized.parameters(*map(name_of, FILES))
  def test_sizes_of_files_and_functions(self, name):
    text = (PACKAGE / name).read_text()
    self.assertLessEqual(len(text.splitlines()), 300)
    for node in ast.walk(ast.parse(text)):
      if isinstance(node, ast.FunctionDef):
        self.assertLessEqual(lines_of(node), 60, node.name)

  def test_sizes_are_counted_without_docstrings(self):
    (function,) = ast.parse('def f():\n  """A\n\n  B."""\n  return 1\n').body
    self.assertEqual(lines_of(function), 2)


class FieldsTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    # Validation reads fields too, but does nothing with them.
    ignored = ("options.py", "validation.py", "document.py")
    cls.read = {
      node.attr
      for path in FILES
      if path.name not in ignored
      for node in ast.walk(ast.parse(path.read_text()))
      if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    # Properties of options stand for the fields they read.
    for path in PACKAGE.rglob("options.py"):
      for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef) and function.name in cls.read:
          cls.read |= {
            node.attr
            for node in ast.walk(function)
            if isinstance(node, ast.Attribute)
          }

  @parameterized.parameters(*config_lib.all_fields())
  def test_every_field_of_the_config_is_read(self, field):
    self.assertIn(field.split(".")[-1], self.read)

  def test_a_field_that_nothing_reads_would_be_found(self):
    self.assertNotIn("num_epoch", self.read)


if __name__ == "__main__":
  absltest.main()
