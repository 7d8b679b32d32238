"""Sweeps: order, resuming, refusals, CSV, table, plots; nothing is trained."""

import contextlib
import csv
import importlib.util
import io
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import warnings

from absl.testing import absltest, parameterized
import numpy as np

from benchmarks import ablations, report, scales, sweep
from benchmarks import runner as runners
from fsr_jax import config as config_lib
from fsr_jax.errors import InputError
from fsr_jax.maths.pushers import PUSHERS
from fsr_jax.run import validate
from fsr_jax.run.workdir import Workdir

DIGITS = scales.SCALES["digits"]
CELLS = {
  "plain": {"method": "plain"},
  "tail/fsr": {"data.imbalance_ratio": 5.0},
}
EVERY = [(s, z) for s in ablations.SWEEPS for z in scales.SCALES]


class FakeRunner:
  """Does what main.py leaves behind; fails or is asked to leave as told."""

  def __init__(self, statuses=()):
    self.done = []
    self.statuses = dict(statuses)

  def __call__(self, job):
    self.done.append((job.cell, job.seed))
    status = self.statuses.get((job.cell, job.seed), 0)
    workdir = Workdir(str(job.workdir))
    workdir.write_config(scales.load(job.arguments))
    (job.workdir / "log.txt").write_text("a line\nerror: too hot\n\n")
    if status == 0:
      write_finished(job, len(self.done))
    return status


def write_finished(job, number):
  """summary.json and metrics.jsonl of a run that came to its end."""
  rng = np.random.default_rng(number)
  summary = {
    "test_top1": 0.9 + number / 100,
    "test_top1_ema": rng.uniform(0.8, 1),
    "dictionary_purity": None if "plain" in job.cell else rng.uniform(0.5, 1),
    "zero_weight_fraction_clean": 0.1,
    "zero_weight_fraction_wrong": 0.9,
    "seconds_per_step": 0.001,
    "method": job.config["method"],
    "seed": int(job.seed),
    "nested": {"left": "out"},
  }
  job.workdir.mkdir(parents=True, exist_ok=True)
  (job.workdir / "summary.json").write_text(json.dumps(summary))
  lines = [{"step": 5, "loss": 3.0}]  # An epoch cut short.
  for epoch in range(1, 5):
    lines.append({"step": 10 * epoch, "epoch": epoch, "train_loss": 1 / epoch})
    if epoch > 2:
      lines[-1]["lookahead_loss"] = 0.9 / epoch
  (job.workdir / "metrics.jsonl").write_text(
    "".join(json.dumps(line) + "\n" for line in lines)
  )


