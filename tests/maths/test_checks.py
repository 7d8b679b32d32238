"""What the equations refuse, in one line, and what they make of bfloat16."""

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.maths import (
  class_balance,
  dictionary,
  losses,
  mixup,
  queue,
  reweight,
  tables,
  transition,
  weight_net,
)
from fsr_jax.maths.checks import at_least_float32, expect

B, C, N = 4, 3, 6
LABEL, FLOATS = jnp.arange(B) % C, jnp.linspace(0, 1, B)
LOGITS = jnp.zeros((B, C))
TARGET = losses.one_hot(LABEL, C)
SCORE, GIVEN = jnp.linspace(0, 1, N), jnp.arange(N) % C
COUNT = jnp.full(C, 2)
QUEUE = queue.init(jnp.full(C, 9), 6, (5,))
FEATURES, ACCEPTED = jnp.ones((B, 5)), jnp.ones(B, bool)
NET = weight_net.init(jax.random.key(0), 4)
TABLES = tables.init(N, C, True)


def seen(**entries):
  """An Observation with some of its entries exchanged."""
  whole = tables.Observation(LABEL, FLOATS, FLOATS, LABEL, ACCEPTED, TARGET)
  return whole._replace(**entries)


def update(**entries):
  return tables.update(TABLES, seen(**entries), 0.9, 0.9)


