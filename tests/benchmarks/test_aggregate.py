"""Means over workdirs that exist; nothing is trained."""

import csv
import subprocess
import sys

from absl.testing import absltest

from benchmarks import aggregate, sweep
from tests.benchmarks import fake

CELLS = {
  "plain": {"method": "plain"},
  "plain_mixup": {"method": "plain", "mixup": True},
  "tail/c": {"data.imbalance_ratio": 5.0},
}


class AggregateTest(fake.Case):
  """Runs in out/CELL/SEED, with accuracies of 0.91, 0.92, 0.93, ..."""

  def setUp(self):
    super().setUp()
    self.work(self.plan(CELLS, seeds=("0", "3")), fake.FakeRunner())

  def found(self, *places):
    runs, problems, empty = aggregate.collect(map(str, places or [self.out]))
    groups, twice = aggregate.grouped(runs)
    return aggregate.named(groups), problems + twice, empty

  def test_groups_and_means_by_hand(self):
    groups, problems, empty = self.found()
    self.assertEqual((problems, empty), ([], 0))
    names = [
      "method=plain data.imbalance_ratio=1.0",
      "method=plain data.imbalance_ratio=1.0 mixup=True",
      "method=fsr data.imbalance_ratio=5.0",
    ]
    self.assertEqual([*groups], names)
    first, second, third = aggregate.means(groups)
    # Runs 1 and 4; the deviation of a sample: 0.03 / sqrt(2).
    self.assertAlmostEqual(first["test_top1"], 0.925)
    self.assertAlmostEqual(first["test_top1_sd"], 0.0212132)
    self.assertEqual((first["n"], first["seeds"]), (2, "0 3"))
    self.assertNotIn("dictionary_purity", first)
    self.assertTrue(second["mixup"])
    self.assertIn("dictionary_purity_sd", third)

  def test_what_does_not_change_a_result_does_not_part_a_group(self):
    jobs = self.plan(
      {"other": CELLS["plain"]}, ("1",), ["--config.keep_checkpoints=9"]
    )
    self.work(jobs, fake.FakeRunner())
    groups, *_ = self.found()
    self.assertLen(groups, 3)
    name = "method=plain data.imbalance_ratio=1.0"
    self.assertEqual([run.seed for run in groups[name]], [0, 1, 3])

  def test_one_config_is_named_by_its_method(self):
    groups, *_ = self.found(self.out / "plain", self.out / "plain" / "0")
    self.assertEqual([*groups], ["method=plain"])
    self.assertLen(groups["method=plain"], 2)

  def test_what_is_left_out_is_said_in_a_line_each(self):
    (self.out / "plain" / "0" / "summary.json").unlink()
    (self.out / "plain" / "3" / "summary.json").write_text("{")
    (self.out / "plain_mixup" / "0" / "config.json").write_text("[]")
    (self.out / "plain_mixup" / "3" / "config.json").unlink()
    self.work(self.plan({"copy": CELLS["tail/c"]}, "0"), fake.FakeRunner())
    (self.out / "empty").mkdir()
    groups, problems, empty = self.found(
      self.out, self.out / "empty", self.out / "nowhere"
    )
    self.assertLen(groups, 1)
    self.assertEqual(empty, 2)
    for line, words in zip(
      problems,
      [
        r"plain/0 has no summary.json: its run has not finished$",
        r"plain/3/summary.json is damaged",
        r"plain_mixup/0/config.json is not the JSON of a config",
        r"plain_mixup/3 has metrics.jsonl but no config.json",
        r"empty has no run in it: no config.json is there$",
        r"there is no directory .*nowhere$",
        r"tail/c/0 has the config and the seed of .*copy/0$",
      ],
      strict=True,
    ):
      self.assertRegex(line, "^left out: .*" + words)

  def test_command(self):
    def run(*arguments):
      return subprocess.run(
        [sys.executable, "-m", "benchmarks.aggregate", *arguments],
        cwd=sweep.ROOT,
        capture_output=True,
        text=True,
        check=False,
      )

    means, runs = self.out / "means.csv", self.out / "runs.csv"
    done = run(
      str(self.out), "--columns=test_top1", f"--csv={means}", f"--runs={runs}"
    )
    self.assertEqual((done.returncode, done.stderr), (0, ""))
    self.assertEqual(
      done.stdout.splitlines()[:3],
      [
        "| cell | seeds | test_top1 |",
        "|---|---|---|",
        "| method=plain data.imbalance_ratio=1.0 | 2 | 0.9250 ± 0.0212 |",
      ],
    )
    with open(means, newline="") as file:
      rows = [*csv.DictReader(file)]
    self.assertEqual([row["method"] for row in rows], ["plain", "plain", "fsr"])
    with open(runs, newline="") as file:
      rows = [*csv.DictReader(file)]
    self.assertLen(rows, 6)
    self.assertEqual(rows[0]["workdir"], str(self.out / "plain" / "0"))
    done = run(str(self.out / "nowhere"))
    self.assertEqual(done.returncode, 1)
    self.assertRegex(
      done.stderr, "no directory .*\nerror: there is no finished"
    )
    self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
  absltest.main()
