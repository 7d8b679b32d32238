"""compute_dtype=bfloat16: what is lowered, and what stays float32."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fsr_jax import models
from fsr_jax.config.validation import validate
from fsr_jax.data import sources
from fsr_jax.errors import InputError
from tests import shrunk


def dtypes(tree):
  return {str(leaf.dtype) for leaf in jax.tree.leaves(tree)}


class PrecisionTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.enter_context(shrunk.with_tiny_batch_norm())

  # A linear head; a head with a convolution and a batch norm.
  @parameterized.product(meta_blocks=[0, 1], train=[False, True])
  def test_of_a_network(self, meta_blocks, train):
    image = jax.random.normal(jax.random.key(1), (16, 6, 6, 1))
    out = {}
    for dtype in (jnp.float32, jnp.bfloat16):
      network = models.create("tiny", 3, meta_blocks, dtype)
      params, stats = network.init(jax.random.key(0), image.shape[1:])
      self.assertEqual(dtypes((params, stats)), {"float32"})
      features, moved = network.features(params, stats, image, train)
      logits, moved = network.head(params["head"], moved, features, train)
      self.assertEqual(dtypes((logits, moved)), {"float32"})
      if meta_blocks == 0:
        self.assertEqual(features.dtype, dtype)
      out[dtype] = logits, moved

      def loss(params, network=network, stats=stats):
        features, s = network.features(params, stats, image, train)
        return network.head(params["head"], s, features, train)[0].sum()

      self.assertEqual(dtypes(jax.grad(loss)(params)), {"float32"})
    # The same up to bfloat16's three digits, and no more than that.
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=0.03),
      out[jnp.float32],
      out[jnp.bfloat16],
    )
    gap = np.abs(out[jnp.float32][0] - out[jnp.bfloat16][0]).max()
    self.assertGreater(gap, 1e-5)

  @parameterized.parameters(
    ("fsr", 0), ("fsr", 1), ("fsr_exact", 1), ("plain", 0)
  )
  @pytest.mark.slow
  def test_trains(self, method, meta_blocks):
    options = shrunk.options(
      method=method,
      network="tiny",
      meta_blocks=meta_blocks,
      compute_dtype="bfloat16",
      num_epochs=4,
      data__noise="none",
      data__noise_ratio=0.0,
    )
    data = sources.load(options.train.data, 0)
    programs, state = shrunk.trained(options, data)
    before = programs.devices.put(programs.create_state())
    self.assertLess(
      programs.evaluate(state)["test_loss"],
      programs.evaluate(before)["test_loss"],
    )
    host = programs.devices.get(state)
    self.assertEqual(
      jax.tree.map(lambda x: x.dtype, host),
      jax.tree.map(lambda x: x.dtype, programs.devices.get(before)),
    )
    self.assertNotIn("bfloat16", dtypes(host))
    for leaf in jax.tree.leaves((host.params, host.batch_stats)):
      self.assertTrue(np.all(np.isfinite(leaf)))
    seen = host.reweighting.tables.visits > 0
    weights = host.reweighting.tables.last_weight[seen]
    if method == "plain":
      np.testing.assert_array_equal(weights, 1)
    else:
      self.assertGreater(np.ptp(weights), 0.1)

  def test_other_precisions_are_refused(self):
    with self.assertRaisesRegex(
      InputError, "unknown compute_dtype 'float16'; .*float32, bfloat16"
    ):
      validate(shrunk.options(compute_dtype="float16"))


if __name__ == "__main__":
  absltest.main()
