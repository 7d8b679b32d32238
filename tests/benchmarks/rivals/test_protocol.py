"""A rival that is plain training is the library's plain training."""

from absl.testing import absltest, parameterized
import jax
import numpy as np
import pytest

from benchmarks.rivals import library, plain
from tests import shrunk
from tests.benchmarks.rivals import small


class ProtocolTest(parameterized.TestCase):
  @parameterized.parameters(("mlp", True), ("tiny", False))
  @pytest.mark.slow
  def test_plain_training_is_the_librarys(self, network, mixes):
    with shrunk.with_tiny_batch_norm():
      trial = small.trial(network=network, mixup=mixes)
      net = plain.trainer(trial)()
      _, state = library.trained(trial)
      jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        (net.params, net.batch_stats),
        (state.params, state.batch_stats),
      )
      ours = trial.result(net, 1.0)
      self.assertEqual(
        trial.accuracy(ours), trial.accuracy(library.train(trial))
      )

  def test_outputs_are_the_networks_of_every_example(self):
    trial = small.trial()
    net = trial.create()
    kernel, bias = (
      net.params["head"]["linear"][name] for name in ("kernel", "bias")
    )
    for part, split in (("train", trial.data.train), ("test", trial.data.test)):
      logits, features = trial.outputs(net, part)
      self.assertLen(logits, len(split))
      np.testing.assert_allclose(
        logits, features @ kernel + bias, rtol=1e-4, atol=1e-4
      )

  def test_a_second_network_is_another(self):
    trial = small.trial()
    first, again, second = (
      trial.create(number).params["head"]["linear"]["kernel"]
      for number in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    self.assertGreater(np.abs(first - second).max(), 0.01)


if __name__ == "__main__":
  absltest.main()
