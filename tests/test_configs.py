"""Every file in configs/ is built, shrunk and trained for two epochs."""

import importlib.util
import pathlib

from absl.testing import absltest, parameterized

from fsr_jax import config as config_lib
from fsr_jax.data import prepare
from fsr_jax.errors import InputError
from fsr_jax.run import commands
from fsr_jax.run.validate import validate_config
from tests import test_own as own
from tests import tiny_cifar

CONFIGS = pathlib.Path(__file__).resolve().parent.parent / "configs"

# What --config=FILE:ARGUMENTS may say, at least one for every file.
ARGUMENTS = {
    "quickstart": [None],
    "cifar_noise": [
        None, "cifar10,uniform,0.4,resnet32", "cifar10,asymmetric,0.2,wrn28_10",
        "cifar100,uniform,0.8",
    ],
    "cifar_longtail": [None, "cifar10,200", "cifar100,10"],
    "folder": [],  # Its argument must be there: see FolderTest.
}
CASES = [(name, a) for name, args in ARGUMENTS.items() for a in args]


def get_config(name, arguments=None):
  spec = importlib.util.spec_from_file_location(name, CONFIGS / f"{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config(*([arguments] if arguments else []))


class ConfigsTest(parameterized.TestCase):

  def test_every_file_is_listed_here(self):
    self.assertCountEqual(ARGUMENTS, [p.stem for p in CONFIGS.glob("*.py")])

  @parameterized.parameters(*CASES)
  def test_valid_as_it_stands(self, name, arguments):
    validate_config(config_lib.resolve(get_config(name, arguments)))

  @parameterized.parameters(*ARGUMENTS)
  def test_names_its_command_and_results(self, name):
    text = (CONFIGS / f"{name}.py").read_text()
    self.assertIn(f"--config=configs/{name}.py", text)
    self.assertRegex(
        text, r"docs/results\.md|not yet run|No table of the\s+paper"
    )

  @parameterized.parameters(*(name for name in ARGUMENTS if ARGUMENTS[name]))
  def test_trained_shrunk(self, name):
    c = get_config(name)
    if c.data.dataset == "cifar10":
      root = pathlib.Path(self.create_tempdir())
      digest = tiny_cifar.write("cifar10", root, per_file=20)
      prepare.prepare("cifar10", root / "tfds", f"file://{root}/", digest)
      c.data.data_dir = str(root / "tfds")
      c.network = "resnet8"  # A deep one compiles for a minute.
    else:
      c.data.max_examples = 100
    c.data.imbalance_ratio = min(c.data.imbalance_ratio, 5.0)
    c.update(
        num_epochs=2, warmup_epochs=1, batch_size=10, dictionary_size=20,
        reward_batch_size=10, eval_batch_size=20, num_devices=1,
        eval_every_epochs=2,
    )
    workdir = self.create_tempdir().full_path
    summary = commands.train(c, workdir)
    self.assertEqual(summary["epochs"], 2)
    self.assertBetween(summary["test_top1"], 0, 1)

  @parameterized.parameters(
      ("cifar_noise", "cifar10,uniform,a lot", "'a lot' is not a number"),
      ("cifar_noise", "a,b,c,d,e", "5 parts"),
      ("cifar_longtail", "cifar10", "'' is not a number"),
  )
  def test_arguments_that_make_no_sense(self, name, arguments, message):
    with self.assertRaisesRegex(InputError, message):
      get_config(name, arguments)

  def test_folder_needs_its_argument(self):
    with self.assertRaisesRegex(InputError, "where are the images"):
      get_config("folder")

  @parameterized.parameters(
      ((30, 40), 32, 4, "resnet32"),
      ((60, 60), 64, 4, "resnet32"),
      ((300, 200), 224, 0, "resnet18"),
  )
  def test_folder_fits_the_size_of_the_images(
      self, size, side, padding, network
  ):
    root = pathlib.Path(self.create_tempdir())
    own.tree(root, count=30, size=size)
    c = get_config("folder", str(root))
    validate_config(config_lib.resolve(c))
    self.assertEqual(
        (c.data.image_size, c.data.crop_padding, c.network),
        (side, padding, network),
    )
    # 54 of 60 are left to train on.
    self.assertEqual((c.batch_size, c.dictionary_size), (2, 4))

  @parameterized.parameters(1.0, 0.25)
  def test_folder_trained_shrunk_and_continued(self, min_crop_area):
    root = pathlib.Path(self.create_tempdir())
    own.tree(root, count=15)
    c = get_config("folder", str(root))
    c.update(network="resnet8", num_epochs=2, warmup_epochs=1,
             lr_warmup_epochs=0)
    c.data.update(image_size=8, min_crop_area=min_crop_area, crop_padding=0)
    workdir = self.create_tempdir().full_path
    self.assertIsNone(commands.train(c, workdir, stop_after_epochs=1))
    summary = commands.train(c, workdir)
    self.assertEqual(summary["epochs"], 2)
    self.assertIsNone(summary["dictionary_purity"])  # Nobody knows.

  def test_plain_switches_the_regularizers_off_unless_they_are_set(self):
    c = get_config("quickstart")
    self.assertTrue(config_lib.resolve(c).mixup)
    c.method = "plain"
    self.assertFalse(config_lib.resolve(c).mixup)
    self.assertEqual(config_lib.resolve(c).pseudo_loss_weight, 0)
    c.mixup = True
    self.assertTrue(config_lib.resolve(c).mixup)


if __name__ == "__main__":
  absltest.main()
