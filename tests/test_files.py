"""Only regular files are opened; everything else is one line, at once."""

import os
import pathlib
import socket

from absl.testing import absltest, parameterized

from fsr_jax import files
from fsr_jax.errors import InputError


class FilesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())

  def test_a_file_and_a_link_to_one(self):
    (self.root / "a").write_bytes(b"12")
    (self.root / "b").symlink_to(self.root / "a")
    for name in ("a", "b"):
      files.require_file(self.root / name)
      self.assertEqual(files.read_file(str(self.root / name)), b"12")

  def test_what_is_no_file(self):
    os.mkfifo(self.root / "pipe")
    (self.root / "link").symlink_to(self.root / "pipe")
    (self.root / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
      # A socket's path may have about a hundred characters.
      server.bind(os.path.relpath(self.root / "socket"))
      for name, kind in (
        ("", "a folder"),
        ("pipe", "a pipe"),
        ("link", "a pipe"),
        ("zero", "a device"),
        ("socket", "a socket"),
      ):
        path = self.root / name
        with self.assertRaisesRegex(
          InputError, f"^{path} is no regular file but {kind}$"
        ):
          files.read_file(path)

  @parameterized.parameters(
    ("none", r"^cannot read .*none \(No such file or directory\)$"),
    ("a\0b", r"^'.*a\\x00b' is no path \(embedded null byte\)$"),
    ("\ud800", r"^'.*\\ud800' is no path \(.*surrogates not allowed\)$"),
    ("x" * 999, r"^cannot read .*xxx \(File name too long\)$"),
  )
  def test_what_is_not_there(self, name, message):
    with self.assertRaisesRegex(InputError, message):
      files.read_file(self.root / name)

  def test_homes(self):
    self.assertEqual(files.place("~/a"), pathlib.Path.home() / "a")
    self.assertEqual(
      files.place("~nobody-here/a"), pathlib.Path("~nobody-here/a")
    )
    self.assertEqual(files.place("a/~"), pathlib.Path("a/~"))

  def test_a_loop_of_links(self):
    (self.root / "loop").symlink_to(self.root / "loop")
    with self.assertRaisesRegex(InputError, "Too many levels of symbolic"):
      files.require_file(self.root / "loop")


if __name__ == "__main__":
  absltest.main()
