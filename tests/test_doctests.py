"""The examples in docstrings give what they say."""

import doctest
import importlib
import pkgutil

from absl.testing import absltest, parameterized

import fsr_jax

MODULES = sorted(
  module.name for module in pkgutil.walk_packages(fsr_jax.__path__, "fsr_jax.")
)
# Packages that the tests' machine need not have.
OPTIONAL = ("tensorflow", "tensorflow_datasets", "torch", "matplotlib")


class DoctestsTest(parameterized.TestCase):
  @parameterized.parameters(*MODULES)
  def test_examples(self, name):
    try:
      module = importlib.import_module(name)
    except ImportError as error:
      if (error.name or "").partition(".")[0] not in OPTIONAL:
        raise
      self.skipTest(f"{error.name} is not installed")
    result = doctest.testmod(
      module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL
    )
    self.assertEqual(result.failed, 0)

  def test_there_are_some(self):
    finder = doctest.DocTestFinder()
    names = ("maths.checks", "maths.losses", "maths.mixup", "reweighting")
    for name in names:
      module = importlib.import_module(f"fsr_jax.{name}")
      self.assertTrue(any(t.examples for t in finder.find(module)), name)


if __name__ == "__main__":
  absltest.main()
