"""What is left and continued, by whatever cut it off, is as without it."""

import json
import os
import pathlib
import resource
import signal
from unittest import mock

from absl.testing import absltest
import jax
import numpy as np

from fsr_jax import files
from fsr_jax.run import commands, finish, loop
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.use import restored
from fsr_jax.run.watch.scalars import SCALARS, SPEED
from fsr_jax.train.metrics import Metrics
from tests import shrunk
from tests.run import workdirs

# Twelve steps an epoch.
_FIELDS = {"num_epochs": 3, "steps_per_call": 1}
_OF_TIME = ("seconds_per_step", "examples_per_second")


class InterruptedTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.whole = pathlib.Path(absltest.get_default_test_tmpdir()) / "whole"
    commands.train(shrunk.config(**_FIELDS), str(cls.whole))

  def setUp(self):
    super().setUp()
    self.workdir = self.create_tempdir().full_path
    self.path = pathlib.Path(self.workdir)

  def left(self, step: int):
    """Runs until a signal comes while this step is done."""
    run = loop.Run(shrunk.config(**_FIELDS), self.workdir)
    done, called = run.step, run._progress.called

    def signalled(epoch, steps):
      nonlocal done
      done += steps
      if done == step:
        os.kill(os.getpid(), signal.SIGTERM)
      called(epoch, steps)

    run._progress.called = signalled
    self.assertIsNone(run.train())
    self.assertEqual(run.step, step)

  def lines(self) -> list[int]:
    text = (self.path / "metrics.jsonl").read_text()
    return [json.loads(line)["step"] for line in text.splitlines()]

  def read(self, path: pathlib.Path):
    """What must not depend on interruptions."""
    summary = json.loads((path / "summary.json").read_text())
    events = workdirs.event_values(path)
    speeds = {name for name in SCALARS if SCALARS[name].group == SPEED}
    return {
      "summary": {k: x for k, x in summary.items() if k not in _OF_TIME},
      "samples": (path / "samples.csv").read_bytes(),
      "metrics": (path / "metrics.jsonl").read_bytes(),
      "events": {
        key: value.simple_value
        for key, value in events.items()
        if key[1].split("/")[-1] not in speeds
        and value.HasField("simple_value")
      },
    }

  def assert_as_whole(self):
    commands.train(shrunk.config(**_FIELDS), self.workdir)
    ours, theirs = self.read(self.path), self.read(self.whole)
    for name, found in ours.items():
      self.assertEqual(found, theirs[name], name)
    programs, template = restored.restore(self.workdir)
    del programs
    jax.tree.map(
      np.testing.assert_array_equal,
      *(
        Checkpoints(path / "checkpoints").restore(template)
        for path in (self.path, self.whole)
      ),
    )

  def test_by_signals(self):
    # In mid-epoch; with the last step of an epoch; twice in one; at the end.
    for step, lines in ((5, 0), (12, 0), (14, 1), (17, 1)):
      self.left(step)
      self.assertLen(self.lines(), lines)
    # As if the power had gone before all of the newest was on the disk.
    newest = self.path / "checkpoints" / "17"
    newest.rename(
      unsure := newest.with_name("17.orbax-checkpoint-tmp-complete")
    )
    self.assertEqual(Checkpoints(newest.parent).latest_step(), 14)
    self.left(36)
    self.assertFalse(unsure.exists())
    self.assertLen(self.lines(), 2)
    self.assert_as_whole()

  def test_by_kills(self):
    killed = mock.patch.object(finish, "write", side_effect=KeyboardInterrupt)
    self.left(24)
    with killed, self.assertRaises(KeyboardInterrupt):
      commands.train(shrunk.config(**_FIELDS), self.workdir)
    self.assertEqual(self.lines(), [12, 24, 36])
    # As after a kill between the last checkpoint and its line.
    whole = (self.path / "metrics.jsonl").read_text().splitlines()
    (self.path / "metrics.jsonl").write_text("\n".join(whole[:2]) + "\n")
    self.assert_as_whole()

  def test_lines_that_are_lost(self):
    """That of the newest checkpoint's epoch is measured again."""
    self.left(24)
    commands.train(shrunk.config(**_FIELDS), self.workdir)
    path = self.path / "metrics.jsonl"
    whole = path.read_bytes().splitlines(keepends=True)
    changed = [line.replace(b'"loss": ', b'"loss": 1') for line in whole]
    path.write_bytes(b"".join(whole[:2] + changed[2:]))
    self.assert_as_whole()
    damaged, missing = "a line that is damaged", "no line of an epoch that was"
    for kept, notes, left in (
      (changed[:1] + whole[1:], [damaged, missing], whole[1:]),
      (whole[1:], [missing], whole[1:]),
      ([], ["no line of 2 epochs that were trained"], whole[2:]),
    ):
      path.write_bytes(b"".join(kept))
      run = loop.Run(shrunk.config(**_FIELDS), self.workdir)
      run.train()
      found = [note for note in run.notes if "metrics.jsonl" in note]
      self.assertLen(found, len(notes))
      for note, words in zip(found, notes):
        self.assertIn(words, note)
      self.assertEqual(path.read_bytes(), b"".join(left))

  def test_by_a_kill_after_a_save_in_mid_epoch(self):
    self.left(11)
    config = shrunk.config(**_FIELDS, checkpoint_every_minutes=1e-9)
    run = loop.Run(config, self.workdir)
    called, checkpoints = run._progress.called, run._keeper._checkpoints
    saved = []

    def killed(epoch, steps):
      checkpoints.wait()
      saved.append(checkpoints.latest_step())
      called(epoch, steps)
      if run.step == 15:
        raise KeyboardInterrupt

    run._progress.called = killed
    with self.assertRaises(KeyboardInterrupt):
      run.train()
    # Of an epoch's last step only after its end, and it is not due here.
    self.assertEqual(saved, [11, 11, 13, 14, 15])
    self.assertEqual(int(workdirs.restored(self.path).step), 15)
    self.assert_as_whole()

  def test_saves_that_fail_are_tried_again(self):
    said: list[str] = []
    fields = {"checkpoint_every_epochs": 1, "keep_checkpoints": 1}
    fields |= _FIELDS | {"num_epochs": 4, "on_save_error": "go_on"}
    run = loop.Run(shrunk.config(**fields), self.workdir)
    run._keeper._say = said.append
    run._end.show_worst = lambda *_: None
    save, steps = Checkpoints.save, []

    def limited(self, state, totals):
      # No file may be as large as a checkpoint, but for the first and last.
      # What is broken is being removed.
      steps.append([name for name in names() if name.isdigit()])
      most = 20_000 if len(steps) in (2, 3) else resource.RLIM_INFINITY
      resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
      save(self, state, totals)

    def names():
      return sorted(path.name for path in (self.path / "checkpoints").iterdir())

    with mock.patch.object(Checkpoints, "save", limited):
      self.assertIsNotNone(run.train())
    # What is whole is kept, and nothing else is.
    self.assertEqual(steps, [[], ["12"], ["12"], ["12"]])
    self.assertEqual(names(), ["48"])
    self.assertLen(said, 2)
    for line, step in zip(said, (24, 36)):
      self.assertRegex(
        line,
        rf"^note: cannot save the checkpoint of step {step} in \S+ \(File too"
        r" large\); .*; the run goes on$",
      )
    self.assertEqual(self.lines(), [12, 24, 36, 48])
    self.assertEqual(int(workdirs.restored(self.path).step), 48)

  def test_nothing_gets_its_name_before_it_is_on_the_disk(self):
    _, state = restored.restore(str(self.whole))
    checkpoints = Checkpoints(self.path / "checkpoints", keep=1)
    broken = OSError(5, "I/O error")
    with mock.patch.object(os, "fsync", side_effect=broken):
      with (
        self.assertRaisesRegex(OSError, "I/O error: '.*/table'"),
        files.replacing(self.path / "table") as partial,
      ):
        partial.write_text("new")
      checkpoints.save(state, Metrics.zero())
      with self.assertRaisesRegex(OSError, "cannot save .* step 36 .*I/O"):
        checkpoints.wait()
    self.assertIsNone(Checkpoints(self.path / "checkpoints").latest_step())
    self.assertFalse((self.path / "table").exists())
    checkpoints.save(state, Metrics.zero())
    checkpoints.close()
    self.assertEqual(os.listdir(self.path / "checkpoints"), ["36"])

  def test_a_checkpoint_without_totals_is_continued(self):
    self.left(17)
    save = Checkpoints.save
    of_before = mock.patch.object(
      Checkpoints, "save", lambda self, state, _: save(self, state, {})
    )
    with of_before:
      self.left(20)
    commands.train(shrunk.config(**_FIELDS), self.workdir)
    self.assertEqual(self.lines(), [12, 24, 36])
    jax.tree.map(
      np.testing.assert_array_equal,
      workdirs.restored(self.path),
      workdirs.restored(self.whole),
    )


if __name__ == "__main__":
  absltest.main()
