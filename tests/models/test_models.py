"""Networks: published parameter and operation counts, the split, batch norm."""

import math

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
    # num_params of torchvision's documentation.
    ("resnet18", 1000, 11_689_512),
    ("resnet34", 1000, 21_797_672),
    ("resnet50", 1000, 25_557_032),
    # With 3 x 3 instead of 7 x 7 in the stem and 10 classes.
    ("resnet18_cifar", 10, 11_689_512 - 64 * 3 * (49 - 9) - 990 * 513),
    ("resnet34_cifar", 10, 21_282_122),
  )
  def test_exact_parameter_counts(self, name, num_classes, expected):
    network = models.create(name, num_classes)
    params, _ = jax.eval_shape(
      lambda key: network.init(key, (32, 32, 3)), jax.random.key(0)
    )
    self.assertEqual(count(params), expected)

  def test_count_of_resnet50_v2(self):
    expected = 64 * 3 * 49  # The stem.
    wide = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
      for block in range(blocks):
        expected += 2 * wide + wide * width  # bn, 1 x 1
        expected += 2 * width + 9 * width**2  # bn, 3 x 3
        expected += 2 * width + width * 4 * width  # bn, 1 x 1
        if block == 0:
          expected += wide * 4 * width  # The projection.
        wide = 4 * width
    expected += 2 * wide + 1000 * (wide + 1)  # The last bn, the linear layer.
    # 25,568,360 of TF-slim's resnet_v2_50 (Keras's ResNet50V2 too) has biases
    # in the stem, four projections and the last convolution of every block.
    biases = (
      64 + (256 + 512 + 1024 + 2048) + (3 * 256 + 4 * 512 + 6 * 1024 + 3 * 2048)
    )
    self.assertEqual(expected, 25_568_360 - biases)
    network = models.create("resnet50_v2", 1000)
    params, stats = jax.eval_shape(
      lambda key: network.init(key, (32, 32, 3)), jax.random.key(0)
    )
    self.assertEqual(count(params), expected)
    self.assertEqual(count(stats), 45_440)  # Keras: "non-trainable".

  @parameterized.parameters(
    # Giga multiply-adds at 224 x 224, where the strides show: torchvision's
    # documentation (GFLOPS); half of TF-slim's 6.97 billion operations.
    ("resnet18", 1.81),
    ("resnet34", 3.66),
    ("resnet50", 4.09),
    ("resnet50_v2", 6.97 / 2),
  )
  def test_published_operation_counts(self, name, expected):
    network = models.create(name, 1000)
    image = jnp.zeros((1, 224, 224, 3))
    params, stats = jax.eval_shape(
      lambda key: network.init(key, image.shape[1:]), jax.random.key(0)
    )
    program = jax.make_jaxpr(
      lambda params, stats: network.features(params, stats, image, False)[0]
    )(params, stats)
    total = 2048 * 1000 if "50" in name else 512 * 1000  # The linear layer.
    for step in program.eqns:
      if step.primitive.name == "conv_general_dilated":
        kernel = step.invars[1].aval.shape  # height, width, in, out
        total += step.outvars[0].aval.size * math.prod(kernel[:3])
    self.assertAlmostEqual(total / 1e9, expected, delta=0.005)

  @parameterized.parameters(
    ("resnet50", [56, 56, 56, 56, 28, 28, 28, 28]),
    # TF-slim's strides are in the last block of a stage.
    ("resnet50_v2", [56, 56, 56, 28, 28, 28, 28, 14]),
    ("resnet34_cifar", [224, 224, 224, 224, 112, 112, 112, 112]),
  )
  def test_heights_of_the_first_blocks(self, name, expected):
    x = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    heights = []
    for block in models.blocks_of(name)[: len(expected)]:
      x, _ = jax.eval_shape(
        lambda x, block=block: block.init_with_output(
          jax.random.key(0), x, train=False
        ),
        x,
      )
      heights.append(x.shape[1])
    self.assertEqual(heights, expected)

  def test_a_linear_layer_alone(self):
    network = models.create("linear", 7)
    params, stats = network.init(jax.random.key(0), (5,))
    self.assertEqual(list(params), ["head"])
    x = np.arange(10.0, dtype=np.float32).reshape(2, 5)
    features, _ = network.features(params, stats, x, train=True)
    np.testing.assert_array_equal(features, x)
    logits, _ = network.head(params["head"], stats, features, train=True)
    linear = params["head"]["linear"]
    np.testing.assert_allclose(
      logits, x @ linear["kernel"] + linear["bias"], rtol=1e-5
    )

  @parameterized.parameters(*(n for n in models.NETWORKS if n != "linear"))
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


class CutTest(absltest.TestCase):
  def test_the_cut_changes_no_logits(self):
    image = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    whole = models.create("resnet8", 3, meta_blocks=-1)
    params, stats = whole.init(jax.random.key(0), (8, 8, 3))
    expected, _ = whole.head(params["head"], stats, image, True)

    def split(tree, cut):
      blocks = tree["head"]["stack"]
      rest = {k: v for k, v in tree["head"].items() if k != "stack"}
      below = {k: v for k, v in blocks.items() if int(k[-1]) < cut}
      above = {
        f"blocks_{int(k[-1]) - cut}": v
        for k, v in blocks.items()
        if int(k[-1]) >= cut
      }
      return {"backbone": below, "head": {"stack": above, **rest}}

    for meta_blocks in (0, 1, 3):
      network = models.create("resnet8", 3, meta_blocks=meta_blocks)
      p, s = split(params, 4 - meta_blocks), split(stats, 4 - meta_blocks)
      features, _ = network.features(p, s, image, True)
      logits, _ = network.head(p["head"], s, features, True)
      np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)

  def test_more_blocks_than_there_are(self):
    with self.assertRaisesRegex(InputError, "meta_blocks=5.*has 4 blocks"):
      models.create("resnet8", 3, meta_blocks=5)


if __name__ == "__main__":
  absltest.main()
