"""Networks: published parameter counts, the split, batch norm."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax import models
from fsr_jax.errors import InputError


def count(tree):
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


class ModelsTest(parameterized.TestCase):

  @parameterized.parameters(
      # 464,154: He et al.'s ResNet-32 with parameter-free shortcuts;
      # 36,479,194: Zagoruyko & Komodakis's WRN-28-10 for 10 classes.
      ("resnet32", 10, 464_154),
      ("resnet32", 100, 470_004),
      ("wrn28_10", 10, 36_479_194),
      ("wrn28_10", 100, 36_536_884),
      ("convnet", 10, 94_762),
      ("resnet20", 10, 269_722),
  )
  def test_exact_parameter_counts(self, name, num_classes, expected):
    network = models.create(name, num_classes)
    params, _ = jax.eval_shape(
        lambda key: network.init(key, (32, 32, 3)), jax.random.key(0)
    )
    self.assertEqual(count(params), expected)

  @parameterized.parameters(*models.NETWORKS)
  def test_split_and_shapes(self, name):
    network = models.create(name, 7)

    def forward(key):
      params, stats = network.init(key, (32, 32, 3))
      features, stats = network.features(
          params, stats, jnp.zeros((2, 32, 32, 3)), train=True
      )
      logits, _ = network.head(params["head"], stats, features, train=True)
      return params, features, logits

    params, features, logits = jax.eval_shape(forward, jax.random.key(0))
    self.assertCountEqual(params, ["backbone", "head"])
    self.assertEqual(features.ndim, 2)
    self.assertEqual(logits.shape, (2, 7))
    self.assertEqual(count(params["head"]), 7 * (features.shape[1] + 1))

  def test_running_statistics_move_in_training_only(self):
    network = models.create("resnet8", 3)
    params, stats = network.init(jax.random.key(0), (8, 8, 1))
    image = jax.random.normal(jax.random.key(1), (4, 8, 8, 1)) + 2
    _, trained = network.features(params, stats, image, train=True)
    _, evaluated = network.features(params, stats, image, train=False)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), stats, trained)
    self.assertTrue(all(jax.tree.leaves(moved)))
    jax.tree.map(np.testing.assert_array_equal, stats, evaluated)

  def test_unknown_network_lists_the_choices(self):
    with self.assertRaisesRegex(InputError, "resnet33.*resnet32, wrn28_10"):
      models.create("resnet33", 10)


if __name__ == "__main__":
  absltest.main()
