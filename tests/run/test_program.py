"""What a command line may not say, in one line, before anything is loaded."""

import io
import os
import pathlib
import sys
from unittest import mock

from absl import app
from absl.testing import absltest, parameterized

from fsr_jax.errors import InputError
from fsr_jax.run import arguments as arguments_lib
from fsr_jax.run import program
from fsr_jax.run.stop import Left
from fsr_jax.run.watch.screen import Screen


class CheckFieldsTest(parameterized.TestCase):
  @parameterized.parameters(
    ["--config.data.path=x"],
    ["--mode=evaluate", "--workdir=x", "--config.data.path=x"],
    ["--noconfig.mixup", "--workdir=x"],
    ["--config.data.path", "x"],
  )
  def test_fields_of_no_config(self, *arguments):
    with self.assertRaisesRegex(
      InputError,
      r"^--(no)?config\.\S+ changes a field of a config, but --config is"
      r" missing, e\.g\. --config=quickstart, or --config=folder:IMAG",
    ):
      arguments_lib._check_fields([*arguments])

  def test_with_a_config(self):
    file = self.create_tempfile("a.py").full_path
    for arguments in (
      [f"--config={file}", "--config.seed=1"],
      [f"--config={file}:a:b,c=d", "--config.seed=1"],
      ["--config", file, "--config.seed", "1"],
      [f"-config={file}"],
      ["--flagfile=x", "--config.seed=1"],
      ["--workdir=x"],
    ):
      arguments_lib._check_fields(arguments)

  def test_a_field_that_is_not_there(self):
    with self.assertRaisesRegex(InputError, "'num_epoch'; did you mean num_ep"):
      arguments_lib._check_fields(["--config.num_epoch=1"])

  def test_a_config_that_is_no_file(self):
    root = pathlib.Path(self.create_tempdir())
    os.mkfifo(root / "pipe")
    for name, message in (
      ("pipe", "is no regular file but a pipe"),
      ("", "is no regular file but a folder"),
      ("nothing.py:x", r"^cannot read .*nothing\.py \(No such file"),
    ):
      with self.assertRaisesRegex(InputError, message):
        arguments_lib._check_fields([f"--config={root}/{name}"])


class PlainWordsTest(parameterized.TestCase):
  @parameterized.parameters(
    (
      "flag --config.seed=0,1,2: invalid literal for int() with base 10: '0,1'",
      "seed=0,1,2; expected a whole number in 0-4294967295; a run has one seed:"
      " give each a --workdir of its own, or let benchmarks/sweep.py"
      " --seeds=0,1,2 do it",
    ),
    (
      "flag --config.data.flip=maybe: ('Non-boolean argument', 'maybe')",
      "data.flip=maybe; expected True or False",
    ),
    (
      "flag --config.learning_rate=a: b: could not convert string to float",
      "learning_rate=a; expected a number above 0, at most 1000",
    ),
    ("Unknown command line flag 'x'", "Unknown command line flag 'x'"),
  )
  def test_of_absl(self, line, expected):
    self.assertEqual(arguments_lib._in_plain_words(line), expected)


class StartTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    # This process keeps its signals and its output.
    self.enter_context(mock.patch.object(program, "leave_at_once"))
    self.enter_context(mock.patch.object(program, "_no_tracebacks"))
    self.enter_context(mock.patch.object(sys, "stdout", sys.stdout))
    self.enter_context(mock.patch.object(program, "say", Screen()))

  def test_the_error_is_one_line_whatever_a_name_holds(self):
    error = InputError("cannot read a\nb\r.png")
    with (
      mock.patch.object(app, "run", side_effect=error),
      self.assertRaisesRegex(SystemExit, "^error: cannot read a b .png$"),
    ):
      program.start()

  def test_what_was_left_gives_no_traceback(self):
    with (
      mock.patch.object(app, "run", side_effect=Left("left at picture 3")),
      mock.patch("builtins.print") as said,
      self.assertRaises(SystemExit) as left,
    ):
      program.start()
    self.assertEqual(left.exception.code, 75)
    self.assertEqual(said.call_args.args[0], "left at picture 3")

  def test_names_that_are_no_text_can_be_printed(self):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with (
      mock.patch.object(sys, "stdout", stream),
      mock.patch.object(program, "say", Screen()),
      mock.patch.object(
        app, "run", side_effect=lambda *_, **__: print("caf\udce9 ä")
      ),
    ):
      program.start()
      stream.flush()
    self.assertEqual(
      stream.buffer.getvalue(),
      (
        "importing JAX and Flax, which takes some seconds\ncaf\\udce9 ä\n"
      ).encode(),
    )


if __name__ == "__main__":
  absltest.main()
