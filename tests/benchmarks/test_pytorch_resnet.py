"""PyTorch's side of the comparison: the same networks, a step that trains."""

import importlib.util
import json
import subprocess
import sys
import unittest

from absl.testing import absltest, parameterized
import jax
import numpy as np

from benchmarks import pytorch_resnet
from benchmarks.runner import ROOT
from fsr_jax import models
from fsr_jax.errors import InputError
from fsr_jax.models.pretrained import TORCHVISION, to_torch, without_cut

_HAS_TORCH = importlib.util.find_spec("torch") is not None
_SCRIPT = str(ROOT / "benchmarks" / "pytorch_resnet.py")


def flat(params, batch_stats) -> dict:
  """name -> array, by the names of `without_cut`."""
  leaves = [
    *jax.tree_util.tree_leaves_with_path(params),
    *jax.tree_util.tree_leaves_with_path(batch_stats),
  ]
  named = {
    ".".join(entry.key for entry in path): np.asarray(leaf)
    for path, leaf in leaves
  }
  short = without_cut(named)
  return {short[name]: array for name, array in named.items()}


class WithoutTorchTest(parameterized.TestCase):
  def test_rate_by_a_fake_clock(self):
    now, taken = [0.0], []

    def step(batch):
      taken.append(batch)
      # A slow first step, and one round in which the machine is busy.
      now[0] += 9.0 if len(taken) == 1 else 1.0 if len(taken) > 9 else 0.25

    with absltest.mock.patch.object(
      pytorch_resnet.time, "perf_counter", lambda: now[0]
    ):
      found = pytorch_resnet.rate(step, ["a", "b"], 4, lambda: None)
    # 5 steps to warm up, three rounds of 4: 1 s, 4 s and 4 s.
    self.assertLen(taken, 17)
    self.assertEqual(found, 1.0)
    self.assertEqual(taken[5:9], ["a", "b", "a", "b"])

  def test_no_torch_is_said(self):
    if _HAS_TORCH:
      self.skipTest("torch is installed")
    with self.assertRaisesRegex(InputError, "^torch is not installed"):
      pytorch_resnet.build("resnet32", 10)

  @parameterized.parameters(
    ("--ways=fast", "^unknown way 'fast'; choose one of: eager, torch"),
    ("--steps=0", "^--steps=0; expected above 0"),
  )
  def test_wrong_flags(self, flag, words):
    with self.assertRaisesRegex(InputError, words):
      pytorch_resnet.parsed([flag])


@unittest.skipUnless(_HAS_TORCH, "torch is not installed")
class TorchTest(parameterized.TestCase):
  @parameterized.parameters(*pytorch_resnet.NETWORKS)
  def test_as_many_parameters_as_ours(self, name):
    network = models.create(name, 10)
    params, _ = jax.eval_shape(
      lambda key: network.init(key, (32, 32, 3)), jax.random.key(0)
    )
    theirs = pytorch_resnet.build(name, 10).parameters()
    self.assertEqual(
      sum(leaf.size for leaf in jax.tree.leaves(params)),
      sum(parameter.numel() for parameter in theirs),
    )

  def test_resnet50_computes_what_ours_does(self):
    import torch

    network = models.create("resnet50", 10)
    params, stats = network.init(jax.random.key(0), (64, 64, 3))
    image = np.random.default_rng(0).normal(size=(2, 64, 64, 3))
    image = image.astype(np.float32)
    features, stats = network.features(params, stats, image, False)
    ours, stats = network.head(params["head"], stats, features, False)
    arrays = to_torch(flat(params, stats), TORCHVISION["resnet50"])
    theirs = pytorch_resnet.build("resnet50", 10).eval()
    theirs.load_state_dict({k: torch.tensor(x) for k, x in arrays.items()})
    with torch.no_grad():
      found = theirs(torch.tensor(image.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(found, ours, rtol=1e-3, atol=1e-3)

  def test_steps_lower_the_loss(self):
    import torch

    torch.manual_seed(0)
    model = pytorch_resnet.build("resnet8", 2).train()
    images = torch.zeros((8, 3, 8, 8), dtype=torch.uint8)
    images[::2] = 200
    labels = torch.arange(8) % 2
    step = pytorch_resnet.trainer(model, None, images, labels)
    losses = [float(step(torch.arange(8)).detach()) for _ in range(8)]
    self.assertLess(losses[-1], losses[0] / 4)

  def test_the_script(self):
    command = [sys.executable, _SCRIPT, "--network=resnet8", "--steps=1"]
    sizes = ["--batch_size=4", "--image_size=8"]
    result = subprocess.run(
      [*command, *sizes, "--ways=eager"],
      capture_output=True,
      text=True,
      check=False,
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    (line,) = map(json.loads, result.stdout.splitlines())
    self.assertGreater(line["images_per_second"], 0)
    self.assertIsNone(line["problem"])
    self.assertStartsWith(line["versions"], "torch ")


if __name__ == "__main__":
  absltest.main()
