"""Weights of PyTorch's files: names, layout, what does not fit."""

import importlib.util
import json
import os
import unittest

from absl.testing import absltest, parameterized
import jax
import numpy as np
import safetensors.numpy

from fsr_jax import models
from fsr_jax.errors import InputError
from fsr_jax.models import pretrained as names_lib
from fsr_jax.models.options import NetworkOptions
from fsr_jax.run.pretrained import start as pretrained
from tests import shrunk
from tests.run.blank import blank_state

HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None
if HAS_TORCHVISION:
  import torch
  import torchvision


def resnet18_file(num_classes, stem=3, seed=0) -> dict[str, np.ndarray]:
  """Random arrays with the names and shapes of torchvision's ResNet-18."""
  shapes = {"conv1.weight": (64, 3, stem, stem)}
  norms = {"bn1": 64}
  before = 64
  for stage, width in enumerate((64, 128, 256, 512), start=1):
    for block in range(2):
      name = f"layer{stage}.{block}."
      shapes[name + "conv1.weight"] = (width, before, 3, 3)
      shapes[name + "conv2.weight"] = (width, width, 3, 3)
      norms |= {name + "bn1": width, name + "bn2": width}
      if before != width:
        shapes[name + "downsample.0.weight"] = (width, before, 1, 1)
        norms[name + "downsample.1"] = width
      before = width
  shapes |= {"fc.weight": (num_classes, 512), "fc.bias": (num_classes,)}
  for name, width in norms.items():
    for array in ("weight", "bias", "running_mean", "running_var"):
      shapes[f"{name}.{array}"] = (width,)
  rng = np.random.default_rng(seed)
  arrays = {
    # Positive, as variances must be; small, to stay finite.
    name: rng.uniform(0.01, 0.1, shape).astype(np.float32)
    for name, shape in shapes.items()
  }
  counts = {f"{name}.num_batches_tracked": np.array(7) for name in norms}
  return arrays | counts


def numpy_conv(x, weight):
  """torch.nn.functional.conv2d by its definition, 3 x 3, padding 1.

  x [C, H, W], weight [O, C, 3, 3] -> [O, H, W].
  """
  _, height, width = x.shape
  padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
  out = np.zeros((len(weight), height, width))
  for o in range(len(weight)):
    for i in range(height):
      for j in range(width):
        window = padded[:, i : i + 3, j : j + 3]
        out[o, i, j] = np.sum(window * weight[o])
  return out


class NamesTest(parameterized.TestCase):
  def test_the_cut_leaves_no_trace(self):
    # Block 1 of 4 has no arrays (a pooling); 12 sorts after 2.
    low = [f"backbone.blocks_{i}.conv.kernel" for i in (12, 0, 2)]
    high = ["head.stack.blocks_1.bn.mean", "head.stack.blocks_0.w"]
    found = names_lib.without_cut([*low, *high, "head.linear.bias"])
    self.assertEqual(
      found,
      {
        "backbone.blocks_0.conv.kernel": "blocks_0.conv.kernel",
        "backbone.blocks_2.conv.kernel": "blocks_1.conv.kernel",
        "backbone.blocks_12.conv.kernel": "blocks_2.conv.kernel",
        "head.stack.blocks_0.w": "blocks_3.w",
        "head.stack.blocks_1.bn.mean": "blocks_4.bn.mean",
        "head.linear.bias": "linear.bias",
      },
    )

  @parameterized.parameters(
    ("blocks_0.conv1.kernel", "conv1.weight"),
    ("blocks_0.bn1.var", "bn1.running_var"),
    ("blocks_1.bn2.scale", "layer1.0.bn2.weight"),
    ("blocks_3.conv1.kernel", "layer1.2.conv1.weight"),
    ("blocks_4.shortcut.kernel", "layer2.0.downsample.0.weight"),
    ("blocks_4.shortcut_bn.mean", "layer2.0.downsample.1.running_mean"),
    ("blocks_16.blocks_0.bn3.bias", "layer4.2.bn3.bias"),
    ("linear.kernel", "fc.weight"),
    ("linear.bias", "fc.bias"),
  )
  def test_torchvision_names(self, ours, theirs):
    self.assertEqual(names_lib.torchvision_name(ours, (3, 4, 6, 3)), theirs)

  @parameterized.parameters(
    # Entries of torchvision's state_dict without num_batches_tracked: 20,
    # 36, 53 convolutions, as many batch norms of four arrays, fc.
    ("resnet18", 0, 20 * 5 + 2),
    ("resnet34", 3, 36 * 5 + 2),
    ("resnet50", -1, 53 * 5 + 2),
  )
  def test_every_array_has_a_name_of_its_own(self, name, meta_blocks, count):
    state = blank_state(name, 4, meta_blocks=meta_blocks, method="plain")
    fields = ("params.", "batch_stats.")
    ours = names_lib.without_field_and_cut(
      n for n in pretrained.named(state) if n.startswith(fields)
    )
    stages = names_lib.TORCHVISION[name]
    theirs = {names_lib.torchvision_name(x, stages) for x in ours.values()}
    self.assertLen(theirs, count)


