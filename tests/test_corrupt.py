"""Label noise: exact counts, closed-form transitions, fixed seeds."""

from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data import corrupt, sources
from fsr_jax.errors import InputError
from tests import shrunk


def rng(seed=0):
  return np.random.default_rng(seed)


LABEL = np.repeat(np.arange(10), 500).astype(np.int32)
IMAGE = rng().integers(0, 256, (5000, 4, 4, 1), dtype=np.uint8)
DATA = corrupt.Labelled(LABEL, 10, IMAGE)

# CIFAR-100's coarse label of each fine label, as its records have them.
COARSE = np.array(
  [
    4,
    1,
    14,
    8,
    0,
    6,
    7,
    7,
    18,
    3,
    3,
    14,
    9,
    18,
    7,
    11,
    3,
    9,
    7,
    11,
    6,
    11,
    5,
    10,
    7,
    6,
    13,
    15,
    3,
    15,
    0,
    11,
    1,
    10,
    12,
    14,
    16,
    9,
    11,
    5,
    5,
    19,
    8,
    8,
    15,
    13,
    14,
    17,
    18,
    10,
    16,
    4,
    17,
    4,
    2,
    0,
    17,
    4,
    18,
    17,
    10,
    3,
    2,
    12,
    12,
    16,
    12,
    1,
    9,
    19,
    2,
    10,
    0,
    1,
    16,
    12,
    9,
    13,
    15,
    13,
    16,
    19,
    2,
    4,
    6,
    19,
    5,
    5,
    8,
    19,
    18,
    1,
    2,
    15,
    6,
    0,
    17,
    8,
    14,
    13,
  ]
)


def transitions(label, noisy, num_classes):
  """How many of class i are labelled j, [C, C]."""
  pairs = np.bincount(label * num_classes + noisy, minlength=num_classes**2)
  return pairs.reshape(num_classes, num_classes)


