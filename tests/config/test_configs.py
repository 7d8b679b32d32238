"""Every file in configs/ is built, shrunk and trained for two epochs."""

import importlib.util
import pathlib

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax import config as config_lib
from fsr_jax.config.validation import validate
from fsr_jax.data import prepare
from fsr_jax.errors import InputError
from fsr_jax.run import commands
from tests import shrunk
from tests.data import own, tiny_cifar, tiny_tfds, tiny_webvision

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"

# What --config=FILE:ARGUMENTS may say, at least one for every file.
ARGUMENTS = {
  "quickstart": [None],
  "cifar_noise": [
    None,
    "cifar10,uniform,0.4,resnet32",
    "cifar10,asymmetric,0.2,wrn28_10",
    "cifar100,uniform,0.8",
    "cifar100,asymmetric",
    "cifar10,pair,0.45",
    "cifar10,instance",
  ],
  "cifar_longtail": [
    None,
    "cifar10,200",
    "cifar100,10,deferred",
    "cifar10,50,at_once,step",
  ],
  "cifar_longtail_noise": [None, "cifar10,200,0.2", "cifar100,1"],
  "human_noise": [None, "cifar100_n,noise_label", "cifar10_n,aggre_label"],
  "webvision": [None],
  "inaturalist": [None],
  "folder": [],  # Its argument must be there: see FolderTest.
}
CASES = [(name, a) for name, args in ARGUMENTS.items() for a in args]


def tiny_cifar10(c, root):
  digest = tiny_cifar.write("cifar10", root, per_file=20)
  prepare.prepare("cifar10", root / "tfds", f"file://{root}/", digest)
  c.data.data_dir = str(root / "tfds")


def tiny_human_labels(c, root):
  named = {
    "id": lambda i, label: f"train_{i:05d}",
    c.data.label_key: lambda i, label: (label + (i % 3 == 0)) % 10,
  }
  write_tfds(
    c,
    root,
    [f"name{i}" for i in range(10)],
    {
      "train": tiny_tfds.records(40, 10, (32, 32), **named),
      "test": tiny_tfds.records(20, 10, (32, 32), **named),
    },
  )


def tiny_inaturalist(c, root):
  """More classes than slots, two with one example, one without a test."""
  named = {"id": lambda i, label: f"{i:032x}"}
  names = [f"Genus species{i}" for i in range(6)]
  validation = tiny_tfds.records(10, 5, **named)
  write_tfds(
    c,
    root,
    names,
    {
      "train": tiny_tfds.records(22, 4, **named)
      + [
        {**r, "label": r["label"] + 4}
        for r in tiny_tfds.records(2, 2, id=lambda i, label: f"rare{i}")
      ],
      "validation": validation,
      "test": [{**r, "label": -1} for r in validation],
    },
  )
  c.update(dictionary_size=4, reward_batch_size=2)
  # The four have place on the device, not all 24: as of the real set.
  c.data.update(image_size=16, resident_gb=1e-5)


def write_tfds(c, root, names, splits):
  name = c.data.dataset.removeprefix("tfds:")
  features = tiny_tfds.features_of(name, root, names)
  tiny_tfds.write(name, root, splits, features)
  c.data.data_dir = str(root)


def small_webvision(c, root):
  tiny_webvision.write(root / "webvision", count=12)
  c.data.update(
    path=str(root / "webvision"),
    num_classes=2,
    image_size=16,
    resident_gb=0.0,
  )


# data.dataset -> makes it small, in its own on-disk format.
TINY = {
  "digits": lambda c, root: c.data.update(max_examples=100),
  "cifar10": tiny_cifar10,
  "tfds:cifar10_n": tiny_human_labels,
  "tfds:i_naturalist2018": tiny_inaturalist,
  "webvision": small_webvision,
}


def shrink(c, root):
  """Two epochs on tiny data."""
  c.data.imbalance_ratio = min(c.data.imbalance_ratio, 5.0)
  c.update(
    network="tiny",
    num_epochs=2,
    warmup_epochs=1,
    lr_warmup_epochs=0,
    batch_size=8,
    dictionary_size=20,
    reward_batch_size=10,
    eval_batch_size=20,
    num_devices=1,
    eval_every_epochs=2,
  )
  TINY[c.data.dataset](c, root)
  return c


