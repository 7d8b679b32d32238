"""Networks of the user's own: any Flax modules, by import path."""

import os
import pathlib
import re

from absl.testing import absltest, parameterized
from flax import linen as nn
import jax
import numpy as np
import pytest

from fsr_jax import models
from fsr_jax.errors import InputError
from fsr_jax.run import commands, loop
from tests import shrunk


class Patches(nn.Module):
  """Image [B, H, W, channels] -> one token a patch of 2 x 2, [B, T, 16]."""

  @nn.compact
  def __call__(self, image, train):
    x = nn.Conv(16, (2, 2), 2, name="embed")(image)
    x = x.reshape(x.shape[0], -1, 16)
    shape = (1, *x.shape[1:])
    return x + self.param("position", nn.initializers.normal(0.02), shape)


class Attention(nn.Module):
  """Pre-norm self-attention and MLP: [B, T, F] -> the same."""

  @nn.compact
  def __call__(self, x, train):
    y = nn.LayerNorm()(x)
    x = x + nn.MultiHeadDotProductAttention(2, use_bias=False)(y)
    return x + nn.Dense(16)(nn.gelu(nn.Dense(32)(nn.LayerNorm()(x))))


class MeanToken(nn.Module):
  """[B, T, F] -> [B, F]; no parameters."""

  @nn.compact
  def __call__(self, x, train):
    return x.mean(axis=1)


def transformer():
  return (Patches(), Attention(), MeanToken())


def without_pooling():
  return (Patches(), Attention())


def one_module():
  return Patches()


def functions():
  return (lambda x, train: x,)


def nothing():
  return ()


def none():
  return None


def failing():
  raise KeyError("a\nb")


a_number = 3


class CustomNetworkTest(parameterized.TestCase):
  @pytest.mark.slow
  def test_transformer_is_trained_and_looked_ahead(self):
    c = shrunk.config(
      network=f"{__name__}:transformer",
      meta_blocks=2,
      num_epochs=1,
      warmup_epochs=0,
      data__max_examples=50,
      dictionary_size=40,
    )
    run = loop.Run(c, self.create_tempdir().full_path)
    before = run.programs.create_state().params
    # Embedding of 4 pixels and 16 positions; attention; two norms; MLP; head.
    self.assertEqual(
      run.num_parameters,
      (4 + 1 + 16) * 16
      + 4 * 16 * 16
      + 2 * 2 * 16
      + 17 * 32
      + 33 * 16
      + 17 * 10,
    )
    self.assertCountEqual(before["head"]["stack"], ["blocks_0"])
    run.train()
    after = run.programs.devices.get(run._state).params
    moved = jax.tree.map(lambda a, b: bool((a != b).all()), before, after)
    self.assertTrue(all(jax.tree.leaves(moved)), moved)

  def test_feature_vectors_instead_of_images(self):
    network = models.create("mlp", 3)
    params, stats = network.init(jax.random.key(0), (5,))
    x = jax.random.normal(jax.random.key(1), (4, 5))
    features, _ = network.features(params, stats, x, train=True)
    logits, _ = network.head(params["head"], stats, features, train=True)
    hidden = params["backbone"]["blocks_0"]["Dense_0"]
    linear = params["head"]["linear"]
    expected = np.maximum(x @ hidden["kernel"] + hidden["bias"], 0)
    expected = expected @ linear["kernel"] + linear["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)

  @parameterized.named_parameters(
    ("form", "a.b:", "expected package.module:function"),
    ("no_module", "nowhere.at_all:f", "No module named 'nowhere'.*PYTHONPATH"),
    ("no_attribute", f"{__name__}:f", f"module {__name__} has no function f"),
    ("no_function", f"{__name__}:a_number", "has no function a_number"),
    (
      "no_tuple",
      f"{__name__}:one_module",
      "returned Patches; expected a tuple of Flax modules",
    ),
    ("no_modules", f"{__name__}:functions", "expected a tuple of Flax"),
    (
      "no_pooling",
      f"{__name__}:without_pooling",
      r"last block returned \(1, 16, 16\); expected \[B, F\]",
    ),
    ("exits", "sys:exit", r"sys:exit failed \(SystemExit.*without arguments"),
    ("no_blocks", f"{__name__}:nothing", "returned no blocks; network=linear"),
    ("none", f"{__name__}:none", "returned NoneType; expected a tuple"),
    (
      "failing",
      f"{__name__}:failing",
      r"failed \(KeyError: 'a.*b' in test_custom_network.py, line \d+\)",
    ),
    (
      "module_that_exits",
      "tests.models.exits:f",
      r"cannot be imported \(SystemExit: 0 in exits.py, line 3\)",
    ),
    ("name", "resnt18", "resnet18.*, package.module:function"),
  )
  def test_one_clear_line_and_nothing_written(self, name, message):
    workdir = os.path.join(self.create_tempdir().full_path, "new")
    with self.assertRaisesRegex(InputError, message) as caught:
      commands.train(shrunk.config(network=name), workdir)
    self.assertNotIn("\n", str(caught.exception))
    self.assertFalse(os.path.exists(workdir))


class DocsTest(absltest.TestCase):
  def test_the_example_of_the_docs(self):
    page = pathlib.Path(__file__).parents[2] / "docs" / "networks.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names = {}
    exec(code, names)
    network = models.build(models.classifier(names["small"](), 3, 1))
    shapes = jax.eval_shape(
      lambda key: network.init(key, (16, 16, 3)), jax.random.key(0)
    )
    self.assertEqual(shapes[0]["head"]["linear"]["kernel"].shape, (64, 3))


if __name__ == "__main__":
  absltest.main()