class EveryNoiseTest(parameterized.TestCase):
  @parameterized.product(name=[*corrupt.NOISES], ratio=(0.0, 0.4, 1.0))
  def test_labels_of_the_same_classes_and_an_untouched_input(self, name, ratio):
    label, image = LABEL.copy(), IMAGE.copy()
    noisy = corrupt.NOISES[name](
      corrupt.Labelled(label, 10, image), ratio, rng()
    )
    self.assertEqual(noisy.shape, LABEL.shape)
    self.assertEqual(noisy.dtype, np.int32)
    self.assertBetween(noisy.min(), 0, 9)
    self.assertBetween(noisy.max(), 0, 9)
    self.assertFalse(np.shares_memory(noisy, label))
    np.testing.assert_array_equal(label, LABEL)
    np.testing.assert_array_equal(image, IMAGE)
    if ratio == 0 or name == "none":
      np.testing.assert_array_equal(noisy, LABEL)
    else:
      self.assertTrue(np.any(noisy != LABEL))

  @parameterized.parameters("uniform", "asymmetric", "pair", "instance")
  def test_same_seed_same_noise(self, name):
    noise = corrupt.NOISES[name]
    first, again = (noise(DATA, 0.4, rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    self.assertTrue(np.any(first != noise(DATA, 0.4, rng(4))))

  @parameterized.parameters(*corrupt.NOISES)
  def test_of_a_run(self, name):
    ratio = 0.0 if name == "none" else 0.4
    c = shrunk.config(data__noise=name, data__noise_ratio=ratio).data
    train = sources.load(c, seed=0).train
    # Of 20 a class 8 flip, or are redrawn and at most one of them is its own
    # class again; instance within three standard deviations.
    bounds = {
      "none": (0, 0),
      "uniform": (70, 80),
      "asymmetric": (40, 40),
      "pair": (80, 80),
      "instance": (59, 101),
    }[name]
    self.assertBetween(np.sum(train.label != train.clean_label), *bounds)


class UniformTest(parameterized.TestCase):
  @parameterized.parameters(0.0, 0.2, 0.4, 0.8, 1.0)
  def test_flips_exactly_r_times_one_minus_one_over_c(self, ratio):
    noisy = corrupt.uniform(DATA, ratio, rng())
    for c in range(10):
      wrong = np.mean(noisy[c == LABEL] != c)
      self.assertAlmostEqual(wrong, ratio * 0.9, places=9)
    # Every (class, wrong class) pair is equally frequent.
    off = transitions(LABEL, noisy, 10)[~np.eye(10, dtype=bool)]
    np.testing.assert_array_equal(off, np.full(90, round(500 * ratio / 10)))

  def test_awkward_sizes(self):
    label = np.repeat(np.arange(3), [7, 1, 12]).astype(np.int32)
    noisy = corrupt.uniform(corrupt.Labelled(label, 3), 0.5, rng())
    self.assertEqual(noisy.shape, label.shape)
    self.assertEqual(noisy.dtype, np.int32)
    self.assertLessEqual(np.sum(noisy != label), 4 + 0 + 6)


class FlipToOneClassTest(parameterized.TestCase):
  """asymmetric and pair: one wrong class for each class that flips."""

  @parameterized.parameters(0.2, 0.4, 1.0)
  def test_cifar10_flips_to_the_look_alike_only(self, ratio):
    expected = 500 * np.eye(10)
    for c, target in {9: 1, 2: 0, 3: 5, 5: 3, 4: 7}.items():
      expected[c, c] -= 500 * ratio
      expected[c, target] = 500 * ratio
    noisy = corrupt.asymmetric(DATA, ratio, rng())
    np.testing.assert_array_equal(transitions(LABEL, noisy, 10), expected)

  @parameterized.parameters(0.2, 0.4, 1.0)
  def test_cifar100_flips_to_the_next_of_the_super_class(self, ratio):
    label = rng().permutation(np.repeat(np.arange(100), 20)).astype(np.int32)
    noisy = corrupt.asymmetric(corrupt.Labelled(label, 100), ratio, rng())
    expected = np.zeros((100, 100))
    for group in range(20):
      fine = np.flatnonzero(group == COARSE)
      self.assertLen(fine, 5)
      expected[fine, fine] = 20 - 20 * ratio
      expected[fine, np.roll(fine, -1)] = 20 * ratio
    np.testing.assert_array_equal(transitions(label, noisy, 100), expected)
    np.testing.assert_array_equal(COARSE[noisy], COARSE[label])

  def test_cifar100_by_name(self):
    # beaver, whale, tulip, baby, woman, sweet_pepper, worm, tractor
    label = np.array([4, 95, 92, 2, 98, 83, 99, 89], np.int32)
    noisy = corrupt.asymmetric(corrupt.Labelled(label, 100), 1.0, rng())
    # dolphin, beaver, orchid, boy, baby, apple, crab, lawn_mower
    np.testing.assert_array_equal(noisy, [30, 4, 54, 11, 2, 0, 26, 41])

  @parameterized.parameters(4, 20, 101)
  def test_asymmetric_needs_cifar(self, num_classes):
    data = corrupt.Labelled(LABEL % 4, num_classes)
    with self.assertRaisesRegex(InputError, f"10 .*100 .* has {num_classes} "):
      corrupt.asymmetric(data, 0.4, rng())

  @parameterized.parameters((2, 0.45), (3, 0.2), (7, 1.0))
  def test_pair_flips_to_the_next_class(self, num_classes, ratio):
    label = np.tile(np.arange(num_classes, dtype=np.int32), 100)
    noisy = corrupt.pair(corrupt.Labelled(label, num_classes), ratio, rng())
    same = np.eye(num_classes)
    expected = (1 - ratio) * same + ratio * np.roll(same, 1, axis=1)
    np.testing.assert_array_equal(
      transitions(label, noisy, num_classes), np.round(100 * expected)
    )

  def test_pair_of_unequal_classes(self):
    label = np.repeat(np.arange(3), [10, 1, 5]).astype(np.int32)
    noisy = corrupt.pair(corrupt.Labelled(label, 3), 0.4, rng())
    np.testing.assert_array_equal(
      transitions(label, noisy, 3), [[6, 4, 0], [0, 1, 0], [2, 0, 3]]
    )


class InstanceTest(parameterized.TestCase):
  def pixels(self, value, size, num_classes):
    """`size` one-pixel images of each class, all of one value."""
    label = np.repeat(np.arange(num_classes), size).astype(np.int32)
    image = np.full((label.size, 1, 1, 1), value, np.uint8)
    return corrupt.Labelled(label, num_classes, image)

  # Mean of the normal distribution cut off to 0-1, in closed form; clipping to
  # 0-1 instead would give 0.108, 0.2008 and 0.96.
  @parameterized.parameters(
    (0.1, 0.1288), (0.2, 0.2055), (0.5, 0.5), (1.0, 0.9202)
  )
  def test_rate(self, ratio, expected):
    data = self.pixels(128, 10_000, 4)
    noisy = corrupt.instance(data, ratio, rng())
    # Standard deviation at most 0.0025.
    self.assertAlmostEqual(np.mean(noisy != data.label), expected, delta=0.0075)

  def test_black_images_flip_evenly(self):
    """x = 0: the softmax over the other classes is uniform."""
    data = self.pixels(0, 9000, 4)
    count = transitions(data.label, corrupt.instance(data, 0.5, rng()), 4)
    off = count[~np.eye(4, dtype=bool)]
    # 1,500 with standard deviation 35.
    np.testing.assert_allclose(off, 1500, atol=140)

  def test_log_odds_are_linear_in_the_image(self):
    """log P(a)/P(b) = x (w_a - w_b), with a w of its own for each class."""
    odds = []
    for value in (1, 2):
      data = self.pixels(value, 40_000, 3)
      noisy = corrupt.instance(data, 0.5, rng(2))
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
    data = corrupt.Labelled(label, 10, image.astype(np.uint8))
    noisy = corrupt.instance(data, 0.5, rng(2))
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
    whole = corrupt.instance(DATA, 0.4, rng())
    with mock.patch.object(corrupt, "_CHUNK", 7):
      np.testing.assert_array_equal(corrupt.instance(DATA, 0.4, rng()), whole)

  def test_needs_images(self):
    with self.assertRaisesRegex(InputError, "instance noise .* images"):
      corrupt.instance(corrupt.Labelled(LABEL, 10), 0.4, rng())


if __name__ == "__main__":
  absltest.main()
