"""Label noise: exact counts, closed-form transitions, fixed seeds."""

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data import sources
from fsr_jax.data.labels import noise
from fsr_jax.errors import InputError
from tests import shrunk


def rng(seed=0):
  return np.random.default_rng(seed)


LABEL = np.repeat(np.arange(10), 500).astype(np.int32)
IMAGE = rng().integers(0, 256, (5000, 4, 4, 1), dtype=np.uint8)
DATA = noise.Labelled(LABEL, 10, IMAGE)

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
  @parameterized.product(name=[*noise.NOISES], ratio=(0.0, 0.4, 1.0))
  def test_labels_of_the_same_classes_and_an_untouched_input(self, name, ratio):
    label, image = LABEL.copy(), IMAGE.copy()
    noisy = noise.NOISES[name](noise.Labelled(label, 10, image), ratio, rng())
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
    corrupt = noise.NOISES[name]
    first, again = (corrupt(DATA, 0.4, rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    self.assertTrue(np.any(first != corrupt(DATA, 0.4, rng(4))))

  @parameterized.parameters(*noise.NOISES)
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
    noisy = noise.uniform(DATA, ratio, rng())
    for c in range(10):
      wrong = np.mean(noisy[c == LABEL] != c)
      self.assertAlmostEqual(wrong, ratio * 0.9, places=9)
    # Every (class, wrong class) pair is equally frequent.
    off = transitions(LABEL, noisy, 10)[~np.eye(10, dtype=bool)]
    np.testing.assert_array_equal(off, np.full(90, round(500 * ratio / 10)))

  def test_awkward_sizes(self):
    label = np.repeat(np.arange(3), [7, 1, 12]).astype(np.int32)
    noisy = noise.uniform(noise.Labelled(label, 3), 0.5, rng())
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
    noisy = noise.asymmetric(DATA, ratio, rng())
    np.testing.assert_array_equal(transitions(LABEL, noisy, 10), expected)

  @parameterized.parameters(0.2, 0.4, 1.0)
  def test_cifar100_flips_to_the_next_of_the_super_class(self, ratio):
    label = rng().permutation(np.repeat(np.arange(100), 20)).astype(np.int32)
    noisy = noise.asymmetric(noise.Labelled(label, 100), ratio, rng())
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
    noisy = noise.asymmetric(noise.Labelled(label, 100), 1.0, rng())
    # dolphin, beaver, orchid, boy, baby, apple, crab, lawn_mower
    np.testing.assert_array_equal(noisy, [30, 4, 54, 11, 2, 0, 26, 41])

  @parameterized.parameters(4, 20, 101)
  def test_asymmetric_needs_cifar(self, num_classes):
    data = noise.Labelled(LABEL % 4, num_classes)
    with self.assertRaisesRegex(InputError, f"10 .*100 .* has {num_classes} "):
      noise.asymmetric(data, 0.4, rng())

  @parameterized.parameters((2, 0.45), (3, 0.2), (7, 1.0))
  def test_pair_flips_to_the_next_class(self, num_classes, ratio):
    label = np.tile(np.arange(num_classes, dtype=np.int32), 100)
    noisy = noise.pair(noise.Labelled(label, num_classes), ratio, rng())
    same = np.eye(num_classes)
    expected = (1 - ratio) * same + ratio * np.roll(same, 1, axis=1)
    np.testing.assert_array_equal(
      transitions(label, noisy, num_classes), np.round(100 * expected)
    )

  def test_pair_of_unequal_classes(self):
    label = np.repeat(np.arange(3), [10, 1, 5]).astype(np.int32)
    noisy = noise.pair(noise.Labelled(label, 3), 0.4, rng())
    np.testing.assert_array_equal(
      transitions(label, noisy, 3), [[6, 4, 0], [0, 1, 0], [2, 0, 3]]
    )


if __name__ == "__main__":
  absltest.main()
