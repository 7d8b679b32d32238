"""A trained network is used without its training data."""

import dataclasses
import json
import pathlib

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.run.use import description as descriptions
from fsr_jax.run.use import prior as priors
from fsr_jax.run.use.inputs import load
from fsr_jax.run.use.model import ARRAYS, Model
from fsr_jax.run.use.stages import compiled, plain_names
from tests import shrunk
from tests.run import trained


class ModelTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.run_ = trained.run()
    cls.model = Model.load(str(cls.run_.workdir))
    cls.split, _ = load(
      str(cls.run_.pictures), cls.model.description, "raise", labelled=True
    )
    cls.image, _ = cls.split.image.read(np.arange(len(cls.split)))

  def folder(self) -> pathlib.Path:
    return pathlib.Path(self.create_tempdir()) / "model"

  def test_says_what_the_run_measured(self):
    for parameters, suffix in (("last", ""), ("ema", "_ema")):
      model = Model.load(str(self.run_.workdir), parameters)
      p = model.predict_proba(self.split.image)
      self.assertEqual(p.dtype, np.float32)
      np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
      right = p[np.arange(9), self.split.label]
      summary = self.run_.summary
      self.assertAlmostEqual(
        -np.log(right).mean(), summary[f"test_loss{suffix}"], places=4
      )
      top1 = (p.argmax(1) == self.split.label).mean()
      self.assertAlmostEqual(top1, summary[f"test_top1{suffix}"], places=6)

  def test_the_description(self):
    description = self.model.description
    self.assertEqual(description.class_names, trained.CLASSES)
    self.assertEqual(description.class_counts, (12, 8, 4))
    self.assertEqual(description.image_shape, (8, 8, 3))
    self.assertEqual(description.resize, 8)

  def test_batches_and_padding_change_nothing_and_few_programs_do(self):
    expected = self.model.predict_proba(self.image)
    # 4, 2, 1 (9 = 4 + 4 + 1 and so on) and, of all nine, 16.
    before = compiled(self.model.description)._cache_size()
    for size in (1, 2, 3, 4):
      found = self.model.predict_proba(self.image, batch_size=size)
      np.testing.assert_allclose(found, expected, atol=1e-5)
    after = compiled(self.model.description)._cache_size()
    self.assertLessEqual(after - before, 4)
    self.model.predict_proba(self.split.image, batch_size=4)
    self.assertEqual(compiled(self.model.description)._cache_size(), after)
    self.assertEqual(self.model.predict_proba(self.image[:0]).shape, (0, 3))

  def test_saved_and_loaded(self):
    folder = self.folder()
    expected = self.model.predict_proba(self.image)
    for _ in range(2):  # Over itself too.
      self.model.save(str(folder))
      self.assertEqual(
        sorted(file.name for file in folder.iterdir()),
        ["model.json", "model.safetensors"],
      )
      again = Model.load(str(folder))
      self.assertEqual(again.description, self.model.description)
      np.testing.assert_array_equal(again.predict_proba(self.image), expected)
    self.assertContainsSubset(
      ["blocks_0.Conv_0.kernel", "linear.bias", "mean", "std"], again.plain()
    )
    with self.assertRaisesRegex(InputError, "one set of them; choose when"):
      Model.load(str(folder), "ema")

  def test_the_cut_into_backbone_and_head_leaves_no_trace(self):
    description = self.model.description
    for network, count in (("mlp", 6), ("resnet8", 39)):
      names = [
        plain_names(
          dataclasses.replace(description, network=network, meta_blocks=blocks)
        )
        for blocks in (0, 1, -1)
      ]
      self.assertLen(set(names[0].values()), count)
      for found in names[1:]:
        self.assertNotEqual(found.keys(), names[0].keys())
        self.assertCountEqual(found.values(), names[0].values())

  def test_nothing_else_is_overwritten(self):
    with self.assertRaisesRegex(InputError, "is the workdir of a run"):
      self.model.save(str(self.run_.workdir))
    for name in (descriptions.NAME, ARRAYS):
      folder = self.folder()
      folder.mkdir()
      (folder / name).write_text("{}")
      with self.assertRaisesRegex(InputError, f"a file {name} that is of no"):
        self.model.save(str(folder))
      self.assertEqual((folder / name).read_text(), "{}")
      self.assertLen(list(folder.iterdir()), 1)

  @parameterized.parameters(
    (lambda x: x / 255, r"float64 \[9, 8, 8, 3\]; expected uint8"),
    (lambda x: x[:, :7], r"uint8 \[9, 7, 8, 3\]; expected uint8.*\[n, 8, 8, 3"),
    (lambda x: x[0], r"uint8 \[8, 8, 3\]"),
    (lambda x: [], r"float64 \[0\]"),
  )
  def test_inputs_that_do_not_fit(self, change, message):
    with self.assertRaisesRegex(InputError, message):
      self.model.predict_proba(change(self.image))

  def test_prior(self):
    p = self.model.predict_proba(self.image)
    np.testing.assert_array_equal(
      p, self.model.predict_proba(self.image, prior=None)
    )
    # 12, 8 and 4 training labels: 1/12 : 1/8 : 1/4 = 2 : 3 : 6.
    expected = p * [2, 3, 6]
    np.testing.assert_allclose(
      self.model.predict_proba(self.image, prior=np.ones(3)),
      expected / expected.sum(1, keepdims=True),
      rtol=1e-4,
    )
    for prior in ([1, 1], [0, 0, 0], [1, -1, 1], [np.nan, 1, 1]):
      with self.assertRaisesRegex(InputError, "expected a share of each of"):
        self.model.predict_proba(self.image, prior=np.array(prior))

  def test_prior_of_a_network_trained_with_logit_adjustment(self):
    """12, 8 and 4 to the power of 1 - 1: it is for equal classes already."""
    adjusted = dataclasses.replace(self.model.description, logit_adjustment=1.0)
    model = Model(adjusted, self.model.arrays)
    p = model.predict_proba(self.image)
    np.testing.assert_allclose(
      model.predict_proba(self.image, prior=np.ones(3)), p, rtol=1e-4
    )
    train = priors.read("train", adjusted)
    np.testing.assert_allclose(train, [1 / 2, 1 / 3, 1 / 6])
    expected = p * train
    np.testing.assert_allclose(
      model.predict_proba(self.image, prior=train),
      expected / expected.sum(1, keepdims=True),
      rtol=1e-4,
    )
    self.assertIsNone(priors.read("train", self.model.description))

  def test_a_description_of_an_earlier_version(self):
    folder = pathlib.Path(self.create_tempdir())
    descriptions.write(folder, self.model.description)
    content = json.loads((folder / descriptions.NAME).read_text())
    self.assertEqual(content.pop("logit_adjustment"), 0.0)
    (folder / descriptions.NAME).write_text(json.dumps(content))
    self.assertEqual(descriptions.read(folder), self.model.description)

  def test_runs_of_old_and_no_runs(self):
    workdir = self.create_tempdir().full_path
    with self.assertRaisesRegex(InputError, "neither a run .* nor a saved"):
      Model.load(workdir)
    self.run_.copy(workdir)
    (pathlib.Path(workdir) / descriptions.NAME).unlink()
    with self.assertRaisesRegex(
      InputError, "no model.json: .* earlier version"
    ):
      Model.load(workdir)

  @parameterized.parameters(
    ("{", "cannot read .*model.json"),
    ("[]", "not of the form 'fsr_jax model 1'"),
    ({"class_names": ["a"]}, "do not fit together"),
    ({"image_shape": [8.0, 8, 3]}, "image_shape is missing or is none"),
    (
      {"network": "resnet20"},
      "model.safetensors does not fit network=resnet20",
    ),
    ({"network": "resnet9"}, "unknown network"),
  )
  def test_damaged_descriptions(self, change, message):
    folder = self.folder()
    self.model.save(str(folder))
    file = folder / descriptions.NAME
    if isinstance(change, dict):
      change = json.dumps({**json.loads(file.read_text()), **change})
    file.write_text(change)
    with self.assertRaisesRegex(InputError, message):
      Model.load(str(folder))

  def test_damaged_arrays(self):
    folder = self.folder()
    self.model.save(str(folder))
    blob = (folder / ARRAYS).read_bytes()
    for damaged in (b"", blob[:-1], blob[:100]):
      (folder / ARRAYS).write_bytes(damaged)
      with self.assertRaisesRegex(
        InputError, "cannot read .*model.safetensors"
      ):
        Model.load(str(folder))


class VectorsTest(absltest.TestCase):
  def test_vectors_and_gray_images(self):
    rng = np.random.default_rng(0)
    for shape, network in (((5,), "mlp"), ((4, 4, 1), "mlp")):
      data = shrunk.random_data(shape=shape)
      if len(shape) == 1:
        data = data.each(
          lambda name, split: type(split)(
            split.image.astype(np.float32), split.label
          )
        )
      options = shrunk.options(
        network=network, method="plain", data__flip=False, data__crop_padding=0
      )
      programs = shrunk.Programs(options.train, data, shrunk.Devices(1), 0)
      model = Model.of(options.train, data, programs.create_state())
      self.assertEqual(model.description.resize, 0)
      if len(shape) == 1:
        x = rng.normal(size=(3, 5))  # float64, as NumPy makes it
        p = model.predict_proba(x)
        np.testing.assert_array_equal(p, model.predict_proba(np.float32(x)))
        x[1, 2] = np.inf
        with self.assertRaisesRegex(InputError, "vector 1 has values that are"):
          model.predict_proba(x)
      else:
        np.testing.assert_array_equal(
          model.predict_proba(data.test.image),
          model.predict_proba(data.test.image[..., 0]),
        )


if __name__ == "__main__":
  absltest.main()
