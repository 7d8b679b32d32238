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

  def test_pictures_that_vectors_were_made_of(self):
    """They are named from the folder of the file, and name the examples."""
    names = np.array([f"a/{i}.jpg" for i in range(19)] + ["/b/19.jpg"])
    path, _ = self.arrays(
      image=np.ones((20, 3)) * np.arange(20)[:, None], filepath=names, id=None
    )
    data = load("arrays", path, data__test_share=0.2, data__image_size=0)
    for split in (data.train, data.test):
      index = split.image[:, 0].astype(int)
      np.testing.assert_array_equal(split.id, names[index])
      expected = [str(self.root / name) for name in names[index]]
      np.testing.assert_array_equal(split.filepath, expected)
    path, _ = self.arrays(filepath=names)
    data = load("arrays", path, data__test_share=0.2, data__image_size=0)
    np.testing.assert_array_equal(
      data.train.filepath[:2],
      [str(self.root / names[int(i)]) for i in data.train.id[:2]],
    )
    path, _ = self.arrays()
    data = load("arrays", path, data__image_size=0)
    self.assertIsNone(data.train.filepath)

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
    with self.assertRaisesRegex(InputError, "image of example 7 has values"):
      load("arrays", path, data__image_size=0)

  @parameterized.named_parameters(
    ("missing", {"label": None}, "no array label; it has: image"),
    ("dtype", {"image": np.array(["x"] * 20)}, "image is <U1 .* 0..255, or"),
    (
      "length",
      {"label": np.zeros(3, int)},
      r"label is int64 \(3,\).*one value",
    ),
    ("scalar", {"label": np.array(3)}, r"label is int64 \(\);.*one value"),
    ("no pixels", {"image": np.zeros((20, 0, 5), np.uint8)}, "is nothing in"),
    (
      "no features",
      {"image": np.zeros((20, 0))},
      r"\(20, 0\): there is nothing",
    ),
    ("no images", {"image": np.zeros((0, 5, 5))}, "for each of the 0 examples"),
    ("scalar image", {"image": np.array(3.0)}, r"image is float64 \(\); expec"),
    ("ids", {"id": np.arange(40).reshape(20, 2)}, "row 1 is not one-hot"),
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
    ("id", {"id": np.array(["x"] * 20)}, "x is there 20 times"),
    (
      "nan",
      {"label": np.array([np.nan] + [1.0, 0.0] * 9 + [1.0])},
      "1 of 20 values of label are missing, the first in entry 0",
    ),
    ("unknown", {"label": np.arange(20) % 3 - 1}, "7 of 20 values of label"),
    (
      "no tests",
      {
        "test_image": np.zeros((0, 5, 5, 3), np.uint8),
        "test_label": np.zeros(0, int),
      },
      "for each of the 0 examples",
    ),
  )
  def test_wrong_arrays(self, changes, message):
    with self.assertRaisesRegex(InputError, message):
      self.arrays(**changes)

  @parameterized.named_parameters(
    ("column", lambda y: y[:, None]),
    ("one hot", lambda y: np.eye(2)[y]),
    ("one hot, whole", lambda y: np.eye(2, dtype=np.int64)[y]),
    ("one hot, bool", lambda y: np.eye(2, dtype=bool)[y]),
    ("bytes", lambda y: np.array([b"0", b"1"])[y]),
    ("text", lambda y: np.array(["00", "01"])[y]),
    ("float", lambda y: y.astype(np.float16)),
    ("wide", lambda y: y.astype(np.uint64)),
    ("column of text", lambda y: np.array(["0", "1"])[y][:, None]),
  )
  def test_forms_of_labels(self, form):
    expected = self.arrays()
    got = self.arrays(label=form(np.arange(20) % 2))
    self.assertLen(got.class_names, 2)
    np.testing.assert_array_equal(got.train.label, expected.train.label)
    np.testing.assert_array_equal(got.test.label, expected.test.label)

  @parameterized.named_parameters(
    ("shares", np.full((20, 2), 0.5), "row 0 is not one-hot; expected one cla"),
    ("two", np.ones((20, 3)), "row 0 is not one-hot"),
    ("cube", np.zeros((20, 2, 2)), r"expected \[20\], \[20, 1\] or one-hot"),
  )
  def test_no_labels(self, label, message):
    with self.assertRaisesRegex(InputError, message):
      self.arrays(label=label)

  def test_examples_without_ids_are_called_by_their_row(self):
    data = self.arrays()
    rows = np.concatenate([data.train.id, data.test.id]).astype(int)
    np.testing.assert_array_equal(np.sort(rows), np.arange(20))
    np.testing.assert_array_equal(
      data.train.label, data.train.id.astype(int) % 2
    )

  def test_a_part_to_validate_on(self):
    image = np.zeros((3, 5, 5, 3), np.uint8)
    val = {"val_image": image, "val_label": np.array([1, 1, 0])}
    test = {"test_image": image, "test_label": np.array([0, 1, 0])}
    data = self.arrays(**val, **test)
    self.assertEqual(data.val.label.tolist(), [1, 1, 0])
    self.assertEqual(data.test.label.tolist(), [0, 1, 0])
    data = self.arrays(**val)  # Of two parts the other one is tested.
    self.assertIsNone(data.val)
    self.assertEqual(data.test.label.tolist(), [1, 1, 0])
    self.assertLen(data.train, 20)

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
