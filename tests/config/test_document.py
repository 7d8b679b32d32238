"""The tables of docs/methods.md are those of the code."""

import pathlib

from absl.testing import absltest

from fsr_jax.config import document
from fsr_jax.config.methods import METHODS
from fsr_jax.config.options import all_fields
from fsr_jax.errors import InputError

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "methods.md"


class DocumentTest(absltest.TestCase):
  def test_page_is_up_to_date(self):
    """Else: python -m fsr_jax.config.document docs/methods.md."""
    text = PAGE.read_text(encoding="utf-8")
    self.assertEqual(document.renewed(text), text)

  def test_every_method_and_option_is_there(self):
    methods, options = document.methods(), document.options()
    for name in METHODS:
      self.assertIn(f"| `{name}` |", methods)
    for name in all_fields():
      self.assertIn(f"| `{name}`", options)

  def test_a_page_without_its_markers(self):
    with self.assertRaisesRegex(InputError, "no <!-- table of methods -->"):
      document.renewed("# Methods\n")


if __name__ == "__main__":
  absltest.main()
