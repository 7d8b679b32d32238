"""The device axis is found wherever a function is traced."""

import functools

from absl.testing import absltest
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
import numpy as np

from fsr_jax.maths import collectives
from fsr_jax.maths.collectives import AXIS


class AxisTest(absltest.TestCase):
  def found(self, compiled, x):
    """What `axis()` and `device_count()` are inside of a compiled function."""
    seen = []

    def function(x):
      seen.append((collectives.axis(), collectives.device_count()))
      return collectives.psum(x)

    out = compiled(function)(x)
    self.assertLen(set(seen), 1)
    return seen[0], np.array(out)

  def test_outside(self):
    self.assertIsNone(collectives.axis())
    self.assertEqual(collectives.device_count(), 1)

  def test_jit(self):
    seen, out = self.found(jax.jit, jnp.arange(4.0))
    self.assertEqual(seen, (None, 1))
    np.testing.assert_array_equal(out, np.arange(4))

  def test_pmap(self):
    compiled = functools.partial(jax.pmap, axis_name=AXIS)
    seen, out = self.found(compiled, jnp.arange(4.0))
    self.assertEqual(seen, (AXIS, 4))
    np.testing.assert_array_equal(out, [6.0] * 4)

  def test_jit_inside_pmap(self):
    compiled = lambda f: jax.pmap(jax.jit(f), axis_name=AXIS)
    seen, out = self.found(compiled, jnp.arange(8.0))
    self.assertEqual(seen, (AXIS, 8))
    np.testing.assert_array_equal(out, [28.0] * 8)

  def test_one_jitted_function_inside_and_outside(self):
    """What was traced on one device is not what several are given."""
    function = jax.jit(collectives.psum)
    np.testing.assert_array_equal(function(jnp.float32(3.0)), 3.0)
    shared = jax.pmap(lambda x: 1.0 * function(x), axis_name=AXIS)
    np.testing.assert_array_equal(shared(jnp.arange(4.0)), [6.0] * 4)
    np.testing.assert_array_equal(function(jnp.float32(3.0)), 3.0)

  def test_scan_and_gradient_inside_pmap(self):
    def compiled(f):
      def body(total, x):
        value, slope = jax.value_and_grad(lambda x: jnp.sum(f(x)))(x)
        del slope
        return total + value, None

      return jax.pmap(
        lambda x: jax.lax.scan(body, 0.0, x[None])[0], axis_name=AXIS
      )

    seen, out = self.found(compiled, jnp.arange(2.0))
    self.assertEqual(seen, (AXIS, 2))
    np.testing.assert_array_equal(out, [1.0] * 2)

  def test_shard_map(self):
    mesh = jax.make_mesh(
      (4,), (AXIS,), axis_types=(jax.sharding.AxisType.Auto,)
    )
    spec = PartitionSpec(AXIS)

    def compiled(f):
      return jax.jit(
        jax.shard_map(
          lambda x: f(x)[None], mesh=mesh, in_specs=spec, out_specs=spec
        )
      )

    seen, out = self.found(compiled, jnp.arange(8.0))
    self.assertEqual(seen, (AXIS, 4))
    # Rows 0, 2, 4, 6 and 1, 3, 5, 7 of the shares.
    np.testing.assert_array_equal(out, [[12.0, 16.0]] * 4)

  def test_an_axis_of_another_name_is_none(self):
    compiled = functools.partial(jax.pmap, axis_name="other")
    seen, out = self.found(compiled, jnp.arange(2.0))
    self.assertEqual(seen, (None, 1))
    np.testing.assert_array_equal(out, [0.0, 1.0])


class CollectivesTest(absltest.TestCase):
  def test_by_hand_on_4_devices(self):
    x = jnp.arange(8.0).reshape(4, 2)

    def function(x):
      everything = collectives.all_gather(x)
      return {
        "sum": collectives.psum(x),
        "mean": collectives.pmean(x),
        "min": collectives.pmin(x),
        "all": everything,
        "mine": collectives.local_slice(everything),
        "size": jnp.int32(collectives.global_size(x)),
      }

    out = jax.pmap(function, axis_name=AXIS)(x)
    expected = {
      "sum": [12, 16],
      "mean": [3, 4],
      "min": [0, 1],
      "all": np.arange(8),
      "size": 8,
    }
    for device in range(4):
      for name, value in expected.items():
        np.testing.assert_array_equal(out[name][device], value)
    np.testing.assert_array_equal(out["mine"], x)
    # All of them are the identity on one device.
    alone = jax.jit(function)(x[0])
    for name in ("sum", "mean", "min", "all", "mine"):
      np.testing.assert_array_equal(alone[name], x[0])
    self.assertEqual(alone["size"], 2)


if __name__ == "__main__":
  absltest.main()