# (name, function, arguments that it takes, place of the wrong one, the wrong
# one, what the message says).
REFUSED = (
  (
    "int_labels",
    losses.cross_entropy,
    (LOGITS, TARGET),
    (1, LABEL),
    r"target is int32 \[4\]; expected float \[B, C\]; make class numbers a"
    " distribution by losses.one_hot",
  ),
  (
    "transposed_target",
    losses.cross_entropy,
    (LOGITS, TARGET),
    (1, TARGET.T),
    r"target is float32 \[3, 4\]; expected float \[B, C\], B = 4, C = 3",
  ),
  (
    "one_sample",
    losses.cross_entropy,
    (LOGITS, TARGET),
    (0, LOGITS[0]),
    r"logits is float32 \[3\]; expected float \[B, C\]",
  ),
  (
    "focal",
    lambda z, y: losses.focal(z, y, 2.0),
    (LOGITS, TARGET),
    (1, LABEL),
    "target is int32",
  ),
  (
    "gce",
    lambda z, y: losses.generalized_cross_entropy(z, y, 0.7),
    (LOGITS, TARGET),
    (1, TARGET[:, :2]),
    r"target is float32 \[4, 2\]",
  ),
  (
    "forward_target",
    losses.forward_corrected,
    (LOGITS, TARGET, jnp.eye(C)),
    (1, LABEL),
    "target is int32",
  ),
  (
    "forward_matrix",
    losses.forward_corrected,
    (LOGITS, TARGET, jnp.eye(C)),
    (2, jnp.ones((C, C + 1))),
    r"transition is float32 \[3, 4\]; expected float \[C, C\]",
  ),
  (
    "elr",
    losses.early_learning,
    (LOGITS, TARGET),
    (1, LABEL),
    r"average is int32 \[4\]",
  ),
  (
    "one_hot",
    lambda y: losses.one_hot(y, C),
    (LABEL,),
    (0, FLOATS),
    r"label is float32 \[4\]; expected int \[B\]",
  ),
  (
    "one_hot_of_one_hot",
    lambda y: losses.one_hot(y, C),
    (LABEL,),
    (0, jnp.ones((B, C), jnp.int32)),
    r"label is int32 \[4, 3\]",
  ),
  (
    "coefficients",
    mixup.coefficients,
    (FLOATS,),
    (0, FLOATS[:, None]),
    r"u is float32 \[4, 1\]; expected float \[B\]",
  ),
  (
    "solvable_coefficients",
    mixup.solvable_coefficients,
    (FLOATS,),
    (0, LABEL),
    "u is int32",
  ),
  (
    "mix_uint8",
    mixup.mix,
    (LOGITS, FLOATS),
    (0, jnp.zeros((B, 2, 2, 1), jnp.uint8)),
    r"x is uint8 \[4, 2, 2, 1\]; expected float \[B, ...\]",
  ),
  (
    "mix_sizes",
    mixup.mix,
    (LOGITS, FLOATS),
    (1, FLOATS[:2]),
    r"coefficient is float32 \[2\]; expected float \[B\], B = 4",
  ),
  (
    "unmix",
    mixup.unmix,
    (LOGITS, FLOATS),
    (1, FLOATS[:2]),
    r"coefficient is float32 \[2\]",
  ),
  (
    "remix",
    lambda c, y, n: mixup.remix_coefficients(c, y, n, 3.0),
    (FLOATS, LABEL, COUNT),
    (1, TARGET),
    r"label is float32 \[4, 3\]",
  ),
  (
    "per_length",
    reweight.per_length,
    (FLOATS, LOGITS),
    (1, FLOATS),
    r"logit_gradient is float32 \[4\]; expected float \[B, C\], B = 4",
  ),
  (
    "normalize",
    reweight.normalize,
    (FLOATS,),
    (0, LOGITS),
    r"raw is float32 \[4, 3\]",
  ),
  (
    "push_features",
    lambda *x: queue.push(QUEUE, *x),
    (FEATURES, LABEL, ACCEPTED),
    (0, jnp.ones((B, 5), jnp.int32)),
    r"features is int32 \[4, 5\]",
  ),
  (
    "push_label",
    lambda *x: queue.push(QUEUE, *x),
    (FEATURES, LABEL, ACCEPTED),
    (1, LABEL[:2]),
    r"label is int32 \[2\]; expected int \[B\], B = 4",
  ),
  (
    "push_accepted",
    lambda *x: queue.push(QUEUE, *x),
    (FEATURES, LABEL, ACCEPTED),
    (2, FLOATS),
    r"accepted is float32 \[4\]; expected bool \[B\]",
  ),
  (
    "select",
    lambda s, y: dictionary.select(s, y, 3, C, 0),
    (SCORE, GIVEN),
    (1, GIVEN[:3]),
    r"label is int32 \[3\]; expected int \[N\], N = 6",
  ),
  (
    "select_from_pool",
    lambda s, y: dictionary.select_from_pool(s, y, 3, C, 0, 0.5, SCORE),
    (SCORE, GIVEN),
    (0, GIVEN),
    r"score is int32 \[6\]",
  ),
  (
    "pool",
    lambda s, y: dictionary.pool(s, y, C, 0.5),
    (SCORE, GIVEN),
    (1, SCORE),
    r"label is float32 \[6\]",
  ),
  (
    "draw",
    lambda y: dictionary.draw(jax.random.key(0), y, 3, C),
    (GIVEN,),
    (0, SCORE),
    r"label is float32 \[6\]; expected int \[K\]",
  ),
  (
    "debias",
    lambda a, v: tables.debias(a, v, 0.9),
    (SCORE, GIVEN),
    (1, GIVEN[:2]),
    r"visits is int32 \[2\]; expected int \[N\], N = 6",
  ),
  (
    "trust",
    lambda m: tables.trust(TABLES, m, jnp.array(True)),
    (jnp.ones(N, bool),),
    (0, GIVEN),
    r"member is int32 \[6\]; expected bool \[N\]",
  ),
  (
    "update_score",
    lambda s: update(score=s),
    (FLOATS,),
    (0, LOGITS),
    r"score is float32 \[4, 3\]",
  ),
  (
    "update_correct",
    lambda c: update(correct=c),
    (ACCEPTED,),
    (0, FLOATS),
    "correct is float32",
  ),
  (
    "weight_net_value",
    lambda x: weight_net.value(NET, x),
    (FLOATS,),
    (0, LOGITS),
    r"loss is float32 \[4, 3\]",
  ),
  (
    "weight_net_gradient",
    lambda x, g: weight_net.gradient(NET, x, g),
    (FLOATS, FLOATS),
    (1, FLOATS[:2]),
    r"weight_gradient is float32 \[2\]",
  ),
  (
    "known",
    lambda x, y: transition.known(x, y, C),
    (LABEL, LABEL),
    (0, TARGET),
    r"clean_label is float32 \[4, 3\]",
  ),
  (
    "estimate",
    transition.estimate,
    (TARGET, COUNT),
    (1, LABEL),
    r"count is int32 \[4\]; expected int \[C\], N = 4, C = 3",
  ),
  (
    "factors",
    lambda n: class_balance.effective_number_factors(n, 0.9),
    (COUNT,),
    (0, FLOATS),
    r"count is float32 \[4\]",
  ),
)


