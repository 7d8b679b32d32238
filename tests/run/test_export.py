"""The documented ways to load an exported network, where we are not."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

from absl.testing import absltest
import jax
from jax import export as jax_export
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.models.pretrained import (
  TORCHVISION,
  fitting,
  from_torch_layout,
  torchvision_name,
)
from fsr_jax.run import commands
from fsr_jax.run.use import export
from fsr_jax.run.use.description import Description
from fsr_jax.run.use.model import Model
from fsr_jax.run.use.stages import stages
from tests.run import trained

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "export.md"
HAS_FLATBUFFERS = importlib.util.find_spec("flatbuffers") is not None
HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None
# A process in which these cannot be imported.
ALONE = """
import sys


class Refuse:
  def find_spec(self, name, path=None, target=None):
    if name.split(".")[0] in ("fsr_jax", "flax"):
      raise ImportError(f"{name} is refused")


sys.meta_path.insert(0, Refuse())
try:
  import fsr_jax
except ImportError:
  pass
else:
  sys.exit("fsr_jax is there")
"""


def snippet(words: str) -> str:
  """The Python of the page that has these words."""
  found = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
  (code,) = [code for code in found if words in code]
  return code


def random_model(network, shape, num_classes=4) -> Model:
  """A network of random arrays."""
  description = Description(
    class_names=tuple("abcd"),
    class_counts=(1,) * num_classes,
    image_shape=shape,
    resize=0,
    network=network,
    meta_blocks=0,
    compute_dtype="float32",
  )
  rng = np.random.default_rng(0)

  def draw(path, x):
    name = jax.tree_util.keystr(path)
    if any(part in name for part in ("kernel", "mean", "'bias'")):
      scale = 0.5 / max(1, np.prod(x.shape[:-1])) ** 0.5
      return rng.normal(0, scale, x.shape).astype(np.float32)
    return rng.uniform(0.5, 1.5, x.shape).astype(np.float32)

  template = {n: stage.template for n, stage in stages(description).items()}
  arrays = jax.tree_util.tree_map_with_path(draw, template)
  return Model(description, arrays)


class ExportTest(absltest.TestCase):
  def alone(self, code: str, folder: pathlib.Path, image) -> np.ndarray:
    """The probabilities that a snippet makes of images in a fresh process."""
    lines = [line for line in code.splitlines() if line.strip()]
    self.assertLessEqual(len(lines), 14)
    np.save(folder / "images.npy", image)
    code = code.replace("runs/mine/export", str(folder))
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    done = subprocess.run(
      [
        sys.executable,
        "-c",
        f"{ALONE}\n{code}\nnp.save('said.npy', probabilities)",
      ],
      cwd=folder,
      env=environment,
      capture_output=True,
      text=True,
      check=False,
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    return np.load(folder / "said.npy")

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir())

  @unittest.skipUnless(HAS_FLATBUFFERS, "flatbuffers is not installed")
  def test_the_program_alone(self):
    run = trained.run()
    path = commands.export(str(run.workdir), str(self.folder / "export"), "ema")
    self.assertCountEqual(
      os.listdir(path), ["model.stablehlo", "model.safetensors", "model.json"]
    )
    description = json.loads((path / "model.json").read_text())
    self.assertEqual(description["class_names"], [*trained.CLASSES])
    program = jax_export.deserialize((path / "model.stablehlo").read_bytes())
    self.assertContainsSubset(("cpu", "cuda", "tpu"), program.platforms)
    rng = np.random.default_rng(0)
    model = Model.load(str(run.workdir), "ema")
    for count in (1, 7):
      image = rng.integers(0, 256, (count, 8, 8, 3), np.uint8)
      said = self.alone(snippet("deserialize"), path, image)
      np.testing.assert_allclose(said, model.predict_proba(image), atol=1e-5)
    # The folder is a saved model.
    np.testing.assert_array_equal(
      Model.load(str(path)).predict_proba(image), model.predict_proba(image)
    )

  def test_the_arrays_alone(self):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 4, 4, 1), np.uint8)
    vectors = rng.normal(0, 99, (5, 6)).astype(np.float32)
    for image in (images, vectors):
      model = random_model("mlp", image.shape[1:])
      folder = self.folder / str(image.ndim)
      model.save(str(folder))
      expected = model.predict_proba(image)
      self.assertGreater(np.ptp(expected), 0.05)
      said = self.alone(snippet("Dense_0"), folder, image)
      np.testing.assert_allclose(said, expected, atol=1e-5)

  def test_names_and_layout_of_torchvision(self):
    """What reads torchvision's files reads ours back as they were."""
    model = random_model("resnet18_cifar", (8, 8, 3))
    plain = model.plain()
    arrays = export.to_torch(plain, TORCHVISION["resnet18_cifar"])
    self.assertLen(arrays, 122)  # torchvision's state_dict of a ResNet-18.
    self.assertEqual(arrays["fc.weight"].shape, (4, 512))
    self.assertEqual(
      arrays["layer2.0.downsample.0.weight"].shape, (128, 64, 1, 1)
    )
    self.assertEqual(arrays["bn1.num_batches_tracked"].dtype, np.int64)
    back = {
      name: from_torch_layout(array)
      for name, array in arrays.items()
      if not name.endswith("num_batches_tracked")
    }
    wanted = {
      torchvision_name(name, TORCHVISION["resnet18_cifar"]): array
      for name, array in plain.items()
      if "." in name
    }
    found = fitting(wanted, back, ("fc.weight", "fc.bias"), "")
    for name, array in wanted.items():
      np.testing.assert_array_equal(found[name], array)

  @unittest.skipUnless(HAS_FLATBUFFERS, "flatbuffers is not installed")
  @unittest.skipUnless(HAS_TORCHVISION, "torchvision is not installed")
  def test_the_same_in_torchvision(self):
    model = random_model("resnet18", (40, 40, 3))
    path = export.export(model, str(self.folder / "export"))
    image = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    said = self.alone(snippet("torchvision.models"), path, image)
    np.testing.assert_allclose(said, model.predict_proba(image), atol=1e-4)

  def test_without_flatbuffers_nothing_is_written(self):
    model = random_model("mlp", (4, 4, 1))
    path = self.folder / "export"
    with (
      unittest.mock.patch("importlib.util.find_spec", lambda name: None),
      self.assertRaisesRegex(InputError, "pip install flatbuffers"),
    ):
      export.export(model, str(path))
    self.assertFalse(path.exists())


if __name__ == "__main__":
  absltest.main()
