"""Runs: resume bit for bit, outputs, evaluation, refusals."""

import contextlib
import io
import json
import os
import pathlib
import signal
from unittest import mock

from absl.testing import absltest, parameterized
import jax
import numpy as np
from tensorboardX.proto import event_pb2

from fsr_jax.data import sources
from fsr_jax.errors import InputError
from fsr_jax.run import commands, loop, report, validate
from fsr_jax.run import workdir as workdir_lib
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.step.engine import Engine
from fsr_jax.step.parallel import Devices
from tests import shrunk


def restored(workdir, config):
  """The newest checkpoint of a run."""
  c = shrunk.frozen(**config)
  engine = Engine(c, sources.load(c.data, c.seed), Devices(1))
  checkpoints = Checkpoints(pathlib.Path(workdir) / "checkpoints", 2)
  return checkpoints.restore(engine.create_state())


def contents(folder) -> dict[str, bytes]:
  """Every file below `folder`."""
  return {
    str(path): path.read_bytes()
    for path in pathlib.Path(folder).rglob("*")
    if path.is_file()
  }


def event_scalars(workdir) -> dict[tuple[int, str], float]:
  """{(step, name): value} of the TensorBoard events, read as the format
  has it: length, its CRC, the event, its CRC."""
  found = {}
  for path in sorted(pathlib.Path(workdir).glob("events.out.tfevents.*")):
    blob, at = path.read_bytes(), 0
    while at < len(blob):
      length = int.from_bytes(blob[at : at + 8], "little")
      event = event_pb2.Event.FromString(blob[at + 12 : at + 12 + length])
      at += 16 + length
      for value in event.summary.value:
        found[event.step, value.tag] = value.simple_value
  return found


class ResumeTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("fsr", {}),
    ("plain_with_batch_norm", {"method": "plain", "network": "tiny"}),
  )
  def test_two_and_two_epochs_are_four_bit_for_bit(self, fields):
    fields = {"num_epochs": 4, "warmup_epochs": 1, **fields}
    self.enter_context(shrunk.with_tiny_batch_norm())
    whole, parts = (self.create_tempdir().full_path for _ in range(2))
    summary = commands.train(shrunk.config(**fields), whole)
    left = commands.train(shrunk.config(**fields), parts, stop_after_epochs=2)
    self.assertIsNone(left)
    half = restored(parts, fields)
    self.assertEqual(2 * int(half.step), summary["steps"])
    again = commands.train(shrunk.config(**fields), parts)
    jax.tree.map(
      np.testing.assert_array_equal,
      restored(whole, fields),
      restored(parts, fields),
    )
    for key in ("test_top1", "test_top1_ema", "test_loss", "zero_batches"):
      self.assertEqual(summary[key], again[key])

  @parameterized.named_parameters(
    ("one_step_a_call", {}),
    ("five_steps_a_call", {"steps_per_call": 5}),
    ("two_devices", {"num_devices": 2}),
  )
  def test_signal_in_mid_epoch_saves_and_the_rest_is_bit_equal(self, fields):
    fields = {"num_epochs": 3, **fields}
    whole, parts = (self.create_tempdir().full_path for _ in range(2))
    commands.train(shrunk.config(**fields), whole)
    run = loop.Run(shrunk.config(**fields), parts)
    original, calls = run._progress.line, []

    def line(step, *args):
      calls.append(step)
      if calls.count(17) == 1 and step == 17:
        os.kill(os.getpid(), signal.SIGTERM)
      original(step, *args)

    run._progress.line = line
    self.assertIsNone(run.train())
    self.assertEqual(run.step, 17)
    self.assertNotEqual(17 % run.engine.steps_per_epoch, 0)
    commands.train(shrunk.config(**fields), parts)
    jax.tree.map(
      np.testing.assert_array_equal,
      restored(whole, fields),
      restored(parts, fields),
    )

  def test_signal_between_epochs_saves(self):
    workdir = self.create_tempdir().full_path
    fields = {"num_epochs": 3, "checkpoint_every_epochs": 100}
    run = loop.Run(shrunk.config(**fields), workdir)
    original = run._progress.update

    def update(scalars):
      os.kill(os.getpid(), signal.SIGTERM)
      original(scalars)

    run._progress.update = update
    self.assertIsNone(run.train())
    self.assertEqual(int(restored(workdir, fields).step), 12)

  def test_full_disk_while_the_config_is_replaced_loses_nothing(self):
    workdir = pathlib.Path(self.create_tempdir())
    commands.train(shrunk.config(), str(workdir), stop_after_epochs=1)
    before = (workdir / "config.json").read_text()
    full = mock.patch.object(
      workdir_lib, "_write", side_effect=OSError(28, "No space left")
    )
    with full, self.assertRaises(OSError):
      commands.train(shrunk.config(keep_checkpoints=1), str(workdir))
    self.assertEqual((workdir / "config.json").read_text(), before)
    self.assertIsNotNone(commands.train(shrunk.config(), str(workdir)))

  def test_what_a_killed_run_logged_too_far_is_logged_once(self):
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(num_epochs=3), workdir, stop_after_epochs=1)
    path = pathlib.Path(workdir) / "metrics.jsonl"
    with open(path, "a", encoding="utf-8") as file:
      file.write('{"step": 24, "loss": 1.0}\n{"step": 3')
    commands.train(shrunk.config(num_epochs=3), workdir)
    steps = [json.loads(line)["step"] for line in path.open()]
    self.assertEqual(steps, [12, 24, 36])

  def test_another_number_of_devices_may_continue(self):
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(), workdir, stop_after_epochs=1)
    summary = commands.train(shrunk.config(num_devices=2), workdir)
    self.assertEqual(summary["device"], "2 x cpu")
    whole = self.create_tempdir().full_path
    expected = commands.train(shrunk.config(), whole)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5),
      restored(workdir, {}),
      restored(whole, {}),
    )
    self.assertAlmostEqual(summary["test_top1"], expected["test_top1"])


