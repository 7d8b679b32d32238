"""Configs of the package by their names, wherever the program is started."""

import contextlib
import pathlib

from absl.testing import absltest, parameterized

from fsr_jax import shipped
from fsr_jax.errors import InputError

CONFIGS = pathlib.Path(__file__).resolve().parent.parent / "configs"


class ShippedTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    folder = self.create_tempdir().full_path
    self.enter_context(contextlib.chdir(folder))

  def test_the_folder_is_that_of_the_checkout(self):
    self.assertEqual(shipped.folder().resolve(), CONFIGS)

  @parameterized.parameters(
    ("quickstart", "quickstart.py"),
    ("folder:IMAGES", "folder.py:IMAGES"),
    ("cifar_noise:cifar10,uniform,0.4", "cifar_noise.py:cifar10,uniform,0.4"),
    ("folder:C:/pictures", "folder.py:C:/pictures"),
  )
  def test_a_bare_name(self, config, expected):
    expected = f"{shipped.folder()}/{expected}"
    self.assertEqual(shipped.file_of(config), expected)
    self.assertEqual(
      shipped.with_files(["--workdir=x", f"--config={config}", "-config"]),
      ["--workdir=x", f"--config={expected}", "-config"],
    )
    self.assertEqual(
      shipped.with_files(["--config", config]), ["--config", expected]
    )

  @parameterized.parameters(
    "configs/quickstart.py", "mine.py:a", "./quickstart", "", ":a"
  )
  def test_a_path_stays(self, config):
    self.assertEqual(shipped.file_of(config), config)

  def test_a_file_here_goes_before_a_name(self):
    pathlib.Path("quickstart").touch()
    self.assertEqual(shipped.file_of("quickstart"), "quickstart")

  def test_fields_are_no_names(self):
    given = ["--config.method=quickstart", "--mode=evaluate"]
    self.assertEqual(shipped.with_files(given), given)

  def test_a_name_that_no_config_has(self):
    with self.assertRaisesRegex(InputError, "=nope .* choose .* quickstart"):
      shipped.with_files(["--config=nope:1"])


if __name__ == "__main__":
  absltest.main()
