"""Wrong input and damaged files: one clear line, nothing overwritten."""

import json
import os
import pathlib

from absl.testing import absltest, parameterized

from fsr_jax.config import validation
from fsr_jax.data import sources
from fsr_jax.errors import InputError
from fsr_jax.run import commands, loop
from tests import shrunk
from tests.run import workdirs

# Draws rewards from a dictionary of K.
EXACT = {"method": "fsr_exact"}


class RefusalTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("method", {"method": "fsrr"}, "unknown method 'fsrr'; .*fsr.*, plain"),
    ("dataset", {"data__dataset": "mnist"}, "unknown dataset.*cifar10"),
    ("pusher", {"pusher": "x"}, "unknown pusher.*negative_loss"),
    ("network", {"network": "x"}, "unknown network.*resnet32"),
    ("noise", {"data__noise": "x"}, "unknown data.noise.*uniform"),
    ("schedule", {"schedule": "x"}, "unknown schedule.*cosine_restarts"),
    ("rule", {"weight_rule": "x"}, "unknown weight_rule.*clip, shift"),
    (
      "q_above_k",
      {**EXACT, "reward_batch_size": 41},
      "41 is larger than dict.*40",
    ),
    (
      "k_above_n",
      {**EXACT, "dictionary_size": 201},
      "201 is larger than the 200",
    ),
    ("b_above_n", {"batch_size": 201}, "201 is larger than the 200"),
    ("too_many", {"data__max_examples": 1401}, "expected 1400 at most"),
    ("noise_ratio", {"data__noise_ratio": 1.1}, "expected a number in 0-1"),
    ("negative_noise", {"data__noise_ratio": -0.1}, "in 0-1"),
    ("ratio_of_none", {"data__noise": "none"}, "data.noise=none"),
    ("nan", {"learning_rate": float("nan")}, "learning_rate=nan"),
    ("crops", {"data__crop_padding": 8}, "of 8 x 8 pixels; expected below 8"),
    ("steps", {"num_epochs": 2 * 10**8}, "200000000 with 12 .* 178956970, as"),
    ("batch", {"batch_size": -1}, "batch_size=-1; .* above 0"),
    ("epochs", {"num_epochs": 0}, "num_epochs=0"),
    (
      "class_vanishes",
      {
        "data__max_examples": 12,
        "data__noise_ratio": 1.0,
        "batch_size": 2,
        "dictionary_size": 2,
        "reward_batch_size": 2,
      },
      "classes have no training example",
    ),
    ("devices", {"num_devices": 9}, "8 cpu"),
    (
      "decays",
      {"lr_decay_factors": (0.1,), "schedule": "step"},
      "and a factor for each",
    ),
    (
      "no_numbers",
      {"lr_decay_epochs": ("a", "b"), "schedule": "step"},
      "expected a whole number above 0, or several",
    ),
  )
  def test_one_clear_line_and_nothing_written(self, fields, message):
    workdir = os.path.join(self.create_tempdir().full_path, "new")
    with self.assertRaisesRegex(InputError, message) as caught:
      commands.train(shrunk.config(**fields), workdir)
    self.assertNotIn("\n", str(caught.exception))
    self.assertFalse(os.path.exists(workdir))

  def test_another_config_is_named_and_nothing_overwritten(self):
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(), workdir, stop_after_epochs=1)
    before = workdirs.contents(workdir)
    other = shrunk.config(learning_rate=0.2, momentum=0.8)
    with self.assertRaisesRegex(
      InputError,
      r"learning_rate 0.1 there, 0.2 now; momentum 0.9 there, 0.8 now",
    ):
      commands.train(other, workdir)
    for field in ({"data__noise_ratio": 0.1}, {"batch_size": 8}):
      with self.assertRaisesRegex(InputError, "choose another workdir$"):
        commands.train(
          shrunk.config(**field), workdir, allow_config_change=True
        )
    self.assertEqual(before, workdirs.contents(workdir))
    summary = commands.train(other, workdir, allow_config_change=True)
    self.assertIsNotNone(summary)
    kept = json.loads((pathlib.Path(workdir) / "config.0.json").read_text())
    self.assertEqual(kept["learning_rate"], 0.1)

  def test_checkpoint_of_another_network(self):
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(), workdir, stop_after_epochs=1)
    with self.assertRaisesRegex(
      InputError,
      "another network, method, data or version .* is absent there "
      r"and \(32,\) now",
    ):
      commands.train(
        shrunk.config(network="convnet", data__crop_padding=1),
        workdir,
        allow_config_change=True,
      )

  def test_field_of_no_config(self):
    with self.assertRaisesRegex(AttributeError, "num_epoch"):
      shrunk.config().num_epoch = 3
    c = shrunk.config().unlock()
    c.num_epoch = 3
    with self.assertRaisesRegex(InputError, "unknown or missing: num_epoch"):
      commands.train(c, self.create_tempdir().full_path)

  @parameterized.parameters("plain", "fsr")
  def test_the_dictionarys_sizes_are_ignored_without_one(self, method):
    options = shrunk.options(
      method=method, dictionary_size=5000, reward_batch_size=6000
    )
    validation.validate(options)
    data = sources.load(options.train.data, 0)
    validation.validate_against_data(options, data)

  def test_beyond_the_end(self):
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(), workdir, stop_after_epochs=2)
    shorter = shrunk.config(num_epochs=1, warmup_epochs=1)
    with self.assertRaisesRegex(InputError, "at step 24, beyond the 12"):
      commands.train(shorter, workdir, allow_config_change=True)

  def test_two_processes_in_one_workdir(self):
    workdir = self.create_tempdir().full_path
    run = loop.Run(shrunk.config(), workdir)
    with self.assertRaisesRegex(InputError, "another process trains"):
      loop.Run(shrunk.config(), workdir)
    run.workdir.unlock()

  @parameterized.parameters("[]", "null", "{", "")
  def test_damaged_config_file(self, text):
    workdir = pathlib.Path(self.create_tempdir())
    (workdir / "config.json").write_text(text)
    with self.assertRaisesRegex(InputError, "not the JSON of a config"):
      commands.train(shrunk.config(), str(workdir))
    self.assertEqual((workdir / "config.json").read_text(), text)

  def test_bucket(self):
    with self.assertRaisesRegex(InputError, "local or mounted"):
      commands.train(shrunk.config(), "gs://bucket/run")

  def test_workdir_with_foreign_checkpoints(self):
    workdir = pathlib.Path(self.create_tempdir())
    (workdir / "checkpoints").mkdir()
    with self.assertRaisesRegex(InputError, "no config.json"):
      commands.train(shrunk.config(), str(workdir))

  def test_workdir_that_is_a_file(self):
    with self.assertRaisesRegex(InputError, "is a file"):
      commands.train(shrunk.config(), self.create_tempfile().full_path)

  def test_evaluate_without_a_run(self):
    with self.assertRaisesRegex(InputError, "no run to evaluate"):
      commands.evaluate(self.create_tempdir().full_path)

  def test_flipped_bit_in_a_checkpoint_is_found(self):
    workdir = pathlib.Path(self.create_tempdir())
    commands.train(
      shrunk.config(keep_checkpoints=1), str(workdir), stop_after_epochs=1
    )
    data = max(
      (p for p in (workdir / "checkpoints").rglob("*") if p.is_file()),
      key=lambda p: p.stat().st_size,
    )
    blob = bytearray(data.read_bytes())
    blob[len(blob) // 2] ^= 1
    data.write_bytes(bytes(blob))
    with self.assertRaisesRegex(InputError, "move it away"):
      commands.train(shrunk.config(keep_checkpoints=1), str(workdir))


if __name__ == "__main__":
  absltest.main()