class FileTest(parameterized.TestCase):
  def start(self, arrays, network="resnet18_cifar", num_classes=4, **fields):
    path = os.path.join(self.create_tempdir().full_path, "w.safetensors")
    safetensors.numpy.save_file(arrays, path)
    options = shrunk.options(network=network, pretrained=path, **fields)
    state = blank_state(network, num_classes, **fields)
    return state, *pretrained.start(options.train.network, state)

  def test_computes_what_pytorch_defines(self):
    arrays = resnet18_file(4)
    _, state, notes = self.start(arrays)
    self.assertEqual(notes, [])
    x = np.random.default_rng(1).normal(size=(3, 5, 6)).astype(np.float32)
    stem = models.blocks_of("resnet18_cifar")[0]
    variables = {
      "params": state.params["backbone"]["blocks_0"],
      "batch_stats": state.batch_stats["backbone"]["blocks_0"],
    }
    y = stem.apply(variables, x.transpose(1, 2, 0)[None], train=False)[0]
    weight, bias, mean, var = (
      arrays[f"bn1.{name}"][:, None, None]
      for name in ("weight", "bias", "running_mean", "running_var")
    )
    expected = numpy_conv(x, arrays["conv1.weight"])
    expected = (expected - mean) / np.sqrt(var + 1e-5) * weight + bias
    np.testing.assert_allclose(
      np.asarray(y).transpose(2, 0, 1),
      np.maximum(expected, 0),
      rtol=1e-4,
      atol=1e-5,
    )
    network = models.create("resnet18_cifar", 4)
    h = np.random.default_rng(2).normal(size=(2, 512)).astype(np.float32)
    logits, _ = network.head(state.params["head"], {}, h, train=False)
    np.testing.assert_allclose(
      logits,
      h @ arrays["fc.weight"].T + arrays["fc.bias"],
      rtol=1e-4,
      atol=1e-4,
    )

  def test_all_four_start_there_and_nothing_else_moves(self):
    arrays = resnet18_file(4)
    before, state, _ = self.start(arrays, meta_blocks=1)
    block = state.params["head"]["stack"]["blocks_0"]["blocks_0"]
    kernel = arrays["layer4.1.conv2.weight"]
    self.assertEqual(
      block["conv2"]["kernel"][2, 0, 17, 300], kernel[300, 17, 2, 0]
    )
    for params, ema in (
      (state.params, state.ema_params),
      (state.batch_stats, state.ema_batch_stats),
    ):
      jax.tree.map(np.testing.assert_array_equal, params, ema)
      for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(ema)):
        self.assertTrue(a.all())
        self.assertFalse(np.shares_memory(a, b))
    empty = dict.fromkeys(
      ("params", "ema_params", "batch_stats", "ema_batch_stats")
    )
    jax.tree.map(
      np.testing.assert_array_equal,
      state.replace(**empty),
      before.replace(**empty),
    )

  def test_other_classes_leave_the_linear_layer(self):
    _, state, notes = self.start(resnet18_file(1000))
    self.assertLen(notes, 1)
    self.assertRegex(notes[0], "has 1000 classes, these data have 4: .*random")
    self.assertFalse(state.params["head"]["linear"]["kernel"].any())
    self.assertTrue(
      all(leaf.all() for leaf in jax.tree.leaves(state.params["backbone"]))
    )

  @parameterized.parameters(np.float16, jax.numpy.bfloat16)
  def test_half_precision(self, dtype):
    arrays = resnet18_file(4)
    half = {k: v.astype(dtype) for k, v in arrays.items()}
    _, state, _ = self.start(half)
    kernel = state.params["head"]["linear"]["kernel"]
    self.assertEqual(kernel.dtype, np.float32)
    self.assertEqual(kernel[3, 2], half["fc.weight"][2, 3])

  @parameterized.named_parameters(
    (
      "missing",
      {"bn1.weight": None, "layer2.0.downsample.0.weight": None},
      r"2 missing \(bn1.weight, layer2.0.downsample.0.weight\)$",
    ),
    (
      "no_linear",
      {"fc.weight": None, "fc.bias": None},
      r"2 missing \(fc.bias, fc.weight\)$",
    ),
    (
      "unused",
      {f"layer5.{i}": np.zeros(1) for i in range(4)},
      r"4 unused \(layer5.0, layer5.1, layer5.2\)$",
    ),
    (
      "stem",
      {"conv1.weight": np.zeros((64, 3, 7, 7))},
      r"1 of another shape \(conv1.weight \(7, 7, 3, 64\), here"
      r" \(3, 3, 3, 64\)\)$",
    ),
    (
      "bias_alone",
      {"fc.bias": np.zeros(5)},
      r"1 of another shape \(fc.bias \(5,\), here \(4,\)\)$",
    ),
    (
      "features",
      {"fc.weight": np.zeros((5, 511)), "fc.bias": np.zeros(5)},
      r"2 of another shape",
    ),
    (
      "both",
      {"bn1.bias": None, "more": np.zeros(1)},
      r"1 missing \(bn1.bias\); 1 unused \(more\)$",
    ),
  )
  def test_what_does_not_fit_is_named(self, changes, message):
    arrays = resnet18_file(4) | changes
    arrays = {k: v for k, v in arrays.items() if v is not None}
    with self.assertRaisesRegex(
      InputError, f"does not fit network=resnet18_cifar: {message}"
    ) as caught:
      self.start(arrays)
    self.assertNotIn("\n", str(caught.exception))

  @parameterized.parameters(
    ("F8_E4M3", 1), ("F8_E5M2", 1), ("I8", 1), ("BOOL", 1), ("C64", 8)
  )
  def test_types_that_hold_no_weights(self, kind, size):
    arrays = resnet18_file(4)
    del arrays["bn1.weight"]
    path = os.path.join(self.create_tempdir().full_path, "a.safetensors")
    blob = safetensors.numpy.save(arrays)
    length = int.from_bytes(blob[:8], "little")
    header, data = json.loads(blob[8 : 8 + length]), blob[8 + length :]
    end = len(data) + 64 * size
    header["bn1.weight"] = {
      "dtype": kind,
      "shape": [64],
      "data_offsets": [len(data), end],
    }
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
      file.write(len(text).to_bytes(8, "little") + text)
      file.write(data + bytes(64 * size))
    options = NetworkOptions(network="resnet18_cifar", pretrained=path)
    # safetensors 0.6 does not know C64.
    with self.assertRaisesRegex(
      InputError,
      rf"^pretrained={path}: array bn1.weight is of type {kind}; expected one"
      rf" of F64, F32, F16, BF16$|^cannot read .*unknown variant `{kind}`",
    ):
      pretrained.start(options, blank_state("resnet18_cifar", 4))

  @parameterized.parameters(
    (np.float32, np.nan), (np.float32, np.inf), (np.float64, 1e300)
  )
  def test_values_that_are_no_numbers(self, dtype, value):
    arrays = resnet18_file(4)
    arrays["layer1.0.bn1.bias"] = np.full(64, value, dtype)
    with self.assertRaisesRegex(
      InputError, "array layer1.0.bn1.bias has values that are infinite or no"
    ):
      self.start(arrays)

  def test_cut_and_mutated_files(self):
    folder = self.create_tempdir().full_path
    path = os.path.join(folder, "a.safetensors")
    arrays = {"fc.weight": np.ones((3, 2), np.float32), "fc.bias": np.ones(3)}
    blob, rng = safetensors.numpy.save(arrays), np.random.default_rng(0)
    options = NetworkOptions(network="resnet18_cifar", pretrained=path)
    state = blank_state("resnet18_cifar", 4)
    for i in range(150):
      damaged = np.frombuffer(blob, np.uint8).copy()
      damaged[rng.integers(0, len(blob), 2)] = rng.integers(0, 256, 2)
      end = len(blob) if i % 2 else rng.integers(0, len(blob))
      with open(path, "wb") as file:
        file.write(damaged.tobytes()[:end])
      with self.assertRaises(InputError) as caught:
        pretrained.start(options, state)
      self.assertNotIn("\n", str(caught.exception))

  @unittest.skipUnless(HAS_TORCHVISION, "torchvision is not installed")
  @parameterized.parameters("resnet18", "resnet34", "resnet50")
  def test_same_logits_as_torchvision(self, name):
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(num_classes=6)
    with torch.no_grad():
      for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
          module.weight.uniform_(0.5, 1.5)
          module.bias.normal_(0, 0.2)
          module.running_mean.normal_(0, 0.2)
          module.running_var.uniform_(0.5, 2)
    model.eval()
    arrays = {k: v.numpy() for k, v in model.state_dict().items()}
    _, state, _ = self.start(arrays, name, num_classes=6)
    # An odd size, where the side that is padded shows.
    image = np.random.default_rng(0).normal(size=(2, 3, 75, 64))
    image = image.astype(np.float32)
    with torch.no_grad():
      expected = model(torch.from_numpy(image)).numpy()
    network = models.create(name, 6)

    @jax.jit
    def forward(state, image):
      features, _ = network.features(
        state.params, state.batch_stats, image, train=False
      )
      return network.head(
        state.params["head"], state.batch_stats, features, train=False
      )[0]

    logits = forward(state, image.transpose(0, 2, 3, 1))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
      logits / scale, expected / scale, rtol=0, atol=1e-4
    )


if __name__ == "__main__":
  absltest.main()
