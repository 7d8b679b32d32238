"""Sweeps: order, resuming, refusals, CSV, table; nothing is trained."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time

from absl.testing import absltest, parameterized

from benchmarks import ablations, report, sweep, tables
from benchmarks import runner as runners
from fsr_jax.errors import InputError
from tests.benchmarks import fake


class OrderTest(fake.Case):
  def test_every_cell_of_one_seed_comes_before_the_next_seed(self):
    runner = fake.FakeRunner()
    status, _ = self.work(self.plan(), runner)
    self.assertEqual(status, 0)
    self.assertEqual(
      runner.done,
      [("plain", "0"), ("tail/fsr", "0"), ("plain", "1"), ("tail/fsr", "1")],
    )
    self.assertTrue((self.out / "tail" / "fsr" / "1").is_dir())

  def test_the_cells_win_over_the_scale_and_all_runs_get_the_rest(self):
    job = self.plan(extra=["--config.num_epochs=3"])[-1]
    self.assertEqual(job.config["num_epochs"], 3)
    self.assertEqual(job.config["data.imbalance_ratio"], 5)
    self.assertEqual(job.config["data.dataset"], "digits")
    self.assertEqual(job.config["seed"], 1)
    command = " ".join(job.arguments)
    self.assertIn("--config.num_epochs=3", command)
    self.assertEqual(command.count("num_epochs"), 1)

  def test_cells_by_name_and_pattern(self):
    names = {"a/x": {}, "a/y": {}, "b/x": {}}
    chosen = sweep.chosen_cells(names, ["*/x", "a/y"])
    self.assertEqual(list(chosen), ["a/x", "a/y", "b/x"])
    with self.assertRaisesRegex(InputError, "no cell 'c'; choose .*a/x, a/y"):
      sweep.chosen_cells(names, ["a/x", "c"])


class ResumeTest(fake.Case):
  def test_what_is_finished_is_not_done_again(self):
    self.work(self.plan(), fake.FakeRunner())
    runner = fake.FakeRunner()
    status, printed = self.work(self.plan(seeds=("0", "1", "2")), runner)
    self.assertEqual(runner.done, [("plain", "2"), ("tail/fsr", "2")])
    self.assertEqual(status, 0)
    self.assertLen(printed, 2)

  def test_other_cells_and_seeds_that_are_finished_are_found(self):
    self.work(self.plan(), fake.FakeRunner())

    def others(jobs, extra=()):
      found = sweep.finished_before(
        fake.CELLS, fake.DIGITS, jobs, list(extra), self.out
      )
      return [(job.cell, job.seed) for job in found]

    plain = self.plan({"plain": fake.CELLS["plain"]}, seeds=("1", "2"))
    self.assertEqual(
      others(plain), [("plain", "0"), ("tail/fsr", "0"), ("tail/fsr", "1")]
    )
    self.assertEmpty(others(self.plan()))
    # They are of another config.
    self.assertEmpty(others(plain, ["--config.num_epochs=3"]))
    # Theirs is set by the cell.
    self.assertEqual(
      others(plain, ["--config.data.imbalance_ratio=1.0"]), [("plain", "0")]
    )

  def test_asked_to_leave_it_stops_and_can_be_continued(self):
    runner = fake.FakeRunner({("tail/fsr", "0"): os.EX_TEMPFAIL})
    status, _ = self.work(self.plan(), runner)
    self.assertEqual(status, os.EX_TEMPFAIL)
    self.assertEqual(runner.done, [("plain", "0"), ("tail/fsr", "0")])
    runner = fake.FakeRunner()
    self.assertEqual(self.work(self.plan(), runner)[0], 0)
    self.assertLen(runner.done, 3)

  def test_a_failed_run_is_named_and_the_others_are_done(self):
    status, printed = self.work(
      self.plan(), fake.FakeRunner({("plain", "0"): 1})
    )
    self.assertEqual(status, 1)
    log = self.out / "plain" / "0" / "log.txt"
    self.assertEqual(
      printed[0], f"[1/4] plain seed 0: failed, {log}: error: too hot"
    )
    self.assertTrue((self.out / "tail/fsr/1/summary.json").exists())

  def test_another_config_is_refused_naming_the_fields(self):
    self.work(self.plan(), fake.FakeRunner())
    runner = fake.FakeRunner()
    jobs = self.plan(extra=["--config.num_epochs=3"])
    status, printed = self.work(jobs, runner)
    self.assertEqual((status, runner.done), (1, []))
    self.assertLen(printed, 4)
    self.assertRegex(
      printed[0],
      r"plain seed 0: refused: .*\(num_epochs 60 there, 3 now; warmup_epochs 10"
      r" there, 1 now\); choose another --out$",
    )
    self.assertEmpty(report.rows([j for j in jobs if j.finished()], []))

  def test_fields_that_do_not_change_the_result_may_differ(self):
    self.work(self.plan(), fake.FakeRunner())
    runner = fake.FakeRunner()
    jobs = self.plan(extra=["--config.keep_checkpoints=9"])
    self.assertEqual(self.work(jobs, runner)[0], 0)
    self.assertEmpty(runner.done)

  def test_a_cell_that_is_wrong_does_not_stop_the_others(self):
    runner = fake.FakeRunner()
    cells = {"bad": {"no_such_field": 1}, **fake.CELLS}
    status, printed = self.work(self.plan(cells, seeds=("0",)), runner)
    self.assertEqual(status, 1)
    self.assertRegex(printed[0], "bad seed 0: refused: .*'no_such_field'")
    self.assertLen(runner.done, 2)

  @parameterized.parameters(
    ("--config.method=plain", "method: set by the cells"),
    ("--config.seed=3", "seed: set by the cells"),
    ("--config.num_epoch=3", "no field 'num_epoch'"),
    ("--config.num_epochs=many", "many"),
    ("--config=configs/quickstart.py", "expected --config.FIELD=VALUE"),
    ("runs", "expected --config.FIELD=VALUE"),
  )
  def test_wrong_arguments_are_refused_at_once(self, argument, message):
    with self.assertRaisesRegex(InputError, message):
      self.plan(extra=[argument])


class SignalTest(fake.Case):
  def test_sigterm_reaches_the_run_once_and_ends_the_sweep(self):
    main_py = self.out / "main.py"
    main_py.write_text(
      "import pathlib, signal, sys, time\n"
      "def leave(*unused):\n"
      "  print('saved', flush=True)\n"
      "  sys.exit(75)\n"
      "signal.signal(signal.SIGTERM, leave)\n"
      f"pathlib.Path({str(self.out)!r}, 'ready').touch()\n"
      "time.sleep(30)\n"
    )
    self.enter_context(absltest.mock.patch.object(runners, "ROOT", self.out))

    def ask():
      while not (self.out / "ready").exists():
        time.sleep(0.01)
      os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    with runners.Runner(self.out / "compiled") as runner:
      jobs = self.plan()
      status, printed = self.work(jobs, runner)
    thread.join()
    self.assertEqual(status, os.EX_TEMPFAIL)
    self.assertLen(printed, 1)
    self.assertEqual((jobs[0].workdir / "log.txt").read_text(), "saved\n")
    self.assertFalse(jobs[1].workdir.exists())
    self.assertEqual(signal.getsignal(signal.SIGTERM), before)


class ReportTest(fake.Case):
  def test_csv(self):
    jobs, seen = self.plan(), []
    about = ablations.Sweep("", "", None, None, ("lookahead_loss",))
    fields = ["method", "data.imbalance_ratio"]

    def after():
      sweep.write(jobs, about, fields, self.out)
      with open(self.out / "results.csv", newline="") as file:
        seen.append(list(csv.reader(file)))

    self.work(jobs, fake.FakeRunner(), after)
    self.assertEqual([len(rows) for rows in seen], [2, 3, 4, 5])
    header, first, second, *_ = seen[-1]
    self.assertEqual(
      header[:5],
      ["cell", "method", "data.imbalance_ratio", "seed", "test_top1"],
    )
    self.assertLen(set(header), len(header))
    self.assertNotIn("nested", header)
    self.assertEqual(first[:5], ["plain", "plain", "1.0", "0", "0.91"])
    self.assertEqual(second[:5], ["tail/fsr", "fsr", "5.0", "0", "0.92"])
    self.assertEqual(first[header.index("dictionary_purity")], "")
    with open(self.out / "curves.csv", newline="") as file:
      curves = list(csv.DictReader(file))
    self.assertLen(curves, 4 * 4)
    self.assertEqual(list(curves[0].values()), ["plain", "0", "1", ""])
    self.assertAlmostEqual(float(curves[2]["lookahead_loss"]), 0.3)

  def test_table_by_hand(self):
    rows = [
      {"cell": "a", "test_top1": 0.8, "dictionary_purity": None},
      {"cell": "b", "test_top1": 0.5, "dictionary_purity": 1.0},
      {"cell": "a", "test_top1": 0.9, "dictionary_purity": 1.0},
    ]
    self.assertEqual(
      report.markdown(rows).splitlines(),
      [
        "| cell | seeds | test_top1 | dictionary_purity |",
        "|---|---|---|---|",
        # The deviation of a sample: sqrt(2 * 0.05**2 / 1).
        "| a | 2 | 0.8500 ± 0.0707 | – |",
        "| b | 1 | 0.5000 | 1.0000 |",
      ],
    )
    self.assertEqual(tables.spread([]), "–")


class CommandTest(parameterized.TestCase):
  @parameterized.parameters(
    (["--list"], 0, "pushers +every pusher.*Figure 5, right"),
    (["--sweep=pusher", "--out=x"], 1, "unknown sweep 'pusher'; choose"),
    (["--sweep=noise"], 1, "--out is missing"),
    (["--sweep=noise", "--out=x", "--scale=big"], 1, "unknown scale 'big'"),
    (["--sweep=noise", "--out=x", "--seeds=a"], 1, "seed 'a'"),
    (
      ["--sweep=noise", "--out=x", "--scale=features"],
      1,
      "^error: --data is missing",
    ),
  )
  def test_flags(self, arguments, status, words):
    result = subprocess.run(
      [sys.executable, str(sweep.ROOT / "benchmarks" / "sweep.py"), *arguments],
      cwd=self.create_tempdir(),
      capture_output=True,
      text=True,
      check=False,
    )
    self.assertEqual(result.returncode, status, result.stderr)
    self.assertRegex(result.stdout + result.stderr, words)


if __name__ == "__main__":
  absltest.main()
