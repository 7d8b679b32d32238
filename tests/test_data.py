"""Batch order, augmentation, bad data, the digits."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.data import augment, order, sources
from fsr_jax.data.dataset import Data, Split, channel_statistics
from fsr_jax.errors import InputError
from fsr_jax.run.validate import validate_against_data
from tests import shrunk


def rng(seed=0):
  return np.random.default_rng(seed)


class OrderTest(absltest.TestCase):
  def test_every_example_at_most_once(self):
    batches = order.epoch_order(0, 3, 103, 10)
    self.assertEqual(batches.shape, (10, 10))
    self.assertLen(set(np.array(batches).ravel().tolist()), 100)

  def test_a_function_of_seed_and_epoch(self):
    first = order.epoch_order(1, 5, 50, 10)
    np.testing.assert_array_equal(first, order.epoch_order(1, 5, 50, 10))
    for other in ((2, 5), (1, 6)):
      self.assertTrue(np.any(first != order.epoch_order(*other, 50, 10)))


class AugmentTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.image = rng().integers(1, 256, (64, 6, 6, 3), dtype=np.uint8)
    self.u = jax.random.uniform(jax.random.key(0), (64, 3))

  def test_off_is_identity(self):
    out = augment.crop_and_flip(self.u, jnp.array(self.image), 0, False)
    np.testing.assert_array_equal(out, self.image)

  def test_flip_mirrors_about_half(self):
    out = np.array(
      augment.crop_and_flip(self.u, jnp.array(self.image), 0, True)
    )
    mirrored = np.all(out == self.image[:, :, ::-1], axis=(1, 2, 3))
    same = np.all(out == self.image, axis=(1, 2, 3))
    np.testing.assert_array_equal(mirrored ^ same, True)
    self.assertBetween(mirrored.mean(), 0.3, 0.7)

  def test_crops_are_windows_of_the_padded_image(self):
    out = np.array(
      augment.crop_and_flip(self.u, jnp.array(self.image), 2, False)
    )
    offsets = set()
    for image, crop in zip(self.image, out):
      padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
      found = [
        (y, x)
        for y in range(5)
        for x in range(5)
        if np.array_equal(padded[y : y + 6, x : x + 6], crop)
      ]
      self.assertLen(found, 1)
      offsets.add(found[0])
    self.assertGreater(len(offsets), 15)

  def test_corners_are_reached_and_not_passed(self):
    u = jnp.array([[0.0, 0.0, 0.9], [0.9999999, 0.9999999, 0.9]])
    out = augment.crop_and_flip(u, jnp.array(self.image[:2]), 2, False)
    self.assertTrue(np.all(out[0, :2] == 0) and np.all(out[1, -2:] == 0))
    np.testing.assert_array_equal(out[0, 2:, 2:], self.image[0, :4, :4])
    np.testing.assert_array_equal(out[1, :4, :4], self.image[1, 2:, 2:])

  def test_normalize_with_channel_statistics(self):
    mean, std = channel_statistics(self.image)
    out = np.array(augment.normalize(jnp.array(self.image), mean, std))
    np.testing.assert_allclose(out.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(out.std((0, 1, 2)), 1, atol=1e-5)


class ValidationTest(parameterized.TestCase):
  def break_train(self, **changes):
    data = shrunk.random_data()
    fields = {"image": data.train.image, "label": data.train.label}
    return Data(Split(**{**fields, **changes}), data.test, data.class_names)

  def test_good_data_pass(self):
    shrunk.random_data().validate()

  @parameterized.parameters(-1, 4)
  def test_label_out_of_range(self, bad):
    label = shrunk.random_data().train.label.copy()
    label[5] = bad
    with self.assertRaisesRegex(InputError, rf"0\.\.3.*example 5: {bad}"):
      self.break_train(label=label).validate()

  def test_clean_labels_may_be_unknown(self):
    clean_label = shrunk.random_data().train.label.copy()
    clean_label[7] = -1
    data = self.break_train(clean_label=clean_label)
    self.assertIs(data.validate(), data)
    with self.assertRaisesRegex(InputError, "every training example"):
      validate_against_data(
        shrunk.frozen(method="forward_correction", transition="known"), data
      )
    clean_label[7] = -2
    with self.assertRaisesRegex(
      InputError, r"clean_labels must be in -1\.\.3; 1 are not.* 7: -2"
    ):
      data.validate()

  def test_class_without_example(self):
    label = np.minimum(shrunk.random_data().train.label, 2)
    with self.assertRaisesRegex(InputError, "no training example: class 3"):
      self.break_train(label=label).validate()

  def test_wrong_dtype(self):
    image = shrunk.random_data().train.image.astype(np.float32)
    with self.assertRaisesRegex(InputError, "float32.*expected uint8"):
      self.break_train(image=image).validate()

  def test_shape_of_test_images(self):
    image = np.zeros((64, 5, 5, 1), np.uint8)
    with self.assertRaisesRegex(
      InputError, r"test images are \(4, 4, 1\); expected \(5, 5, 1\)"
    ):
      self.break_train(image=image).validate()


class DigitsTest(absltest.TestCase):
  def test_load(self):
    c = shrunk.frozen(data__max_examples=0)
    data = sources.load(c.data, seed=0)
    self.assertLen(data.train, 1400)
    self.assertLen(data.test, 397)
    wrong = np.mean(data.train.label != data.train.clean_label)
    self.assertAlmostEqual(wrong, 0.36, delta=0.005)
    again = sources.load(c.data, seed=0)
    np.testing.assert_array_equal(data.train.label, again.train.label)
    other = sources.load(c.data, seed=1)
    self.assertTrue(np.any(data.train.label != other.train.label))
    np.testing.assert_array_equal(data.test.image, other.test.image)


if __name__ == "__main__":
  absltest.main()
