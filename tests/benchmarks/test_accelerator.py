"""The script for accelerators: what it counts, chooses, keeps and tells."""

import contextlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import pytest

from benchmarks import cost, scales
from benchmarks.accelerator import results, rows, session, speed, trace, work
from benchmarks.accelerator.journal import Journal
from benchmarks.runner import ROOT
from fsr_jax.errors import InputError
from fsr_jax.run import commands
from tests.benchmarks import fake

MACHINE = {
  "platform": "gpu",
  "device": "Card 9",
  "driver": "123.4",
  "versions": "python 3, jax 1",
}
SIZES = rows.SIZES[rows.MINIATURE]
# 0.002 of the digits' 1,400 examples a second: 2 epochs take 1,400 s.
SPEED = {
  "batch_size": 100,
  "images_per_epoch": 1400,
  "images_per_second": 2.0,
  "steps_per_call": 14,
  "compile_seconds": 10.0,
}


def main(*arguments):
  command = [sys.executable, "-m", "benchmarks.accelerator", *arguments]
  return subprocess.run(
    command, cwd=ROOT, capture_output=True, text=True, check=False
  )


class Case(fake.Case):
  def journal(self, began=None):
    return Journal(self.out / "plan.jsonl", began)

  def rows(self, seeds=("0",), epochs=None, extra=()):
    return rows.plan(self.out, list(seeds), epochs, True, list(extra))

  def session(self, plan=None, journal=None):
    plan, journal = plan or self.rows(), journal or self.journal()
    return session.Session(self.out, plan, SIZES, journal, MACHINE)

  def printed(self, function, *arguments):
    """(what it returns, its lines)."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
      found = function(*arguments)
    return found, text.getvalue().splitlines()


class JournalTest(Case):
  def test_seconds_are_summed_over_calls_and_kills(self):
    now = time.monotonic()
    first = self.journal(now - 100)
    first.add("begin", row="a")
    del first  # Killed: nothing is known after 100 s.
    path = self.out / "plan.jsonl"
    with open(path, "ab") as file:
      file.write(b'{"event": "alive", "call": 1, "second": 160.0}\n{"event": "')
    second = self.journal(time.monotonic() - 5)
    self.assertEqual(second.call, 2)
    self.assertBetween(second.seconds, 165, 170)
    second.add("begin", row="a")
    second._began -= 30
    second.add("done", row="a", result={"x": 1})
    # 100 to 160 s of the first call, 30 of the second.
    self.assertBetween(second.seconds_of("a"), 89.5, 91)
    third = self.journal()
    self.assertEqual(third.call, 3)
    self.assertBetween(third.seconds, 195, 200)
    (done,) = third.find("done", row="a")
    self.assertEqual(done["result"], {"x": 1})
    self.assertEmpty(third.find("done", row="b"))

  def test_signs_of_life(self):
    journal = self.journal()
    with journal.alive(every=0.01):
      while len(journal.find("alive")) < 3:
        time.sleep(0.01)
    count = len(self.journal().find("alive"))
    time.sleep(0.05)
    self.assertLen(self.journal().find("alive"), count)


class PlanTest(Case):
  def test_order_of_value(self):
    runs = [
      f"{setting}/{method} seed {{}}"
      for setting in ("uniform_0.4", "instance_0.4")
      for method in ("plain_mixup", "fsr")
    ]
    self.assertEqual(
      [row.name for row in self.rows(["0", "3"])],
      [
        *(name.format(0) for name in runs),
        "cost",
        "pytorch resnet8",
        *(name.format(3) for name in runs),
      ],
    )

  def test_rows_by_pattern(self):
    plan = self.rows()
    found = rows.matching(plan, ["pytorch*", "*/fsr seed 0"])
    self.assertEqual(found, [plan[1], plan[3], plan[5]])
    with self.assertRaisesRegex(InputError, "^no row 'l2r'; .*, cost, pytor"):
      rows.matching(plan, ["cost", "l2r"])

  def test_full_protocol_is_that_of_the_paper(self):
    plan = rows.plan(self.out, ["0"], None, False, [])
    for row in plan[:4]:
      config = row.job.config
      self.assertEqual(config["num_epochs"], 127)
      self.assertEqual(config["data.dataset"], "cifar10")
      self.assertEqual(config["network"], "resnet32")
      self.assertEqual(config["compute_dtype"], "bfloat16")
      self.assertEqual(config["eval_every_epochs"], 127)
      self.assertEqual(config["data.max_examples"], 0)
    self.assertEqual(plan[3].job.config["data.noise"], "instance")
    shorter = rows.plan(self.out, ["0"], 31, False, [])
    self.assertEqual(shorter[0].job.config["num_epochs"], 31)

  @parameterized.parameters(
    ("--config.method=fsr", "^method: set by the rows, not by --"),
    ("--config.sed=1", "no field 'sed'"),
    ("runs", "expected --config.FIELD=VALUE"),
  )
  def test_wrong_arguments(self, argument, words):
    with self.assertRaisesRegex(InputError, words):
      self.rows(extra=[argument])

  def test_another_config_is_refused_and_other_seeds_stay(self):
    job = self.rows(["7"])[1].job
    fake.write_finished(job, 1)
    commands.Workdir(str(job.workdir)).write_config(
      scales.load(list(job.arguments))
    )
    with self.assertRaisesRegex(InputError, "num_epochs 2 there, 5 now"):
      self.rows(["7"], epochs=5)
    names = [row.name for row in self.rows(["0"])]
    self.assertEqual(names[-1], "uniform_0.4/fsr seed 7")
    self.assertLen(names, 7)


class ChooseTest(Case):
  def test_what_fits_by_hand(self):
    journal = self.journal()
    ours = self.session(journal=journal)
    for program in ("plain_mixup", "fsr"):
      journal.add("speed", program=program, device="Card 9", **SPEED)
    # A run: 1,400 + 30 s. Of the second 350 s are done.
    plan = ours.rows
    job = plan[1].job
    job.workdir.mkdir(parents=True)
    (job.workdir / "metrics.jsonl").write_text('{"step": 7}\n')
    (job.workdir / "config.json").write_text("{}")
    needed = [ours.seconds_left(row) for row in plan]
    self.assertEqual(needed, [1430, 1080, 1430, 1430, 60, 30])
    chosen, lines = self.printed(ours.choose, 2600)
    self.assertEqual(
      [row.name for row in chosen],
      [plan[0].name, plan[1].name, "cost", "pytorch resnet8"],
    )
    self.assertRegex(lines[2], "23 min 50 s  left out: 1 min 30 s remain$")
    self.assertLen(journal.find("left_out"), 2)
    page = results.page(plan, journal)
    self.assertIn(f"- {plan[2].name}: it takes 23 min 50 s, more than", page)
    self.assertIn("- cost: not reached so far", page)

  def test_only_what_is_asked_for(self):
    ours = self.session()
    ours.asked = [row for row in ours.rows if row.name == "cost"]
    chosen, lines = self.printed(ours.choose, 5000)
    self.assertEqual([row.name for row in chosen], ["cost"])
    self.assertLen(lines, 1)

  def test_no_run_fits(self):
    journal = self.journal()
    ours = self.session(self.rows(epochs=127), journal)
    for program in ("plain_mixup", "fsr"):
      journal.add("speed", program=program, device="Card 9", **SPEED)
    # An epoch takes 700 s: 7 of them 4,900.
    chosen, lines = self.printed(ours.choose, 5000)
    self.assertEqual([row.name for row in chosen], ["cost", "pytorch resnet8"])
    self.assertEqual(
      lines[-1],
      "no run of 127 epochs fits: one takes 24 h 42 min; --epochs=7 in another"
      " --out would",
    )

  def test_speeds_of_another_card_do_not_count(self):
    journal = self.journal()
    journal.add("speed", program="fsr", device="Card 8", **SPEED)
    self.assertEmpty(self.session(journal=journal).speeds())


class DoTest(Case):
  def test_a_failed_row_does_not_keep_the_others_from_it(self):
    plan = self.rows()[4:]
    journal = self.journal()
    ours = self.session(plan, journal)
    ways = {"library": "JAX", "way": "x", "images_per_second": 5e3}
    with (
      absltest.mock.patch.object(
        work, "cost_of_a_step", side_effect=MemoryError("too hot\nmore")
      ),
      absltest.mock.patch.object(
        work, "beside", return_value={"ways": [{**ways, "problem": None}]}
      ),
    ):
      status, lines = self.printed(ours.do, plan)
    self.assertEqual(status, 1)
    self.assertIn("cost failed: too hot", lines)
    page = (self.out / "results.md").read_text()
    self.assertIn("- cost: failed: too hot", page)
    self.assertIn("| resnet8 | 8, 8 | JAX | x | 5,000 |", page)
    self.assertTrue(ours.finished(plan[1]))
    self.assertFalse(ours.finished(plan[0]))

  def test_done_without_torch_is_done_again_with_it(self):
    plan = self.rows()[5:]
    journal = self.journal()
    ways = [{"library": "PyTorch", "way": "all", "problem": work._NO_TORCH}]
    journal.add("done", row=plan[0].name, **MACHINE, result={"ways": ways})
    ours = self.session(plan, journal)
    for there in (False, True):
      with absltest.mock.patch.object(work, "_has_torch", lambda t=there: t):
        self.assertEqual(ours.finished(plan[0]), not there)

  @parameterized.parameters("sigterm", "time")
  def test_asked_to_leave(self, how):
    plan = self.rows()[4:]
    ours = self.session(plan)

    def wait(sizes, folder):
      del sizes, folder
      if how == "sigterm":
        os.kill(os.getpid(), signal.SIGTERM)
      time.sleep(20)

    before = signal.getsignal(signal.SIGTERM)
    minutes = (session._TO_LEAVE + 0.3) / 60 if how == "time" else 10
    with absltest.mock.patch.object(work, "cost_of_a_step", wait):
      status, lines = self.printed(session.carry_out, ours, 10, minutes)
    self.assertEqual(status, os.EX_TEMPFAIL)
    self.assertEqual(
      lines[-1], "left; what is done is kept, and the same command continues"
    )
    self.assertIs(signal.getsignal(signal.SIGTERM), before)
    page = (self.out / "results.md").read_text()
    self.assertIn("- cost: left before its end", page)

  def test_no_minute_is_left(self):
    journal = self.journal(time.monotonic() - 600)
    ours = self.session(journal=journal)
    status, lines = self.printed(session.carry_out, ours, 10, 20)
    self.assertEqual(status, os.EX_TEMPFAIL)
    self.assertIn("with more --minutes continues", lines[-1])


class MeasureTest(Case):
  def test_only_with_an_accelerator(self):
    work.require_accelerator(MACHINE, False)
    cpu = {**MACHINE, "platform": "cpu"}
    work.require_accelerator(cpu, True)
    with self.assertRaisesRegex(
      InputError, "^JAX 1 sees no accelerator, .*--miniature tries every part"
    ):
      work.require_accelerator(cpu, False)

  def test_speed_of_a_program(self):
    options = speed.plain("mlp", 4)
    self.assertEqual(options.network.compute_dtype, "bfloat16")
    self.assertEqual(options.data.crop_padding, 0)
    data = speed.noise(4, 4, 10)
    for full_calls, count in ((False, 4), (True, 100)):
      found = speed.measure(options, data, full_calls)
      self.assertEqual(found.steps_per_call, count)
      self.assertGreater(found.images_per_second, 0)

  def test_own_times_by_hand(self):
    events = [
      ("loop", 0, 100),
      ("a", 10, 20),
      ("b", 30, 50),
      ("c", 40, 10),
      ("a", 100, 5),
    ]
    self.assertCountEqual(
      trace.own_times(events),
      [("loop", 30), ("a", 20), ("b", 40), ("c", 10), ("a", 5)],
    )

  def test_profile_of_a_step(self):
    @jax.jit
    def step(state, totals, data, index):
      del data, index
      return jnp.sin(state @ state), totals

    row = cost.Row(step, lambda: jnp.ones((50, 50)), 0.0, 0)
    found = trace.record(row, cost.images(4, 4), 4, self.out / "profile")
    self.assertNotEmpty(found)
    self.assertEqual({operation.count for operation in found}, {10})
    seconds = [operation.seconds for operation in found]
    self.assertEqual(seconds, sorted(seconds, reverse=True))
    with self.assertRaisesRegex(InputError, "^no profile was written to"):
      trace.newest(pathlib.Path(self.create_tempdir()))

  @parameterized.parameters(
    # Kernels are called by their operation; streams add up. What the host did
    # does not count.
    (
      "/device:GPU:0",
      ("Stream #1", "Stream #2"),
      [("fusion", 8e-9, 2), ("kernel", 6e-9, 2)],
    ),
    # Steps and programs are the same time again.
    ("/device:TPU:0", ("XLA Ops", "Steps"), [("fusion", 4e-9, 1)]),
    ("/host:CPU", ("python", "worker"), [("fusion", 8e-9, 2)]),
  )
  def test_profiles_of_devices(self, plane, lines, expected):
    events = (
      "events {metadata_id: 1 offset_ps: 0 duration_ps: 4000"
      ' stats {metadata_id: 1 str_value: "fusion"}}'
    )
    if plane != "/device:TPU:0":
      events += "events {metadata_id: 1 offset_ps: 5000 duration_ps: 3000}"
    text = "".join(f"lines {{name: {line!r} {events}}}" for line in lines)
    metadata = (
      "event_metadata {key: 1 value {id: 1 name: 'kernel'}}"
      "stat_metadata {key: 1 value {id: 1 name: 'hlo_op'}}"
    )
    profile = f"planes {{name: {plane!r} {text} {metadata}}}"
    if plane != "/host:CPU":
      profile += f"planes {{name: '/host:CPU' {text} {metadata}}}"
    found = trace.operations(jax.profiler.ProfileData.from_text_proto(profile))
    self.assertLen(found, len(expected))
    for operation, (name, seconds, count) in zip(found, expected):
      self.assertEqual((operation.name, operation.count), (name, count))
      self.assertAlmostEqual(operation.seconds, seconds, places=12)


class CommandTest(parameterized.TestCase):
  @parameterized.parameters(
    ((), "^error: --out is missing"),
    (("--out=x", "--minutes=0"), "^error: --minutes=0.0; expected above 0"),
    (("--out=x", "--seeds=a"), "^error: seed 'a' is not a number"),
    (("--out=x",), "error: JAX .* sees no accelerator"),
  )
  def test_refusals(self, arguments, words):
    found = main(*arguments)
    self.assertEqual(found.returncode, 1)
    self.assertRegex(found.stderr.splitlines()[-1], words)
    self.assertFalse((ROOT / "x").exists())

  @pytest.mark.slow
  def test_the_miniature_is_what_main_py_does(self):
    out = pathlib.Path(self.create_tempdir())
    arguments = (f"--out={out}", "--miniature", "--seeds=0", "--minutes=30")
    found = main(*arguments)
    self.assertEqual(found.returncode, 0, found.stderr)
    page = (out / "results.md").read_text()
    self.assertNotIn("## Not run", page)
    for words in ("## Cost of a step", "fsr: operation", "## PyTorch beside"):
      self.assertIn(words, page)
    workdir = out / "runs" / "uniform_0.4" / "fsr" / "0"
    (line,) = (x for x in page.splitlines() if x.endswith(str(workdir)))
    command = line.split()[1:]
    command[-1] = f"--workdir={out / 'alone'}"
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    alone, ours = (
      json.loads((folder / "summary.json").read_text())
      for folder in (out / "alone", workdir)
    )
    for values in (alone, ours):
      del values["seconds_per_step"], values["examples_per_second"]
    self.assertEqual(alone, ours)
    # Nothing is done twice.
    again = main(*arguments)
    self.assertEqual(again.returncode, 0)
    self.assertEqual(again.stdout.count(" done\n"), 6)
    other = main(f"--out={out}", "--miniature", "--epochs=3")
    self.assertIn("num_epochs 2 there, 3 now", other.stderr)


if __name__ == "__main__":
  absltest.main()