class OutputsTest(absltest.TestCase):
  def test_files_of_a_finished_run(self):
    workdir = pathlib.Path(self.create_tempdir())
    summary = commands.train(
      shrunk.config(keep_checkpoints=1, dictionary_share=0.0), str(workdir)
    )
    stored = json.loads((workdir / "summary.json").read_text())
    self.assertEqual(summary, stored)
    self.assertContainsSubset(
      [
        "test_top1",
        "test_top1_ema",
        "test_top5",
        "dictionary_purity",
        "dictionary_coverage",
        "dictionary_coverage_min",
        "zero_weight_fraction",
        "zero_weight_fraction_clean",
        "zero_weight_fraction_wrong",
        "zero_batches",
        "wrong_weight_share",
        "effective_batch",
        "reward_loss",
        "seconds_per_step",
        "examples_per_second",
        "epochs",
        "seed",
        "device",
        "versions",
      ],
      summary,
    )
    self.assertEqual(summary["epochs"], 2)
    config = json.loads((workdir / "config.json").read_text())
    self.assertEqual(config["data"]["noise_ratio"], 0.4)
    self.assertTrue(config["mixup"])  # resolved, not None
    steps = [p.name for p in (workdir / "checkpoints").iterdir()]
    self.assertEqual(steps, ["24"])

    lines = [json.loads(x) for x in (workdir / "metrics.jsonl").open()]
    self.assertEqual([line["epoch"] for line in lines], [1, 2])
    events = event_scalars(workdir)
    for line in lines:
      step = line.pop("step")
      for name, value in line.items():
        if value is not None:
          self.assertAlmostEqual(events[step, name], value, places=5)

    samples = (workdir / "samples.csv").read_text().splitlines()
    self.assertLen(samples, 201)
    self.assertEqual(
      samples[0],
      "index,label,visits,score,weight,in_dictionary,trusted_epochs,"
      "suggested_label,confidence",
    )
    rows = [row.split(",") for row in samples[1:]]
    self.assertEqual(sum(int(row[5]) for row in rows), 40)
    # One epoch after the warm-up; what the last epoch leaves is not used.
    self.assertEqual(sum(int(row[6]) for row in rows), 40)
    self.assertAlmostEqual(summary["dictionary_coverage"], 40 / 200)

  def test_plain_has_no_purity(self):
    workdir = self.create_tempdir().full_path
    summary = commands.train(shrunk.config(method="plain"), workdir)
    self.assertAlmostEqual(summary["effective_batch"], 1.0, places=5)
    # 40 % uniform noise, every sample with the same weight.
    self.assertAlmostEqual(summary["wrong_weight_share"], 0.36, delta=0.02)
    self.assertIsNone(summary["dictionary_purity"])
    self.assertEqual(summary["zero_weight_fraction"], 0)
    self.assertEqual(summary["zero_batches"], 0)

  def test_evaluate_repeats_the_summary_and_writes_nothing(self):
    workdir = self.create_tempdir().full_path
    summary = commands.train(shrunk.config(), workdir)
    # A save in flight of a training run.
    flying = pathlib.Path(workdir) / "checkpoints/999.orbax-checkpoint-tmp"
    flying.mkdir()
    (flying / "half").write_text("a state")
    before = contents(workdir)
    result = commands.evaluate(workdir)
    for key, value in result.items():
      # On all eight devices, where the run had one.
      self.assertAlmostEqual(value, summary[key], places=5)
    self.assertEqual(before, contents(workdir))

  def test_finished_run_is_not_trained_again(self):
    workdir = self.create_tempdir().full_path
    first = commands.train(shrunk.config(), workdir)
    again = commands.train(shrunk.config(), workdir)
    self.assertEqual(first, again)