class ExpectTest(parameterized.TestCase):
  def test_accepts_what_fits(self):
    expect(
      logits=(LOGITS, "float B C"),
      label=(np.arange(B), "int B"),
      image=(jnp.ones((B, 2, 2, 1), jnp.bfloat16), "float B ..."),
      mask=(ACCEPTED, "bool B"),
      scalar=(1.0, "float"),
      row=(FLOATS, "float B ..."),
    )

  @parameterized.parameters(
    ("int B", FLOATS, r"^x is float32 \[4\]; expected int \[B\]$"),
    ("bool B", LABEL, r"^x is int32 \[4\]; expected bool \[B\]$"),
    ("float", FLOATS, r"^x is float32 \[4\]; expected float \[\]$"),
    ("int B", 3, r"^x is int32 \[\]; expected int \[B\]$"),
    ("float B B", LOGITS, r"expected float \[B, B\], B = 4$"),
    ("float B ...", 2.0, r"^x is float32 \[\]; expected float \[B, ...\]$"),
    ("float B", None, r"^x is missing; expected float \[B\]$"),
  )
  def test_one_line(self, expected, x, message):
    with self.assertRaisesRegex(InputError, message):
      expect(x=(x, expected))

  def test_a_letter_is_one_size(self):
    with self.assertRaisesRegex(InputError, r"b is .*\[2\].* \[B\], B = 4$"):
      expect(a=(FLOATS, "float B"), b=(LABEL[:2], "int B"))

  @parameterized.parameters(
    ("bfloat16", "float32"), ("float16", "float32"), ("float32", "float32")
  )
  def test_at_least_float32(self, given, expected):
    self.assertEqual(at_least_float32(jnp.ones(2, given)).dtype, expected)

  def test_float64_stays(self):
    with jax.enable_x64(True):
      self.assertEqual(at_least_float32(jnp.ones(2)).dtype, "float64")


class RefusedTest(parameterized.TestCase):
  @parameterized.named_parameters(*REFUSED)
  def test_in_one_line(self, function, arguments, wrong, message):
    function(*arguments)  # These it takes.
    place, value = wrong
    broken = [*arguments]
    broken[place] = value
    for called in (function, jax.jit(function)):
      with self.assertRaisesRegex(InputError, message) as caught:
        called(*broken)
      self.assertNotIn("\n", str(caught.exception))


class LowerPrecisionTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("cross_entropy", losses.cross_entropy),
    ("focal", lambda z, y: losses.focal(z, y, 2.0)),
    ("gce", lambda z, y: losses.generalized_cross_entropy(z, y, 0.7)),
    (
      "forward",
      lambda z, y: losses.forward_corrected(z, y, jnp.eye(C)),
    ),
    ("elr", losses.early_learning),
  )
  def test_losses_are_those_of_the_same_numbers_in_float32(self, loss):
    logits = 3 * jax.random.normal(jax.random.key(0), (B, C))
    low = logits.astype(jnp.bfloat16)
    got = loss(low, TARGET)
    self.assertEqual(got.dtype, jnp.float32)
    np.testing.assert_allclose(
      got, loss(low.astype(jnp.float32), TARGET), rtol=1e-6
    )

  @parameterized.parameters("bfloat16", "float16")
  def test_weights_sum_to_1(self, dtype):
    raw = jax.random.uniform(jax.random.key(0), (1000,)).astype(dtype)
    weights = reweight.normalize(raw)
    self.assertEqual(weights.dtype, jnp.float32)
    self.assertAlmostEqual(float(weights.sum()), 1.0, delta=1e-6)


if __name__ == "__main__":
  absltest.main()
