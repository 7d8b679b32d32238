"""WebVision's official layout, its first classes, and ImageNet's test part."""

import pathlib

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data import sources
from fsr_jax.errors import InputError
from tests import shrunk
from tests.data import tiny_tfds, tiny_webvision


def load(root, **fields):
  c = shrunk.config(
    data__dataset="webvision",
    data__path=str(root),
    data__noise="none",
    data__noise_ratio=0.0,
    data__max_examples=0,
    **{f"data__{k}": v for k, v in {"image_size": 8, **fields}.items()},
  )
  return sources.load(c.data, 0)


class TinyTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = tiny_webvision.write(
      pathlib.Path(self.create_tempdir()) / "webvision"
    )

  def assert_pictures_fit(self, split):
    np.testing.assert_allclose(
      split.decoded().image.mean((1, 2, 3)),
      [tiny_webvision.level(c) for c in split.label],
      atol=2,
    )


class WebVisionTest(TinyTest):
  @parameterized.parameters(
    (None, 18), ("google", 18), ("flickr", 9), ("all", 27)
  )
  def test_lists(self, part, count):
    data = load(self.root, train_split=part)
    self.assertEqual(data.class_names, ("n01440764", "n01443537", "n01484850"))
    np.testing.assert_array_equal(
      np.bincount(data.train.label), [count // 3] * 3
    )
    self.assertEqual(data.test.label.tolist(), [0, 0, 1, 1, 2, 2])
    self.assertEqual(data.test.id[2], "val000003.jpg")
    self.assertIn(
      data.train.id[0], ("google/q0001/g0_0.jpg", "flickr/q0001/f0_0.jpg")
    )
    for split in (data.train, data.test):
      self.assert_pictures_fit(split)

  def test_first_classes(self):
    data = load(self.root, num_classes=2)
    self.assertEqual(data.class_names, ("n01440764", "n01443537"))
    self.assertEqual(np.bincount(data.train.label).tolist(), [6, 6])
    self.assertEqual(data.test.label.tolist(), [0, 0, 1, 1])
    self.assert_pictures_fit(data.test)
    with self.assertRaisesRegex(InputError, "num_classes=4.*expected 3 at"):
      load(self.root, num_classes=4)

  def test_validation_images_of_their_own_size(self):
    (self.root / "val_images_256").rename(self.root / "val_images")
    self.assert_pictures_fit(load(self.root).test)

  @parameterized.named_parameters(
    ("synsets", "info/synsets.txt", None, "cannot read .*synsets.txt.*info"),
    ("list", "info/train_filelist_google.txt", None, "info.tar unpacked"),
    ("empty", "info/val_filelist.txt", "\n", "val_filelist.txt is empty"),
    (
      "class",
      "info/val_filelist.txt",
      "val000001.jpg 0\nval000002.jpg 3\n",
      r"line 2: 'val000002.jpg 3'; expected a path and a class in 0\.\.2",
    ),
    ("words", "info/val_filelist.txt", "val000001.jpg\n", "line 1: 'val00"),
    (
      "image",
      "info/val_filelist.txt",
      "val000009.jpg 0\n",
      "names .*val_images_256/val000009.jpg, which does not exist",
    ),
  )
  def test_incomplete(self, name, text, message):
    if text is None:
      (self.root / name).unlink()
    else:
      (self.root / name).write_text(text)
    with self.assertRaisesRegex(InputError, message):
      load(self.root)

  def test_no_validation_images(self):
    (self.root / "val_images_256").rename(self.root / "validation")
    with self.assertRaisesRegex(InputError, "no folder val_images_256 or val"):
      load(self.root)


class ElsewhereTest(TinyTest):
  """Table 5: WebVision's classes, tested on ImageNet."""

  def test_folder_of_imagenet(self):
    imagenet = self.root.parent / "imagenet"
    rng = np.random.default_rng(0)
    # Class 1 has no images there; another class stands before all others.
    for name, label in (("n00000001", 2), ("n01484850", 2), ("n01440764", 0)):
      tiny_webvision.picture(imagenet / name / "a.JPEG", label, rng)
    data = load(self.root, test_from=str(imagenet))
    self.assertEqual(data.num_classes, 3)
    self.assertEqual(data.test.label.tolist(), [0, 2])
    self.assertEqual(data.test.id[1], "n01484850/a.JPEG")
    self.assert_pictures_fit(data.test)
    data = load(self.root, test_from=str(imagenet), num_classes=2)
    self.assertEqual(data.test.label.tolist(), [0])

  def test_imagenet_of_tfds(self):
    folder = self.root.parent / "tfds"
    folder.mkdir()
    features = tiny_tfds.features_of(
      "imagenet2012", folder, ["n01484850", "n09999999"]
    )
    named = {"file_name": lambda i, label: f"{i}.JPEG"}
    tiny_tfds.write(
      "imagenet2012",
      folder,
      {"validation": tiny_tfds.records(6, 2, **named)},
      features,
    )
    data = load(self.root, test_from="tfds:imagenet2012", data_dir=str(folder))
    self.assertEqual(data.test.label.tolist(), [2, 2, 2])
    np.testing.assert_allclose(
      data.test.decoded().image.mean((1, 2, 3)),
      tiny_tfds.level(0, 2),
      atol=2,
    )

  def test_images_without_a_label_are_not_tested(self):
    folder = self.root.parent / "tfds"
    folder.mkdir()
    # The last class is one of WebVision's.
    features = tiny_tfds.features_of(
      "imagenet2012", folder, ["n09999999", "n01484850"]
    )
    named = {"file_name": lambda i, label: f"{i}.JPEG"}
    rows = tiny_tfds.records(6, 2, **named)
    rows[5]["label"] = -1
    tiny_tfds.write("imagenet2012", folder, {"validation": rows}, features)
    data = load(self.root, test_from="tfds:imagenet2012", data_dir=str(folder))
    self.assertCountEqual(data.test.id, ["1.JPEG", "3.JPEG"])
    self.assertEqual(data.test.label.tolist(), [2, 2])

  @parameterized.named_parameters(
    ("missing", "nowhere", "data.test_from=.*nowhere is not a folder"),
    ("empty", "empty", "no images under data.test_from="),
    ("others", "webvision", "no class of webvision.* n01440764.*it has"),
  )
  def test_wrong_places(self, name, message):
    (self.root.parent / "empty").mkdir()
    with self.assertRaisesRegex(InputError, message):
      load(self.root, test_from=str(self.root.parent / name))


if __name__ == "__main__":
  absltest.main()
