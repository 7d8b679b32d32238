"""Arrays of images or features, with the flaws they come in."""

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.config.validation import notices
from fsr_jax.errors import InputError
from fsr_jax.run import commands
from tests import shrunk
from tests.data.own import OwnDataTest, load


class ArraysTest(OwnDataTest):
  def arrays(self, **changes):
    rng = np.random.default_rng(0)
    found = {
      "image": rng.integers(0, 256, (20, 5, 5), np.uint8),
      "label": np.array(["b", "a"] * 10),
      "clean_label": np.array(["b", "a"] * 9 + ["a", "a"]),
      "id": np.arange(20),
      **changes,
    }
    found = {k: v for k, v in found.items() if v is not None}
    np.savez(self.root / "data.npz", **found)
    return self.root / "data.npz", found

  def test_one_file(self):
    path, found = self.arrays()
    data = load("arrays", path, data__test_share=0.2, data__image_size=0)
    self.assertEqual(data.class_names, ("a", "b"))
    self.assertLen(data.test, 4)
    index = data.train.id.astype(int)
    np.testing.assert_array_equal(
      data.train.image[..., 0], found["image"][index]
    )
    np.testing.assert_array_equal(data.train.label, 1 - index % 2)
    self.assertEqual(
      np.sum(data.train.label != data.train.clean_label), int(18 in index)
    )

  def test_first_classes_of_noisy_labels(self):
    label = np.array(["a", "b", "c"] * 10)
    clean = label.copy()
    clean[0], clean[3] = "b", "c"
    image = np.zeros((30, 5, 5), np.uint8)
    path, _ = self.arrays(
      image=image,
      label=label,
      clean_label=clean,
      id=np.arange(30),
      test_image=image,
      test_label=label,
    )
    data = load("arrays", path, data__image_size=0, data__num_classes=2)
    self.assertEqual(data.class_names, ("a", "b"))
    self.assertLen(data.train, 20)
    self.assertEqual(data.train.id[:3].tolist(), ["0", "1", "3"])
    self.assertEqual(data.train.label[:3].tolist(), [0, 1, 0])
    # The third is truly of the class that was left out.
    self.assertEqual(data.train.clean_label[:3].tolist(), [1, 1, -1])

  def test_a_test_part_and_a_folder_of_files(self):
    _, found = self.arrays(
      test_image=np.zeros((3, 5, 5), np.uint8),
      test_label=np.array(["a", "b", "a"]),
    )
    for name, values in found.items():
      np.save(self.root / f"{name}.npy", values)
    data = load("arrays", self.root, data__image_size=0)
    self.assertLen(data.train, 20)
    np.testing.assert_array_equal(data.test.label, [0, 1, 0])

  def test_feature_vectors_are_trained_on(self):
    rng = np.random.default_rng(0)
    label = np.arange(120) % 3
    # Far from 0 and of other scales: normalisation must see to it.
    features = label[:, None] + 0.1 * rng.normal(size=(120, 5))
    features = features * [1, 10, 100, 1000, 0.01] + 5000
    path, _ = self.arrays(
      image=features, label=label, clean_label=None, id=None
    )
    c = shrunk.config(
      data__dataset="arrays",
      data__path=str(path),
      data__max_examples=0,
      data__crop_padding=0,
      data__flip=False,
      num_epochs=8,
      data__noise_ratio=0.2,
      dictionary_size=12,
      reward_batch_size=8,
    )
    summary = commands.train(c, self.create_tempdir().full_path)
    self.assertGreater(summary["test_top1"], 0.9)
    c.data.flip = True
    with self.assertRaisesRegex(InputError, "set data.crop_padding=0"):
      commands.train(c, self.create_tempdir().full_path)

  def test_vectors_must_be_numbers(self):
    image = np.zeros((20, 3))
    image[7, 1] = np.nan
    path, _ = self.arrays(image=image)
    with self.assertRaisesRegex(InputError, "1 rows .* the first is 7"):
      load("arrays", path, data__image_size=0)

  @parameterized.named_parameters(
    ("missing", {"label": None}, "no array label; it has: image"),
    ("dtype", {"image": np.zeros((20, 5, 5))}, "image is float64.*uint8"),
    ("length", {"label": np.zeros(3, int)}, "label has not one value"),
    ("half", {"test_label": np.zeros(3, int)}, "one of test_image and test"),
    ("pickled", {"id": np.array([{}] * 20)}, "cannot read .*pickled"),
  )
  def test_wrong_arrays(self, changes, message):
    path, _ = self.arrays(**changes)
    with self.assertRaisesRegex(InputError, message):
      load("arrays", path, data__image_size=0)


class ArraysFlawsTest(OwnDataTest):
  def arrays(self, **changes):
    found = {
      "image": np.zeros((20, 5, 5, 3), np.uint8),
      "label": np.arange(20) % 2,
      **changes,
    }
    np.savez(self.root / "data.npz", **found)
    return load("arrays", self.root / "data.npz", data__image_size=0)

  @parameterized.named_parameters(
    (
      "channels",
      {"image": np.zeros((20, 3, 32, 32), np.uint8)},
      r"channels first; .* image.transpose\(0, 2, 3, 1\)",
    ),
    ("id", {"id": np.array(["x"] * 20)}, "x is there 20 times"),
    (
      "nan",
      {"label": np.array([np.nan] + [1.0, 0.0] * 9 + [1.0])},
      "1 of 20 values of label are missing, the first is number 1",
    ),
    ("unknown", {"label": np.arange(20) % 3 - 1}, "7 of 20 values of label"),
    (
      "no tests",
      {
        "test_image": np.zeros((0, 5, 5, 3), np.uint8),
        "test_label": np.zeros(0, int),
      },
      "no test examples",
    ),
  )
  def test_wrong_arrays(self, changes, message):
    with self.assertRaisesRegex(InputError, message):
      self.arrays(**changes)

  def test_many_channels_are_not_channels_first(self):
    data = self.arrays(image=np.zeros((20, 8, 8, 13), np.uint8))
    self.assertEqual(data.train.image.shape[1:], (8, 8, 13))

  def test_clean_labels_that_are_not_known(self):
    data = self.arrays(clean_label=np.full(20, -1))
    self.assertEqual(data.class_names, ("0", "1"))
    np.testing.assert_array_equal(data.train.clean_label, -1)

  def test_a_size_that_is_not_used(self):
    data = self.arrays()
    for size, count in ((0, 0), (64, 1)):
      options = shrunk.options(data__image_size=size, data__dataset="arrays")
      self.assertEqual(
        "\n".join(notices(options, data)).count("image_size=64 is not used"),
        count,
      )


if __name__ == "__main__":
  absltest.main()
