"""What `import fsr_jax` offers."""

import subprocess
import sys

from absl.testing import absltest

import fsr_jax


class LibraryTest(absltest.TestCase):
  def test_every_public_name_is_there(self):
    for name in fsr_jax.__all__:
      with self.subTest(name):
        self.assertIsNotNone(getattr(fsr_jax, name))
        self.assertIn(name, dir(fsr_jax))

  def test_an_unknown_name(self):
    with self.assertRaisesRegex(AttributeError, "no attribute 'nope'"):
      _ = fsr_jax.nope

  def test_importing_it_imports_no_jax(self):
    code = "import sys, fsr_jax; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
  absltest.main()
