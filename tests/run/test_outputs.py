"""What a run writes and prints, and its evaluation."""

import collections
import json
import os
import pathlib

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.dataset import channel_statistics
from fsr_jax.run import commands
from fsr_jax.run.watch.scalars import tag
from fsr_jax.run.workdir import Workdir
from tests import shrunk
from tests.run import workdirs


class OutputsTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("fsr", {}),
    ("fsr_exact", {"method": "fsr_exact", "dictionary_share": 0.0}),
  )
  def test_files_of_a_finished_run(self, fields):
    workdir = pathlib.Path(self.create_tempdir())
    summary = commands.train(
      shrunk.config(keep_checkpoints=1, **fields), str(workdir)
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
        "skipped_steps",
        "train_balanced_accuracy",
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

    lines = Workdir(str(workdir)).read_metrics()
    self.assertEqual([line["epoch"] for line in lines], [1, 2])
    events = workdirs.event_scalars(workdir)
    for line in lines:
      step = line.pop("step")
      for name, value in line.items():
        if value is not None:
          self.assertAlmostEqual(events[step, tag(name)], value, places=5)

    samples = (workdir / "samples.csv").read_text().splitlines()
    self.assertLen(samples, 201)
    self.assertEqual(
      samples[0],
      "index,given_label,predicted_label,label_score,is_label_issue,confidence,"
      "weight,epochs_trusted,clean_label",
    )
    rows = [row.split(",") for row in samples[1:]]
    size = 40
    if not fields:  # The best fifth of every class.
      counts = collections.Counter(row[1] for row in rows)
      size = sum(count // 5 for count in counts.values())
    # One epoch after the warm-up; what the last epoch leaves is not used.
    self.assertEqual(sum(int(row[7]) for row in rows), size)
    self.assertAlmostEqual(summary["dictionary_coverage"], size / 200)

  @parameterized.parameters(True, False)
  def test_wrong_labels_lose_their_weight(self, label_scores):
    """In the paper's form, where a weight is of the present step alone."""
    workdir = self.create_tempdir().full_path
    c = shrunk.config(
      method="fsr_exact",
      data__max_examples=0,
      data__crop_padding=0,
      data__flip=False,
      num_epochs=30,
      warmup_epochs=5,
      batch_size=100,
      dictionary_size=200,
      reward_batch_size=100,
      eval_every_epochs=30,
      checkpoint_every_epochs=30,
      label_scores=label_scores,
    )
    summary = commands.train(c, workdir)
    self.assertGreaterEqual(summary["dictionary_purity"], 0.97)
    # 36 % of the labels are wrong.
    self.assertLess(summary["wrong_weight_share"], 0.18)
    if label_scores:  # Small weights in place of none.
      self.assertEqual(summary["zero_weight_fraction"], 0)
    else:
      self.assertGreater(
        summary["zero_weight_fraction_wrong"],
        summary["zero_weight_fraction_clean"] + 0.2,
      )

  def test_plain_has_no_purity(self):
    workdir = self.create_tempdir().full_path
    summary = commands.train(shrunk.config(method="plain"), workdir)
    self.assertAlmostEqual(summary["effective_batch"], 1.0, places=5)
    # 40 % uniform noise, every sample with the same weight.
    self.assertAlmostEqual(summary["wrong_weight_share"], 0.36, delta=0.02)
    self.assertIsNone(summary["dictionary_purity"])
    self.assertEqual(summary["zero_weight_fraction"], 0)
    self.assertEqual(summary["zero_batches"], 0)

  def test_evaluate_repeats_the_summary_and_changes_nothing(self):
    workdir = self.create_tempdir().full_path
    summary = commands.train(shrunk.config(), workdir)
    # A save in flight of a training run.
    flying = pathlib.Path(workdir) / "checkpoints/999.orbax-checkpoint-tmp"
    flying.mkdir()
    (flying / "half").write_text("a state")
    before = workdirs.contents(workdir)
    result = commands.evaluate(workdir)
    for key, value in result.items():
      # On all eight devices, where the run had one.
      self.assertAlmostEqual(value, summary[key], places=5)
    after = workdirs.contents(workdir)
    for name in ("per_class.csv", "confusion.csv"):
      again = after.pop(os.path.join(workdir, "evaluate", name))
      self.assertEqual(again, after[os.path.join(workdir, name)])
    self.assertEqual(before, after)

  def test_finished_run_is_not_trained_again(self):
    workdir = self.create_tempdir().full_path
    first = commands.train(shrunk.config(), workdir)
    again = commands.train(shrunk.config(), workdir)
    self.assertEqual(first, again)


class EvaluateTest(absltest.TestCase):
  def arrays(self, name: str, train: np.ndarray, rng_seed: int = 0) -> str:
    """A file with these training images and always the same test part."""
    rng = np.random.default_rng(rng_seed)
    path = pathlib.Path(self.create_tempdir()) / f"{name}.npz"
    label = np.arange(len(train)) % 4
    test_label = np.arange(40) % 4
    test = rng.integers(0, 60, (40, 6, 6)) + 40 * test_label[:, None, None]
    np.savez(
      path,
      image=train.astype(np.uint8),
      label=label,
      test_image=test.astype(np.uint8),
      test_label=test_label,
    )
    return str(path)

  def test_normalises_as_the_network_was_trained(self):
    """Whatever the training images are like where it is evaluated."""
    rng = np.random.default_rng(1)
    level = 40 * (np.arange(80) % 4)[:, None, None]
    noise = rng.integers(0, 60, (80, 6, 6))
    dark = self.arrays("dark", noise + level)
    bright = self.arrays("bright", 255 - noise // 4)
    means = [
      channel_statistics(np.load(path)["image"][..., None])[0]
      for path in (dark, bright)
    ]
    self.assertGreater(means[1] - means[0], 0.3)
    workdir = self.create_tempdir().full_path
    c = shrunk.config(
      data__dataset="arrays",
      data__path=dark,
      data__max_examples=0,
      data__noise="none",
      data__noise_ratio=0.0,
    )
    commands.train(c, workdir)
    before = commands.evaluate(workdir)
    self.assertBetween(before["test_top1"], 0.3, 1)
    self.assertEqual(commands.evaluate(workdir, path=bright), before)


if __name__ == "__main__":
  absltest.main()