def get_config(name, arguments=None):
  spec = importlib.util.spec_from_file_location(name, CONFIGS / f"{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config(*([arguments] if arguments else []))


def options_of(config):
  return config_lib.typed(config_lib.resolve(config))


class ConfigsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    # A deep network compiles for a minute.
    self.enter_context(shrunk.with_tiny_batch_norm())

  def test_every_file_is_listed_here(self):
    self.assertCountEqual(ARGUMENTS, [p.stem for p in CONFIGS.glob("*.py")])

  @parameterized.parameters(*CASES)
  def test_valid_as_it_stands(self, name, arguments):
    validate(options_of(get_config(name, arguments)))

  @parameterized.parameters(*ARGUMENTS)
  def test_names_its_command_and_results(self, name):
    text = (CONFIGS / f"{name}.py").read_text()
    self.assertIn(f"--config=configs/{name}.py", text)
    self.assertRegex(
      text, r"docs/results\.md|not yet run|No\s+table\s+of\s+the\s+paper"
    )

  @parameterized.parameters(*(name for name in ARGUMENTS if ARGUMENTS[name]))
  def test_trained_shrunk_and_continued(self, name):
    root = pathlib.Path(self.create_tempdir())
    c = shrink(get_config(name), root)
    workdir = self.create_tempdir().full_path
    self.assertIsNone(commands.train(c, workdir, stop_after_epochs=1))
    summary = commands.train(c, workdir)
    self.assertEqual(summary["epochs"], 2)
    self.assertBetween(summary["test_top1"], 0, 1)
    unknown = name in ("webvision", "inaturalist")
    self.assertEqual(summary["dictionary_purity"] is None, unknown)

  def test_webvision_tested_on_imagenet(self):
    root = pathlib.Path(self.create_tempdir())
    c = shrink(get_config("webvision"), root)
    workdir = self.create_tempdir().full_path
    summary = commands.train(c, workdir)
    rng = np.random.default_rng(0)
    for synset, _ in tiny_webvision.SYNSETS:
      tiny_webvision.picture(root / "imagenet" / synset / "1.JPEG", 0, rng)
    result = commands.evaluate(workdir, test_from=str(root / "imagenet"))
    # The two classes trained on have the same image there.
    self.assertEqual(result["test_top1"], 0.5)
    self.assertEqual(
      commands.evaluate(workdir)["test_top1"], summary["test_top1"]
    )

  @parameterized.parameters(
    ("cifar_noise", "cifar10,uniform,a lot", "'a lot' is not a number"),
    (
      "cifar_noise",
      "a,b,c,d,e",
      "5 parts; expected DATASET,NOISE,NOISE_RATIO,NETWORK",
    ),
    ("cifar_longtail", "cifar10,", "imbalance ratio '' is not a number"),
    ("cifar_longtail", "cifar10,10,late", "unknown start 'late'; .*deferred"),
    ("cifar_longtail_noise", "cifar10,10,some", "noise ratio 'some' is not"),
  )
  def test_arguments_that_make_no_sense(self, name, arguments, message):
    with self.assertRaisesRegex(InputError, message):
      get_config(name, arguments)

  def test_table_4(self):
    """As printed; b of WebVision and iNaturalist is that of one device."""
    printed = {
      "cifar_noise": (2000, 200, 100),
      "webvision": (5000, 200, 16),
      "cifar_longtail": (3000, 800, 100),
      "inaturalist": (2000, 350, 32),
      "cifar_longtail_noise": (3000, 200, 128),
    }
    devices = {"webvision": 8, "inaturalist": 8}
    for name, row in printed.items():
      c = config_lib.base()
      c.update(config_lib.TABLE_4.get(name, {}))
      b = c.batch_size // devices.get(name, 1)
      self.assertEqual((c.dictionary_size, c.reward_batch_size, b), row)
      self.assertEqual(
        (c.score_momentum, c.lookahead_lr, c.weight_lr), (0.9, 0.1, 1)
      )
    released = config_lib.base()
    released.method = "fsr_released"
    released = config_lib.resolve(released)
    self.assertEqual(
      (released.pseudo_label_momentum, released.pseudo_loss_weight),
      (0.1, 2),
    )

  @parameterized.parameters(1.0, 0.25)
  def test_folder_trained_shrunk_and_continued(self, min_crop_area):
    root = pathlib.Path(self.create_tempdir())
    own.tree(root, count=15)
    c = get_config("folder", str(root))
    c.update(network="tiny", num_epochs=2, warmup_epochs=1, lr_warmup_epochs=0)
    c.data.update(image_size=8, min_crop_area=min_crop_area, crop_padding=0)
    workdir = self.create_tempdir().full_path
    self.assertIsNone(commands.train(c, workdir, stop_after_epochs=1))
    summary = commands.train(c, workdir)
    self.assertEqual(summary["epochs"], 2)
    self.assertIsNone(summary["dictionary_purity"])  # Nobody knows.


if __name__ == "__main__":
  absltest.main()
