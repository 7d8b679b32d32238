"""Sweeps whose runs are not trained."""

import contextlib
import io
import json
import pathlib
import warnings

from absl.testing import parameterized
import numpy as np

from benchmarks import scales, sweep
from fsr_jax.run.workdir import Workdir

DIGITS = scales.SCALES["digits"]
CELLS = {
  "plain": {"method": "plain"},
  "tail/fsr": {"data.imbalance_ratio": 5.0},
}


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
