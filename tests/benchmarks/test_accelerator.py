"""The script for accelerators: what it counts, chooses, keeps and tells."""

import contextlib
import io
import os
import signal
import time

from absl.testing import absltest, parameterized

from benchmarks import scales
from benchmarks.accelerator import results, rows, session, speed, work
from benchmarks.accelerator.journal import Journal
from fsr_jax.config import Options
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
    chosen, _ = self.printed(ours.choose, 5000)
    self.assertEqual([row.name for row in chosen], ["cost", "pytorch resnet8"])
    _, lines = self.printed(ours.tell_shorter, chosen, 5000)
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

  def test_time_that_is_saved_is_used(self):
    plan = self.rows()[4:]
    journal = self.journal()
    ours = self.session(plan, journal)
    done = []

    def work_on(row):
      done.append(row.name)
      return {"ways": [], "figures": [], "of": "", "operations": {}}

    # 210 s are thought needed for the first row, 80 for the second.
    with (
      absltest.mock.patch.object(ours, "_do", work_on),
      absltest.mock.patch.object(results, "write"),
    ):
      status, lines = self.printed(session.carry_out, ours, 4, 10)
    self.assertEqual((status, done), (0, [row.name for row in plan]))
    self.assertRegex(lines[3], "^  pytorch resnet8 .* left out: ")

  def test_a_program_that_cannot_be_timed(self):
    ours = self.session(self.rows(["0", "1"]))
    loaded = (None, Options(), absltest.mock.Mock(train=[0] * 100))
    found = [MemoryError("full"), speed.Speed(9, 1, 1)]
    with (
      absltest.mock.patch.object(
        session, "resolve_and_load", return_value=loaded
      ),
      absltest.mock.patch.object(speed, "measure", side_effect=found),
    ):
      self.printed(ours.measure_speeds)
    self.assertEqual(list(ours.speeds()), ["fsr"])
    chosen, lines = self.printed(ours.choose, 1e9)
    self.assertNotIn("plain_mixup", [row.program for row in chosen])
    self.assertLen([x for x in lines if x.endswith(" failed")], 4)

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


if __name__ == "__main__":
  absltest.main()
