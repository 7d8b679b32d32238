"""A frozen backbone: pictures become features once, which are trained on."""

import os
import pathlib
import signal
from unittest import mock

from absl.testing import absltest, parameterized
import jax
import numpy as np
import safetensors.numpy

from configs import folder
from fsr_jax import models
from fsr_jax.config.validation import resolve_and_load
from fsr_jax.errors import InputError
from fsr_jax.models.pretrained import without_cut
from fsr_jax.run import commands
from fsr_jax.run.checkpoint import named
from fsr_jax.run.loop import Run
from fsr_jax.run.pretrained import extractors, feature_files, features
from fsr_jax.run.stop import Left
from fsr_jax.run.use.model import Model
from tests import shrunk
from tests.data.own import picture, tree

# Mean and standard deviation of the channels, as the weights have them.
MEAN, STD = 0.25, 0.5


def tiny_weights(path: pathlib.Path, seed: int = 0) -> pathlib.Path:
  """A file of the network "tiny", with the statistics that it expects."""
  params, stats = models.create("tiny", 3).init(jax.random.key(seed), (8, 8, 3))
  arrays = named({"params": params, "stats": stats})
  rest = {name: name.partition(".")[2] for name in arrays}
  short = without_cut(rest.values())
  rng = np.random.default_rng(seed)
  plain = {
    short[rest[n]]: rng.uniform(0.5, 1.5, x.shape).astype(np.float32)
    for n, x in arrays.items()
  }
  plain |= {"mean": np.full(3, MEAN, np.float32)}
  plain |= {"std": np.full(3, STD, np.float32)}
  safetensors.numpy.save_file(plain, path)
  return path


class FrozenTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.enterClassContext(shrunk.with_tiny_batch_norm())
    # Two files of features for the 18 training pictures, two calls a file.
    cls.enterClassContext(mock.patch.object(feature_files, "SHARD", 12))
    cls.enterClassContext(mock.patch.object(features, "_BATCH", 6))

  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    self.pictures = tree(self.root / "pictures", count=10)
    self.weights = tiny_weights(self.root / "w.safetensors")
    self.taken: list[int] = []
    images = features._images

    def counted(source, batches):
      self.taken += [i for index in batches for i in index.tolist()]
      return images(source, batches)

    self.enter_context(mock.patch.object(features, "_images", counted))

  def config(self, **fields):
    c = folder.get_config(str(self.pictures))
    c.update_from_flattened_dict(
      {
        "pretrained": str(self.weights),
        "frozen_backbone": True,
        "network": "tiny",
        "data.image_size": 8,
        "num_epochs": 4,
        "log_every_seconds": 0.0,
        **{name.replace("__", "."): x for name, x in fields.items()},
      }
    )
    return c

  def workdir(self, name="run"):
    return str(self.root / name)

  def new(self, name, **fields):
    """How many pictures a new run takes the features of."""
    self.taken.clear()
    run = Run(self.config(**fields), self.workdir(name))
    run.workdir.unlock()
    # The last batch of a file is filled up with pictures of it.
    return len(set(self.taken))

  def test_features_by_hand(self):
    """Of pictures of one brightness, with a kernel that sees one pixel."""
    arrays = safetensors.numpy.load_file(self.weights)
    kernel = np.zeros_like(arrays["blocks_0.Conv_0.kernel"])
    kernel[1, 1, 0] = 1, 2, 3, 4
    arrays["blocks_0.Conv_0.kernel"] = kernel
    safetensors.numpy.save_file(arrays, self.weights)
    run = Run(self.config(), self.workdir())
    run.workdir.unlock()
    scale, bias, mean, var = (
      arrays[f"blocks_0.BatchNorm_0.{name}"]
      for name in ("scale", "bias", "mean", "var")
    )
    for split, pictures in (
      (run.data.train, run.pictures.train),
      (run.data.test, run.pictures.test),
    ):
      level = pictures.decoded().image[:, 0, 0, :1] / 255
      x = (level - MEAN) / STD * kernel[1, 1, 0]
      x = x + arrays["blocks_0.Conv_0.bias"]
      expected = np.tanh((x - mean) / np.sqrt(var + 1e-5) * scale + bias)
      np.testing.assert_allclose(split.image, expected, rtol=1e-4, atol=1e-5)
      np.testing.assert_array_equal(split.filepath, pictures.filepath)
      np.testing.assert_array_equal(split.id, pictures.id)
    self.assertEqual(run.options.train.on_features.network.network, "mlp")
    note = run.notes[-1]
    self.assertRegex(note, "sees its 4 features of each picture of 8 x 8")
    self.assertRegex(note, r"of that file \(mean 0.25, .*; std 0.5, ")

  def test_several_devices(self):
    found = []
    for count in (1, 2):
      c = self.config(num_devices=count, batch_size=4)
      run = Run(c, self.workdir(str(count)))
      run.workdir.unlock()
      self.assertLen(run.programs.devices, count)
      found.append(run.data.train.image)
    np.testing.assert_allclose(*found, rtol=1e-6)
    half = len(self.taken) // 2
    self.assertEqual(self.taken[:half], self.taken[half:])

  def test_a_run_needs_its_weights_once(self):
    """It is continued, evaluated and used without them, bit for bit."""
    whole = commands.train(self.config(), self.workdir("whole"))
    path = self.workdir()
    commands.train(self.config(), path, stop_after_epochs=2)
    self.weights.unlink()
    self.taken.clear()
    summary = commands.train(self.config(), path)
    self.assertEqual(self.taken, [])
    for name in ("test_loss", "test_loss_ema", "test_top1"):
      self.assertEqual(summary[name], whole[name])
    scalars = commands.evaluate(path)
    self.assertEqual(scalars["test_loss"], summary["test_loss"])

    model = Model.load(path)
    _, _, data = resolve_and_load(self.config())
    p = model.predict_proba(data.test.image)
    loss = -np.log(p[np.arange(len(data.test)), data.test.label]).mean()
    self.assertAlmostEqual(float(loss), summary["test_loss"], places=4)
    model.save(self.workdir("saved"))
    again = Model.load(self.workdir("saved"))
    np.testing.assert_array_equal(again.predict_proba(data.test.image), p)
    table = commands.predict(path, str(self.pictures))
    self.assertLen(table.read_text().splitlines(), 21)
    elsewhere = tree(self.root / "others", count=3)
    found = commands.evaluate(path, input_path=str(elsewhere))
    self.assertBetween(found["test_top1"], 0, 1)

  def test_what_is_taken_again(self):
    cache = {"feature_cache": str(self.root / "cache")}
    self.assertEqual(self.new("a"), 18)
    self.assertEqual(self.new("b", **cache), 18)
    # Other labels, epochs, networks on the same pictures.
    other = {"data__noise": "uniform", "data__noise_ratio": 0.2, "seed": 3}
    self.assertEqual(
      self.new("c", feature_network="linear", **other, **cache), 0
    )
    # A test picture changes, then a training picture.
    _, _, data = resolve_and_load(self.config())
    picture(pathlib.Path(data.test.filepath[0]), 77)
    self.assertEqual(self.new("d", **cache), 2)
    os.utime(data.train.filepath[0], ns=(1, 1))
    self.assertEqual(self.new("e", **cache), 18)
    tiny_weights(self.weights, seed=1)
    self.assertEqual(self.new("f", **cache), 18)
    self.assertEqual(self.new("g", **cache, data__image_size=9), 18)
    self.assertEqual(self.new("g", **cache), 0)

  def test_interrupted(self):
    """What was whole is kept: the second file alone is made anew."""
    cache = {"feature_cache": str(self.root / "cache")}
    take = features.Features._take

    def broken(*arguments):
      batches = take(*arguments)
      yield from (next(batches) for _ in range(2))
      raise KeyboardInterrupt

    with (
      mock.patch.object(features.Features, "_take", broken),
      self.assertRaises(KeyboardInterrupt),
    ):
      Run(self.config(**cache), self.workdir())
    # The training pictures 12 to 17, and the two that are tested.
    self.assertEqual(self.new("a", **cache), 8)
    self.assertEqual(sorted(set(self.taken)), [0, 1, *range(12, 18)])

  def test_ctrl_c_loses_nothing(self):
    """Not even the first half of a file."""
    cache = {"feature_cache": str(self.root / "cache")}
    take = features.Features._take

    def interrupted(*arguments):
      for batch in take(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        yield batch

    before = signal.getsignal(signal.SIGINT)
    with (
      mock.patch.object(features.Features, "_take", interrupted),
      self.assertRaisesRegex(
        Left, "those of 6 pictures .* same command contin"
      ),
    ):
      Run(self.config(**cache), self.workdir())
    self.assertIs(signal.getsignal(signal.SIGINT), before)
    self.taken.clear()
    run = Run(self.config(**cache), self.workdir())
    run.workdir.unlock()
    self.assertEqual(sorted(set(self.taken)), [0, 1, *range(6, 18)])
    whole = Run(self.config(), self.workdir("whole"))
    whole.workdir.unlock()
    np.testing.assert_array_equal(run.data.train.image, whole.data.train.image)

  def test_damaged_features_are_made_anew(self):
    run = Run(self.config(num_epochs=1), self.workdir())
    run.workdir.unlock()
    expected = run.data.train.image
    (first,) = pathlib.Path(self.workdir()).glob("features/*/00000012.npz")
    blob = bytearray(first.read_bytes())
    blob[len(blob) // 2] ^= 1
    first.write_bytes(blob)
    self.taken.clear()
    again = Run(self.config(num_epochs=1), self.workdir())
    again.workdir.unlock()
    self.assertEqual(self.taken, list(range(12, 18)))
    np.testing.assert_array_equal(again.data.train.image, expected)

  @parameterized.parameters(
    ({"pretrained": None}, "pretrained is not set: .*docs/features.md"),
    ({"data__flip": True}, "cannot be cropped or mirrored; .*flip=False$"),
    ({"feature_network": "resnet9"}, "unknown network 'resnet9'"),
    ({"network": "linear"}, "nothing below its linear layer"),
    ({"network": "resnet8"}, "does not fit network=resnet8: .*missing"),
    ({"pretrained": "/nowhere"}, "neither a workdir with a checkpoint"),
  )
  def test_refusals(self, fields, message):
    with self.assertRaisesRegex(InputError, message):
      Run(self.config(**fields), self.workdir())
    self.assertFalse(os.path.exists(self.workdir()))

  def test_vectors_have_no_backbone(self):
    path = self.root / "a.npz"
    vectors = np.random.default_rng(0).normal(size=(40, 5))
    np.savez(path, image=vectors, label=np.arange(40) % 2)
    with self.assertRaisesRegex(InputError, "feature vectors already"):
      Run(self.config(data__path=str(path), data__image_size=0), self.workdir())

  def test_damaged_backbone(self):
    commands.train(self.config(num_epochs=1), self.workdir())
    path = pathlib.Path(self.workdir()) / extractors.NAME
    blob = path.read_bytes()
    for damaged in (blob[:-9], b"", blob.replace(b"tiny", b"tiny2")):
      path.write_bytes(damaged)
      with self.assertRaisesRegex(InputError, extractors.NAME):
        commands.evaluate(self.workdir())


if __name__ == "__main__":
  absltest.main()
