"""Crops, flips and normalisation."""

from absl.testing import absltest
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.data.dataset import channel_statistics
from fsr_jax.data.images import augment


class AugmentTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.image = np.random.default_rng(0).integers(
      1, 256, (64, 6, 6, 3), dtype=np.uint8
    )
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


if __name__ == "__main__":
  absltest.main()
