"""Measurements on accelerators, and the script as a newcomer starts it."""

import json
import pathlib
import subprocess
import sys

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import pytest

from benchmarks import cost
from benchmarks.accelerator import speed, trace, work
from benchmarks.runner import ROOT
from fsr_jax.errors import InputError
from tests.benchmarks import fake
from tests.benchmarks.test_accelerator import MACHINE


def main(*arguments):
  command = [sys.executable, "-m", "benchmarks.accelerator", *arguments]
  return subprocess.run(
    command, cwd=ROOT, capture_output=True, text=True, check=False
  )


class MeasureTest(fake.Case):
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
    found = speed.measure(options, data, full_calls=True)
    self.assertEqual(found.steps_per_call, 100)
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
