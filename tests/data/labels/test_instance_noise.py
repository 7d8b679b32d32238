"""Label noise that looks at the images: rates and odds in closed form."""

from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.labels import noise
from fsr_jax.errors import InputError


def rng(seed=0):
  return np.random.default_rng(seed)


LABEL = np.repeat(np.arange(10), 500).astype(np.int32)
IMAGE = rng().integers(0, 256, (5000, 4, 4, 1), dtype=np.uint8)
DATA = noise.Labelled(LABEL, 10, IMAGE)


def transitions(label, noisy, num_classes):
  """How many of class i are labelled j, [C, C]."""
  pairs = np.bincount(label * num_classes + noisy, minlength=num_classes**2)
  return pairs.reshape(num_classes, num_classes)


class InstanceTest(parameterized.TestCase):
  def pixels(self, value, size, num_classes):
    """`size` one-pixel images of each class, all of one value."""
    label = np.repeat(np.arange(num_classes), size).astype(np.int32)
    image = np.full((label.size, 1, 1, 1), value, np.uint8)
    return noise.Labelled(label, num_classes, image)

  # Mean of the normal distribution cut off to 0-1, in closed form; clipping to
  # 0-1 instead would give 0.108, 0.2008 and 0.96.
  @parameterized.parameters(
    (0.1, 0.1288), (0.2, 0.2055), (0.5, 0.5), (1.0, 0.9202)
  )
  def test_rate(self, ratio, expected):
    data = self.pixels(128, 10_000, 4)
    noisy = noise.instance(data, ratio, rng())
    # Standard deviation at most 0.0025.
    self.assertAlmostEqual(np.mean(noisy != data.label), expected, delta=0.0075)

  def test_black_images_flip_evenly(self):
    """x = 0: the softmax over the other classes is uniform."""
    data = self.pixels(0, 9000, 4)
    count = transitions(data.label, noise.instance(data, 0.5, rng()), 4)
    off = count[~np.eye(4, dtype=bool)]
    # 1,500 with standard deviation 35.
    np.testing.assert_allclose(off, 1500, atol=140)

  def test_log_odds_are_linear_in_the_image(self):
    """log P(a)/P(b) = x (w_a - w_b), with a w of its own for each class."""
    odds = []
    for value in (1, 2):
      data = self.pixels(value, 40_000, 3)
      noisy = noise.instance(data, 0.5, rng(2))
      count = transitions(data.label, noisy, 3)
      odds.append(
        [
          np.log(count[c, (c + 1) % 3] / count[c, (c + 2) % 3])
          for c in range(3)
        ]
      )
    # Log odds up to 2.1 of 20,000 flips: standard deviation at most 0.04.
    np.testing.assert_allclose(odds[1], 2 * np.array(odds[0]), atol=0.12)
    self.assertGreater(np.ptp(odds[0]), 0.5)

  def test_look_alikes_flip_to_the_same_class(self):
    # Ten prototypes a class, and 50 images near each.
    prototype = rng().integers(20, 236, (100, 6, 6, 3))
    image = np.repeat(prototype, 50, axis=0)
    image = image + rng(1).integers(-2, 3, image.shape)
    label = np.repeat(np.arange(10), 500).astype(np.int32)
    data = noise.Labelled(label, 10, image.astype(np.uint8))
    noisy = noise.instance(data, 0.5, rng(2))
    favourites, agreements = [], []
    for near, true in zip(noisy.reshape(100, 50), label[::50]):
      count = np.bincount(near[near != true], minlength=10)
      favourites.append(count.argmax())
      agreements.append(count.max() / count.sum())
    self.assertGreater(np.mean(agreements), 0.95)
    # It is the image that decides, not the class alone.
    kinds = [len(set(of)) for of in np.reshape(favourites, (10, 10)).tolist()]
    self.assertGreater(np.mean(kinds), 2)

  def test_chunks_change_nothing(self):
    whole = noise.instance(DATA, 0.4, rng())
    with mock.patch.object(noise, "_CHUNK", 7):
      np.testing.assert_array_equal(noise.instance(DATA, 0.4, rng()), whole)

  def test_needs_images(self):
    with self.assertRaisesRegex(InputError, "instance noise .* images"):
      noise.instance(noise.Labelled(LABEL, 10), 0.4, rng())


if __name__ == "__main__":
  absltest.main()
