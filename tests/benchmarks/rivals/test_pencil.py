"""PENCIL: its three stages, network and labels, by hand."""

from absl.testing import absltest, parameterized
import jax
import numpy as np

from benchmarks.rivals import pencil
from tests.benchmarks.rivals import small


class PencilTest(parameterized.TestCase):
  # Of 3 epochs the second begins at 0.33 of the training, the third at 0.67.
  @parameterized.parameters(0, 1, 2)
  def test_a_step_of_each_stage(self, epoch):
    trial = small.trial()
    net, size = trial.create(), trial.num_classes
    table = jax.random.normal(jax.random.key(1), (trial.num_examples, size))
    (index,) = batches = trial.batches(epoch)[:1]
    step = pencil.step_of(trial)
    found = trial.compiled(step)(pencil.Carry(net, table), epoch, batches)

    p = small.softmax(trial.outputs(net, "train")[0][index])
    q = small.softmax(np.asarray(table)[index])
    target = small.one_hot(trial, index)
    ratio, log_p = np.log(p / q), np.log(p)
    # Gradients of KL(p || q) and of the entropy of p for p's logits.
    divergence = p * (ratio - (p * ratio).sum(-1, keepdims=True))
    entropy = -p * (log_p - (p * log_p).sum(-1, keepdims=True))
    slope = {
      0: p - target,
      1: (divergence + 0.8 * entropy) / size,
      2: divergence / size,
    }[epoch]
    small.assert_heads(
      found.net, small.head_after(trial, net, index, slope / len(index))
    )

    expected = np.array(table)
    if epoch == 1:
      moved = (q - p) / size + 0.1 * (q - target)
      expected[index] -= 300 * 320 / 3 / 128 * moved
    np.testing.assert_allclose(found.table, expected, rtol=1e-4, atol=1e-3)


if __name__ == "__main__":
  absltest.main()
