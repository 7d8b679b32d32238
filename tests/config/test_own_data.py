"""What configs/folder.py makes of the user's data, once flags are known."""

import json

from absl.testing import absltest, parameterized
import numpy as np

from configs import folder
from fsr_jax import config as config_lib
from fsr_jax.config.own_data import FOLLOWS
from fsr_jax.config.validation import resolve_and_load, validate
from fsr_jax.errors import InputError
from tests.data.own import OwnDataTest, tree


class OwnDataConfigTest(OwnDataTest):
  def resolved(self, path="", **fields):
    c = folder.get_config(str(path))
    c.update_from_flattened_dict(
      {name.replace("__", "."): value for name, value in fields.items()}
    )
    c = config_lib.resolve(c)
    validate(config_lib.typed(c))
    return c

  @parameterized.parameters(
    ((30, 40), 32, 4, 1.0, "resnet32"),
    ((60, 60), 64, 4, 1.0, "resnet32"),
    ((300, 200), 224, 0, 0.08, "resnet18"),
  )
  def test_sizes_of_pictures(self, size, side, padding, area, network):
    c = self.resolved(tree(self.root, count=30, size=size))
    self.assertEqual((c.data.image_size, c.network), (side, network))
    self.assertEqual(
      (c.data.crop_padding, c.data.min_crop_area), (padding, area)
    )
    # 54 of 60 are left to train on.
    self.assertEqual(
      (c.batch_size, c.dictionary_size, c.reward_batch_size), (2, 4, 2)
    )
    self.assertEqual(c.data.dataset, "folder")
    self.assertTrue(c.data.flip)

  def test_vectors(self):
    image = np.zeros((40, 5), np.float32)
    np.savez(self.root / "a.npz", image=image, label=np.arange(40) % 2)
    c = self.resolved(self.root / "a.npz")
    self.assertEqual((c.network, c.data.dataset), ("mlp", "arrays"))
    self.assertEqual(c.learning_rate, 0.1)
    self.assertFalse(c.data.flip)
    self.assertEqual((c.data.crop_padding, c.data.image_size), (0, 0))

  @parameterized.parameters((1280, 0.0016), (512, 0.0039), (8, 0.1))
  def test_the_learning_rate_of_long_vectors(self, size, expected):
    image = np.zeros((40, size), np.float32)
    np.savez(self.root / "a.npz", image=image, label=np.arange(40) % 2)
    c = self.resolved(self.root / "a.npz")
    self.assertEqual((c.learning_rate, c.lr_warmup_epochs), (expected, 1))

  def test_the_config_file_looks_at_nothing(self):
    c = folder.get_config(str(self.root / "nowhere"))
    self.assertIsNone(c.data.dataset)
    with self.assertRaisesRegex(InputError, "nowhere does not exist"):
      config_lib.resolve(c)
    with self.assertRaisesRegex(InputError, "where are the images"):
      config_lib.resolve(folder.get_config())
    # The flag counts, not what the file was told.
    path = str(tree(self.root))
    for argument in ("", str(self.root / "nowhere")):
      c = self.resolved(argument, data__path=path)
      self.assertEqual(c.data.dataset, "folder")

  def test_what_is_set_stays_and_what_follows_fits_it(self):
    tree(self.root, count=30, size=(300, 200))
    c = self.resolved(self.root, data__image_size=64, batch_size=10)
    self.assertEqual((c.data.image_size, c.network), (64, "resnet32"))
    self.assertEqual((c.batch_size, c.reward_batch_size), (10, 4))
    self.assertEqual(c.data.min_crop_area, 0.08)
    c = self.resolved(self.root, network="mlp", data__flip=False)
    self.assertEqual((c.network, c.data.flip), ("mlp", False))

  @parameterized.parameters((100, 3, 15), (30, 3, 5), (12, 1, 2), (2, 0, 1))
  def test_stages_follow_the_number_of_epochs(self, epochs, rise, warmup):
    tree(self.root, count=5)
    c = self.resolved(self.root, num_epochs=epochs)
    self.assertEqual((c.lr_warmup_epochs, c.warmup_epochs), (rise, warmup))
    c = self.resolved(self.root, num_epochs=epochs, lr_warmup_epochs=2)
    self.assertEqual(c.lr_warmup_epochs, 2)

  @parameterized.parameters(
    ("weights/resnet34-b627a593.safetensors", "resnet34"),
    ("timm/resnet50.a1_in1k", "resnet50"),
    ("/a/resnet34.a1_in1k/model.safetensors", "resnet34"),
    ("timm/resnet18.a1_in1k", "resnet18"),
    ("w.safetensors", "resnet18"),
    ("resnet180.safetensors", "resnet18"),
  )
  def test_a_frozen_backbone(self, pretrained, network):
    """Pictures as published weights expect them, training as of vectors."""
    tree(self.root, count=30, size=(300, 200))
    c = self.resolved(self.root, pretrained=pretrained, frozen_backbone=True)
    self.assertEqual((c.network, c.feature_network), (network, "mlp"))
    self.assertEqual(c.data.image_size, 224)
    self.assertEqual((c.data.crop_padding, c.data.min_crop_area), (0, 1.0))
    self.assertEqual((c.data.flip, c.queue_size), (False, 500))
    # 512 features, of ResNet-50 2048.
    rate = 0.00098 if network == "resnet50" else 0.0039
    self.assertEqual(c.learning_rate, rate)

  def test_three_parts(self):
    for name, count in (("train", 12), ("val", 3), ("test", 2)):
      tree(self.root / name, count=count)
    for fields, sizes in (
      ({}, (24, 6, 4)),
      ({"data__test_split": "val"}, (24, 0, 6)),
      ({"data__test_split": "test"}, (24, 0, 4)),
      ({"data__val_split": "test", "data__test_split": "val"}, (24, 4, 6)),
    ):
      c = folder.get_config(str(self.root))
      c.update_from_flattened_dict(
        {name.replace("__", "."): value for name, value in fields.items()}
      )
      _, _, data = resolve_and_load(c)
      got = (len(data.train), len(data.val or ()), len(data.test))
      self.assertEqual(got, sizes)

  def test_resolved_once_is_resolved(self):
    """Of a stored config the data are not looked at again."""
    c = self.resolved(tree(self.root))
    stored = json.loads(json.dumps(c.to_dict()))
    for name in FOLLOWS:
      self.assertIsNotNone(config_lib.flatten(stored)[name])
    c.data.path = str(self.root / "moved")
    self.assertEqual(config_lib.resolve(c).to_dict(), c.to_dict())

  def test_another_source(self):
    c = folder.get_config(str(tree(self.root)))
    c.data.dataset = "cifar10"
    with self.assertRaisesRegex(
      InputError, "own data 'cifar10'; choose one of"
    ):
      config_lib.resolve(c)


if __name__ == "__main__":
  absltest.main()
