"""SOP: a step of the network, of u and of v, by hand."""

from absl.testing import absltest
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import sop
from tests.benchmarks.rivals import small


class SopTest(absltest.TestCase):
  def test_a_step(self):
    trial = small.trial(num_epochs=40)
    net, size = trial.create(), trial.num_classes
    noise = sop.Noise(
      jnp.full((trial.num_examples, 1), 0.3),
      jnp.full((trial.num_examples, size), 0.05),
    )
    (index,) = batches = trial.batches(0)[:1]
    step = trial.compiled(sop.step_of(trial))
    found, new = step((net, noise), 0, batches)

    p = small.softmax(trial.outputs(net, "train")[0][index])
    y = small.one_hot(trial, index)
    q = p + 0.3**2 * y - 0.05**2 * (1 - y)
    self.assertGreater(q.min(), 1e-4)  # Nothing is clipped.
    total, at_label = q.sum(-1, keepdims=True), (q * y).sum(-1, keepdims=True)
    # Of -log(q_y / sum q), with respect to q, then to the logits.
    by_q = 1 / total - y / at_label
    slope = p * (by_q - (p * by_q).sum(-1, keepdims=True))
    small.assert_heads(
      found, small.head_after(trial, net, index, slope / len(index))
    )

    share = 120 / 40 / 128
    u = np.array(noise.u)
    u[index] -= 10 * share * 2 * 0.3 * (1 / total - 1 / at_label)
    np.testing.assert_allclose(new.u, np.clip(u, -1, 1), rtol=1e-4)
    said = np.eye(size)[p.argmax(-1)]
    v = np.array(noise.v)
    rest = said - 0.05**2  # Of the classes that are not the label.
    v[index] -= 100 * share * (1 - y) * 2 * rest * -2 * 0.05
    np.testing.assert_allclose(new.v, np.clip(v, -1, 1), rtol=1e-4)
    self.assertGreater(np.abs(v - 0.05).max(), 0.01)

  def test_a_prediction_that_is_sure_against_the_label_teaches_nothing(self):
    # p_y is below 1e-4: the clipped loss is flat, until u explains the label.
    logits, y = jnp.array([[20.0, 0.0]]), jnp.array([[0.0, 1.0]])
    v = jnp.zeros((1, 2))
    for u, expected in ((0.0, -np.log(1e-4 / 1.0001)), (1.0, np.log(2))):
      loss = sop.explained_loss(logits, y, jnp.array([[u]]), v)
      np.testing.assert_allclose(loss, [expected], rtol=1e-4)


if __name__ == "__main__":
  absltest.main()