class ProgressTest(absltest.TestCase):
  def test_time_left_is_not_judged_by_compilation(self):
    c = shrunk.frozen(num_epochs=10, warmup_epochs=3)
    scalars = {"loss": 1.0, "train_top1": 0.5, "train_zero_weights": 0.0}
    out = io.StringIO()
    # (seconds, step): compiling takes 20 s, a step one; epochs have ten steps.
    times = [(21, 1), (30, 10), (70, 31), (79, 40), (139, 100)]
    with (
      mock.patch.object(report.time, "monotonic") as clock,
      contextlib.redirect_stdout(out),
    ):
      clock.return_value = 0
      progress = report.Progress(c, steps_per_epoch=10)
      for clock.return_value, step in times:
        progress.line(step, (step - 1) // 10, scalars)
    left = [
      line.split("  ")[-1] if line.endswith("left") else ""
      for line in out.getvalue().splitlines()
    ]
    self.assertEqual(left, ["", "1 min 30 s left", "", "1 min 00 s left", ""])


class RefusalTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("method", {"method": "fsrr"}, "unknown method 'fsrr'; .*fsr.*, plain"),
    ("dataset", {"data__dataset": "mnist"}, "unknown dataset.*cifar10"),
    ("pusher", {"pusher": "x"}, "unknown pusher.*negative_loss"),
    ("network", {"network": "x"}, "unknown network.*resnet32"),
    ("noise", {"data__noise": "x"}, "unknown noise.*uniform"),
    ("schedule", {"schedule": "x"}, "unknown schedule.*cosine_restarts"),
    ("rule", {"weight_rule": "x"}, "unknown weight_rule.*clip, shift"),
    ("q_above_k", {"reward_batch_size": 41}, "41 is larger than dict.*40"),
    ("k_above_n", {"dictionary_size": 201}, "201 is larger than the 200"),
    ("b_above_n", {"batch_size": 201}, "201 is larger than the 200"),
    ("too_many", {"data__max_examples": 1401}, "expected 1400 at most"),
    ("noise_ratio", {"data__noise_ratio": 1.1}, "expected a number in 0-1"),
    ("negative_noise", {"data__noise_ratio": -0.1}, "in 0-1"),
    ("ratio_of_none", {"data__noise": "none"}, "data.noise=none"),
    ("nan", {"learning_rate": float("nan")}, "learning_rate=nan"),
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
      "a factor in 0-1 for each",
    ),
    (
      "no_numbers",
      {"lr_decay_epochs": ("a", "b"), "schedule": "step"},
      "expected increasing epochs",
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
    before = contents(workdir)
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
    self.assertEqual(before, contents(workdir))
    summary = commands.train(other, workdir, allow_config_change=True)
    self.assertIsNotNone(summary)
    kept = json.loads((pathlib.Path(workdir) / "config.0.json").read_text())
    self.assertEqual(kept["learning_rate"], 0.1)

  def test_checkpoint_of_another_network(self):
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(), workdir, stop_after_epochs=1)
    with self.assertRaisesRegex(
      InputError,
      "another network, method or data: .* is absent there "
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

  def test_plain_ignores_the_dictionarys_sizes(self):
    c = shrunk.frozen(
      method="plain", dictionary_size=5000, reward_batch_size=6000
    )
    validate.validate_config(c)
    validate.validate_against_data(c, sources.load(c.data, 0))

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

  def test_non_finite_loss_names_the_step_and_keeps_the_checkpoint(self):
    workdir = self.create_tempdir().full_path
    fields = {"num_epochs": 3, "data__max_examples": 100}
    commands.train(shrunk.config(**fields), workdir, stop_after_epochs=1)
    before = contents(os.path.join(workdir, "checkpoints"))
    # The first update overflows; loss and gradient before it are finite.
    broken = shrunk.config(**fields, learning_rate=1e38, weight_decay=100.0)
    with self.assertRaisesRegex(InputError, r"NaN at step (6|7)\b"):
      commands.train(broken, workdir, allow_config_change=True)
    self.assertEqual(before, contents(os.path.join(workdir, "checkpoints")))

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
