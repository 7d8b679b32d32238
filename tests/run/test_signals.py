"""Signals to real processes, wherever they are, and lost standard output."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from absl.testing import absltest
import pytest

from fsr_jax.run.checkpoint import Checkpoints
from tests.faults.ground import HEARS
from tests.run import workdirs

_ROOT = pathlib.Path(__file__).parents[2]
# Saves take three seconds, so that there is time for more signals.
_SLOW_SAVES = """
import time
from fsr_jax.run import checkpoint, program
save = checkpoint.Checkpoints.save
def slow(self, *saved):
  print("saving", flush=True)
  time.sleep(3)
  save(self, *saved)
checkpoint.Checkpoints.save = slow
program.start()
"""
# From the second save on no file may have as many bytes as a checkpoint's has.
_FULL_DISK = """
import resource
from fsr_jax.run import checkpoint, program
save, saves = checkpoint.Checkpoints.save, []
def limited(self, *saved):
  saves.append(saved)
  if len(saves) == 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
  save(self, *saved)
checkpoint.Checkpoints.save = limited
program.start()
"""
# From the second save on only a few files can be opened.
_FEW_FILES = """
import os, resource
from fsr_jax.run import checkpoint, program
save, saves = checkpoint.Checkpoints.save, []
def limited(self, *saved):
  saves.append(saved)
  if len(saves) == 2:
    files = len(os.listdir("/proc/self/fd")) + 4
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
  save(self, *saved)
checkpoint.Checkpoints.save = limited
program.start()
"""
_FIELDS = {
  "num_epochs": 500,
  "checkpoint_every_epochs": 1000,
  "log_every_seconds": 0,
  "report": False,
  "num_devices": 1,
}


class SignalsTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.workdir = pathlib.Path(self.create_tempdir()) / "run"

  def start(self, script="", stdout=subprocess.PIPE, **fields):
    """Training in a process that compiles all anew."""
    process = subprocess.Popen(
      [
        *HEARS,
        sys.executable,
        *(["-c", script] if script else ["main.py"]),
        "--config=quickstart",
        f"--workdir={self.workdir}",
        *(f"--config.{k}={v}" for k, v in (_FIELDS | fields).items()),
      ],
      cwd=_ROOT,
      stdout=stdout,
      stderr=subprocess.PIPE,
      text=True,
      env=os.environ
      | {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false"},
    )
    self.addCleanup(process.wait)
    self.addCleanup(process.kill)
    return process

  def wait_for(self, process, words):
    for line in process.stdout:
      if line.startswith(words):
        return
    self.fail(f"{words} never came: {process.stderr.read()}")

  def ended(self, process) -> str:
    """What it says on stderr, having left to be continued."""
    _, said = process.communicate(timeout=60)
    self.assertEqual(process.returncode, 75, said)
    return said

  def left_at_once(self, words, number):
    process = self.start()
    self.wait_for(process, words)
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(number)
    said = self.ended(process)
    self.assertEqual(
      said,
      f"left by {signal.Signals(number).name}: what was saved is kept; the"
      " same command goes on\n",
    )
    return time.monotonic() - began

  def test_while_it_imports(self):
    self.left_at_once("importing", signal.SIGTERM)

  @pytest.mark.slow
  def test_while_it_compiles(self):
    # To compile takes longer; it is no measurement.
    self.assertLess(self.left_at_once("compiling", signal.SIGHUP), 5)
    self.assertFalse(list((self.workdir / "checkpoints").iterdir()))

  @pytest.mark.slow
  def test_a_second_signal_while_it_saves(self):
    process = self.start(_SLOW_SAVES)
    self.wait_for(process, "epoch")
    process.send_signal(signal.SIGINT)
    self.wait_for(process, "saving")
    process.send_signal(signal.SIGHUP)
    out, said = process.communicate(timeout=60)
    self.assertEqual(process.returncode, 75)
    self.assertEqual(
      said, "what was done is being saved; a third signal would lose it\n"
    )
    (step,) = re.findall(r"^left at step (\d+);", out, re.M)
    saved = Checkpoints(self.workdir / "checkpoints").latest_step()
    self.assertEqual(saved, int(step))
    workdirs.restored(self.workdir)

  @pytest.mark.slow
  def test_a_third_signal_while_it_saves(self):
    process = self.start(_SLOW_SAVES)
    self.wait_for(process, "epoch")
    process.send_signal(signal.SIGTERM)
    self.wait_for(process, "saving")
    for number in (signal.SIGINT, signal.SIGTERM):
      process.send_signal(number)
      time.sleep(0.5)
    said = self.ended(process)
    self.assertIn("ended before all was saved: what was done since is", said)
    self.assertNotIn("Traceback", said)

  @pytest.mark.slow
  def test_a_disk_that_is_full_while_it_saves(self):
    """The run ends at once, with one line, and what was saved is whole."""
    fields = {
      "num_epochs": 100,
      "checkpoint_every_epochs": 40,
      "keep_checkpoints": 1,
    }
    process = self.start(_FULL_DISK, **fields)
    out, said = process.communicate(timeout=60)
    self.assertEqual(process.returncode, 1)
    self.assertRegex(
      said,
      r"^error: cannot save the checkpoint of .*; those before.*from them\n$",
    )
    # The next save would be after the last epoch.
    self.assertNotIn("epoch  99/", out)
    self.assertEqual(int(workdirs.restored(self.workdir).step), 40 * 14)
    again = self.start(**fields)
    out, said = again.communicate(timeout=60)
    self.assertEqual(again.returncode, 0, said)
    self.assertIn("continuing from step 560", out)

  @pytest.mark.slow
  def test_few_files_can_be_opened_while_it_saves(self):
    process = self.start(_FEW_FILES, num_epochs=9, checkpoint_every_epochs=4)
    _, said = process.communicate(timeout=60)
    self.assertEqual(process.returncode, 1)
    self.assertRegex(said, r"\Aerror: cannot save .*Too many open files.*\n\Z")
    self.assertEqual(int(workdirs.restored(self.workdir).step), 4 * 14)

  @pytest.mark.slow
  def test_nobody_reads_what_it_says(self):
    process = self.start(num_epochs=3)
    self.wait_for(process, "compiling")
    process.stdout.close()
    self.assertEqual(process.stderr.read(), "")
    self.assertEqual(process.wait(), 0)
    self.assertTrue((self.workdir / "summary.json").exists())

  @pytest.mark.slow
  def test_no_space_for_what_it_says(self):
    with open("/dev/full", "w") as full:
      process = self.start(stdout=full, num_epochs=3)
      self.assertEqual(process.stderr.read(), "")
    self.assertEqual(process.wait(), 0)


if __name__ == "__main__":
  absltest.main()