class Case(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    # ml_collections reads config files by a deprecated function.
    self.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", DeprecationWarning)
    self.out = pathlib.Path(self.create_tempdir())

  def plan(self, cells=None, seeds=("0", "1"), extra=()):
    return sweep.plan(cells or CELLS, DIGITS, seeds, list(extra), self.out)

  def work(self, jobs, runner, after=lambda: None):
    """(exit status, printed lines)."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
      status = sweep.work(jobs, runner, after)
    return status, printed.getvalue().splitlines()


class OrderTest(Case):
  def test_every_cell_of_one_seed_comes_before_the_next_seed(self):
    runner = FakeRunner()
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


class ResumeTest(Case):
  def test_what_is_finished_is_not_done_again(self):
    self.work(self.plan(), FakeRunner())
    runner = FakeRunner()
    status, printed = self.work(self.plan(seeds=("0", "1", "2")), runner)
    self.assertEqual(runner.done, [("plain", "2"), ("tail/fsr", "2")])
    self.assertEqual(status, 0)
    self.assertLen(printed, 2)

  def test_other_cells_and_seeds_that_are_finished_are_found(self):
    self.work(self.plan(), FakeRunner())

    def others(jobs, extra=()):
      found = sweep.finished_before(CELLS, DIGITS, jobs, list(extra), self.out)
      return [(job.cell, job.seed) for job in found]

    plain = self.plan({"plain": CELLS["plain"]}, seeds=("1", "2"))
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
    runner = FakeRunner({("tail/fsr", "0"): os.EX_TEMPFAIL})
    status, _ = self.work(self.plan(), runner)
    self.assertEqual(status, os.EX_TEMPFAIL)
    self.assertEqual(runner.done, [("plain", "0"), ("tail/fsr", "0")])
    runner = FakeRunner()
    self.assertEqual(self.work(self.plan(), runner)[0], 0)
    self.assertLen(runner.done, 3)

  def test_a_failed_run_is_named_and_the_others_are_done(self):
    status, printed = self.work(self.plan(), FakeRunner({("plain", "0"): 1}))
    self.assertEqual(status, 1)
    log = self.out / "plain" / "0" / "log.txt"
    self.assertEqual(
      printed[0], f"[1/4] plain seed 0: failed, {log}: error: too hot"
    )
    self.assertTrue((self.out / "tail/fsr/1/summary.json").exists())

  def test_another_config_is_refused_naming_the_fields(self):
    self.work(self.plan(), FakeRunner())
    runner = FakeRunner()
    jobs = self.plan(extra=["--config.num_epochs=3"])
    status, printed = self.work(jobs, runner)
    self.assertEqual((status, runner.done), (1, []))
    self.assertLen(printed, 4)
    self.assertRegex(
      printed[0],
      r"plain seed 0: refused: .*\(num_epochs 60 there, 3 now\); choose"
      " another --out$",
    )
    self.assertEmpty(report.rows([j for j in jobs if j.finished()], []))

  def test_fields_that_do_not_change_the_result_may_differ(self):
    self.work(self.plan(), FakeRunner())
    runner = FakeRunner()
    jobs = self.plan(extra=["--config.keep_checkpoints=9"])
    self.assertEqual(self.work(jobs, runner)[0], 0)
    self.assertEmpty(runner.done)

  def test_a_cell_that_is_wrong_does_not_stop_the_others(self):
    runner = FakeRunner()
    cells = {"bad": {"no_such_field": 1}, **CELLS}
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


class SignalTest(Case):
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


class ReportTest(Case):
  def test_csv(self):
    jobs, seen = self.plan(), []
    about = ablations.Sweep("", "", None, None, ("lookahead_loss",))
    fields = ["method", "data.imbalance_ratio"]

    def after():
      sweep.write(jobs, about, fields, self.out)
      with open(self.out / "results.csv", newline="") as file:
        seen.append(list(csv.reader(file)))

    self.work(jobs, FakeRunner(), after)
    self.assertEqual([len(rows) for rows in seen], [2, 3, 4, 5])
    header, first, second, *_ = seen[-1]
    self.assertEqual(
      header[:5],
      ["cell", "method", "data.imbalance_ratio", "seed", "test_top1"],
    )
    self.assertLen(set(header), len(header))
    self.assertNotIn("nested", header)
    self.assertEqual(first[:5], ["plain", "plain", "1.0", "0", "0.91"])
    self.assertEqual(second[:5], ["tail/fsr", "fsr_elr", "5.0", "0", "0.92"])
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
    self.assertEqual(report.spread([]), "–")


class SweepsTest(Case):
  @parameterized.parameters(*EVERY)
  def test_every_cell_is_a_valid_config_of_its_own(self, name, scale_name):
    scale, seen = scales.SCALES[scale_name], {}
    known = config_lib.flatten(config_lib.base().to_dict())
    cells = ablations.SWEEPS[name].cells(scale)
    self.assertNotEmpty(cells)
    for cell, fields in cells.items():
      with self.subTest(cell):
        self.assertLessEqual(fields.keys(), known.keys())
        config = scales.load(
          [*scale.arguments(), *scales.as_flags({**fields, "seed": 0})]
        )
        validate.validate_config(config)
        flat = config_lib.flatten(config.to_dict())
        # Read back by main.py as it is written here.
        for field, value in fields.items():
          self.assertEqual(flat[field], value)
          self.assertIs(type(flat[field]), type(value), field)
        self.assertNotIn(str(flat), seen, "the same as another cell")
        seen[str(flat)] = cell

  def test_what_the_sweeps_must_cover(self):
    paper = scales.SCALES["paper"]
    cells = {n: s.cells(paper) for n, s in ablations.SWEEPS.items()}
    settings = ablations.cells.settings(paper)
    self.assertEqual(
      list(cells["pushers"]),
      [
        f"{setting}/{pusher}{suffix}"
        for setting in settings
        for suffix in ("", "_raw")
        for pusher in PUSHERS
      ],
    )
    methods = {fields["method"] for fields in cells["methods"].values()}
    self.assertEqual(methods, set(config_lib.METHODS))
    self.assertIn(-1, [f["meta_blocks"] for f in cells["meta_depth"].values()])
    sizes = {name.split("/")[1] for name in cells["dictionary_size"]}
    for name in ("fsr", "fsr_raw", "l2r"):
      for size in sizes:
        self.assertIn(f"{name}/{size}", cells["dictionary_size"])

  def test_dictionary_sizes_are_compared_on_as_many_examples(self):
    sizes = set()
    for fields in ablations.SWEEPS["dictionary_size"].cells(DIGITS).values():
      config = scales.load([*DIGITS.arguments(), *scales.as_flags(fields)])
      _, data = validate.resolve_and_load(config)
      sizes.add(len(data.train))
    self.assertEqual(sizes, {DIGITS.fixed_size})

  @parameterized.parameters(*ablations.SWEEPS)
  def test_plot_of_a_tiny_csv(self, name):
    if importlib.util.find_spec("matplotlib") is None:
      self.skipTest("matplotlib is not installed")
    about = ablations.SWEEPS[name]
    # Two of the six settings of `methods` are enough.
    cells = dict(itertools.islice(about.cells(DIGITS).items(), 26))
    fields = list({f: None for c in cells.values() for f in c})
    jobs = self.plan(cells, seeds=("0", "1"))
    for number, job in enumerate(jobs):
      write_finished(job, number)
    sweep.write(jobs, about, fields, self.out)
    png = self.out / f"{name}.png"
    about.plot(self.out, png, about.about)
    self.assertEqual(png.read_bytes()[1:4], b"PNG")

  def test_without_matplotlib_the_csv_is_still_there(self):
    def plot(folder, png, title):
      raise ModuleNotFoundError("No module named 'matplotlib'")

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
      sweep.draw(
        ablations.Sweep("", "", None, plot), self.out / "a.png", "title"
      )
    self.assertIn("pip install matplotlib", printed.getvalue())


class CommandTest(parameterized.TestCase):
  @parameterized.parameters(
    (["--list"], 0, "pushers +every pusher.*Figure 5, right"),
    (["--sweep=pusher", "--out=x"], 1, "unknown sweep 'pusher'; choose"),
    (["--sweep=noise"], 1, "--out is missing"),
    (["--sweep=noise", "--out=x", "--seeds=a"], 1, "seed 'a'"),
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
