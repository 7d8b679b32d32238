"""Lines in a terminal, a pipe, a notebook."""

import contextlib
import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from unittest import mock

from absl.testing import absltest

from fsr_jax.run.watch import screen
from fsr_jax.run.watch.screen import Screen, duration

# What takes seconds to import.
HEAVY = {"jax", "flax", "optax", "orbax", "tensorflow_datasets", "numpy"}


class Terminal:
  """A pseudo-terminal as standard output; `text` is what came to it."""

  def __init__(self, columns: int, rows: int = 24):
    self._master, slave = pty.openpty()
    size = struct.pack("HHHH", rows, columns, 0, 0)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    self._file = os.fdopen(slave, "w", encoding="utf-8")
    self.text = ""

  def __enter__(self) -> "Terminal":
    self._patches = [
      mock.patch.object(sys, "stdout", self._file),
      mock.patch.dict(os.environ, TERM="xterm"),
    ]
    for patch in self._patches:
      patch.start()
    return self

  def __exit__(self, *error) -> None:
    for patch in self._patches:
      patch.stop()
    self._file.close()
    blobs = b""
    # Nothing more comes: what is there is read, and then an error.
    with contextlib.suppress(OSError):
      while blob := os.read(self._master, 100_000):
        blobs += blob
    self.text = blobs.decode()
    os.close(self._master)

  def seen(self) -> list[str]:
    """The lines that a person sees at the end, as a terminal makes them."""
    lines = []
    for line in self.text.split("\r\n"):
      cells: list[str] = []
      for rewritten in line.split("\r"):
        cells[: len(rewritten)] = rewritten
      lines.append("".join(cells).rstrip())
    return lines


class TerminalTest(absltest.TestCase):
  def test_one_line_is_rewritten_and_lines_stand_above_it(self):
    with Terminal(columns=40) as terminal:
      say = Screen()
      self.assertTrue(say.in_place)
      say("first")
      say.rewrite(0.0, "epoch 1/2", ["loss 9.12", "10 s left"])
      say.rewrite(0.5, "epoch 1/2", ["loss 3.14", "5 s left"])
      say("note: a word")
      say.rewrite(1.0, "epoch 2/2", ["loss 3"])
      say.leave()
      say("last")
    lines = terminal.seen()
    self.assertEqual([lines[0], lines[1]], ["first", "note: a word"])
    self.assertRegex(lines[2], r"^epoch 2/2 \S{22,23} loss 3$")
    self.assertEqual(lines[3:], ["last", ""])
    self.assertIn("5 s left", terminal.text)

  def test_what_does_not_fit_is_left_out_from_the_left(self):
    with Terminal(columns=30) as terminal:
      say = Screen()
      say.rewrite(0.5, "epoch {1}", ["loss 3.14", "7 images/s", "9 s left"])
      say.leave()
    self.assertRegex(terminal.seen()[0], r"^epoch \{1\} +\S* +9 s left$")
    for line in terminal.text.split("\r"):
      self.assertLessEqual(len(line), 30)

  def test_a_terminal_that_cannot_rewrite(self):
    with Terminal(columns=40), mock.patch.dict(os.environ, TERM="dumb"):
      self.assertFalse(Screen().in_place)

  def test_a_terminal_of_unknown_size(self):
    for size in ({"columns": 40, "rows": 0}, {"columns": 0}):
      with Terminal(**size):
        self.assertFalse(Screen().in_place)


class ElsewhereTest(absltest.TestCase):
  def test_a_pipe_and_silence(self):
    read, write = os.pipe()
    with (
      os.fdopen(write, "w") as file,
      mock.patch.object(sys, "stdout", file),
    ):
      say = Screen(str.upper)
      self.assertFalse(say.in_place)
      say("one")
      say.leave()
      silent = Screen(silent=True)
      silent("nothing")
      silent.wait("reading")
      self.assertFalse(silent.in_place)
      # At once: it is still open.
      self.assertEqual(os.read(read, 100), b"ONE\n")
    os.close(read)

  def test_a_notebook(self):
    """Its stream is no terminal, but understands a carriage return."""
    kernel = type("OutStream", (io.StringIO,), {})
    kernel.__module__ = "ipykernel.iostream"
    with mock.patch.object(sys, "stdout", kernel()) as stream:
      say = Screen()
      self.assertTrue(say.in_place)
      say.rewrite(0.5, "epoch 1/2", ["5 s left"])
      say("note")
      say.leave()
    text = stream.getvalue()
    self.assertNotIn("\x1b", text)
    self.assertRegex(text, r"\repoch 1/2 .{10,} 5 s left")
    self.assertIn("\rnote\n", text)
    self.assertEndsWith(text, "5 s left\n")

  def test_what_takes_a_while(self):
    said: list[str] = []
    with (
      mock.patch.object(screen.time, "monotonic") as clock,
      mock.patch.object(
        Screen, "__call__", lambda self, line: said.append(line)
      ),
    ):
      say = Screen()
      for clock.return_value, words in (
        (0.0, ("importing", "JAX")),
        (3.2, ("reading", "data")),
        (3.9, ("building",)),
      ):
        say.wait(*words)
      clock.return_value = 70.0
      self.assertEqual(say.waited(), "building took 1 min 06 s")
      self.assertEqual(say.waited(), "")
    self.assertEqual(
      said,
      ["importing JAX", "reading data (importing took 3 s)", "building"],
    )

  def test_duration(self):
    for seconds, text in (
      (0.4, "0 s"),
      (59.6, "1 min 00 s"),
      (3599, "59 min 59 s"),
      (7650, "2 h 07 min"),
    ):
      self.assertEqual(duration(seconds), text)


class FirstLineTest(absltest.TestCase):
  def test_it_comes_before_anything_that_takes_long_is_imported(self):
    code = (
      "import sys\n"
      "from fsr_jax.run import program\n"
      "from fsr_jax.run.watch import screen\n"
      "def say(self, line):\n"
      f"  print(line, *({HEAVY!r} & sys.modules.keys()), sep='|')\n"
      "  sys.exit()\n"
      "screen.Screen.__call__ = say\n"
      "sys.argv = ['main.py', '--mode=export', '--workdir=x']\n"
      "program.start()\n"
    )
    done = subprocess.run(
      [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    self.assertRegex(done.stdout, r"^importing JAX and Flax[^|]*\n$")


if __name__ == "__main__":
  absltest.main()
