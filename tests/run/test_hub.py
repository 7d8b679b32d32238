"""Weights by the name of a model on the Hugging Face hub."""

import json
import os
import pathlib
import sys
import types
from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np
import safetensors.numpy

from fsr_jax import config as config_lib
from fsr_jax.config import places
from fsr_jax.errors import InputError
from fsr_jax.run.pretrained import hub, weights
from tests.run.test_pretrained import resnet18_file

NAME = "timm/resnet18.a1_in1k"


class Hub:
  """Stands in for huggingface_hub: files of one model, and a cache."""

  def __init__(self, cache, files, online=True):
    self.cache, self.files, self.online = pathlib.Path(cache), files, online
    self.asked: list[str] = []

  def hf_hub_download(self, repo_id, filename, local_files_only=False):
    path = self.cache / repo_id.replace("/", "--") / filename
    if path.exists():
      return str(path)
    if local_files_only:
      raise FileNotFoundError(filename)
    self.asked.append(filename)
    if not self.online:
      raise ConnectionError("no route to\nhost")
    if repo_id != NAME or filename not in self.files:
      raise LookupError(f"404: {repo_id}/{filename}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(self.files[filename])
    return str(path)


class HubTest(parameterized.TestCase):
  def hub(self, files, online=True):
    stand_in = Hub(self.create_tempdir().full_path, files, online)
    module = types.ModuleType("huggingface_hub")
    module.hf_hub_download = stand_in.hf_hub_download
    self.enter_context(
      mock.patch.dict(sys.modules, {"huggingface_hub": module})
    )
    return stand_in

  @parameterized.parameters(
    # As timm writes it now, as it did, and none.
    ({"pretrained_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}, 0.5, 0.25),
    ({"mean": [0.4] * 3, "std": [0.2] * 3, "num_classes": 9}, 0.4, 0.2),
    ({"pretrained_cfg": {"crop_pct": 0.9}}, 0.485, 0.229),
    (None, 0.485, 0.229),
  )
  def test_fetched_once_with_what_it_was_normalised_by(self, about, mean, std):
    files = {"model.safetensors": safetensors.numpy.save(resnet18_file(5))}
    if about is not None:
      files["config.json"] = json.dumps(about).encode()
    stand_in = self.hub(files)
    found = weights.read(NAME)
    self.assertTrue(found.torch)
    self.assertEqual(found.num_classes, 5)
    self.assertAlmostEqual(float(found.statistics.mean[0]), mean, places=6)
    self.assertAlmostEqual(float(found.statistics.std[0]), std, places=6)
    self.assertEqual(stand_in.asked, ["model.safetensors", "config.json"])
    # From now on without network.
    stand_in.online, stand_in.asked = False, []
    again = weights.read(NAME)
    np.testing.assert_array_equal(
      again.arrays["fc.bias"], found.arrays["fc.bias"]
    )
    self.assertNotIn("model.safetensors", stand_in.asked)

  def test_odd_statistics(self):
    about = json.dumps({"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.0, 0.5]})
    self.hub(
      {
        "model.safetensors": safetensors.numpy.save(resnet18_file(5)),
        "config.json": about.encode(),
      }
    )
    with self.assertRaisesRegex(InputError, "config.json: mean and std"):
      weights.read(NAME)

  def test_no_network(self):
    self.hub({}, online=False)
    with self.assertRaisesRegex(
      InputError,
      f"^pretrained={NAME} is no file or folder here and cannot be fetched from"
      r" the Hugging Face hub \(ConnectionError: no route to host\); without"
      " network download model.safetensors elsewhere",
    ):
      weights.read(NAME)

  def test_no_such_model(self):
    self.hub({})
    with self.assertRaisesRegex(InputError, "LookupError: 404: runs/old"):
      weights.read("runs/old")

  def test_without_the_package(self):
    self.enter_context(mock.patch.dict(sys.modules, {"huggingface_hub": None}))
    with self.assertRaisesRegex(InputError, "pip install huggingface_hub$"):
      hub.fetch(NAME)

  def test_what_is_a_name(self):
    """A file or folder that is there is meant; a name stays as it is."""
    folder = self.create_tempdir().full_path
    before = os.getcwd()
    os.chdir(folder)
    self.addCleanup(os.chdir, before)
    here = os.getcwd()
    c = config_lib.base()
    for value, expected in (
      (NAME, NAME),
      ("runs/a", "runs/a"),
      ("w.safetensors", f"{here}/w.safetensors"),
      ("a/w.safetensors", f"{here}/a/w.safetensors"),
      ("./runs/a", f"{here}/runs/a"),
      ("a/b/c", f"{here}/a/b/c"),
      ("runs", f"{here}/runs"),
    ):
      c.pretrained = value
      self.assertEqual(places.absolute(c).pretrained, expected)
    os.makedirs("runs/a")
    c.pretrained = "runs/a"
    self.assertEqual(places.absolute(c).pretrained, f"{here}/runs/a")


if __name__ == "__main__":
  absltest.main()
