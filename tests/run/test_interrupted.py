"""What is left and continued, by whatever cut it off, is as without it."""

import json
import os
import pathlib
import signal
from unittest import mock

from absl.testing import absltest
import jax
import numpy as np

from fsr_jax.run import commands, finish, loop
from fsr_jax.run.checkpoint import Checkpoints
from fsr_jax.run.watch.scalars import SCALARS, SPEED
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
    programs, template = commands.restore(self.workdir)
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
    for step, lines in ((5, 0), (12, 0), (14, 1), (17, 1), (36, 2)):
      self.left(step)
      self.assertLen(self.lines(), lines)
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
