"""README and docs/ as tests read them: their commands and pieces of Python."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = {
  str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
  for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}


def blocks(text: str, language: str) -> list[str]:
  """Fenced blocks of a language."""
  return re.findall(rf"^```(?:{language})\n(.*?)^```", text, re.M | re.S)


def commands(page: str) -> list[str]:
  """Commands of a page, one of each `&&` and line; continued lines joined.

  Those of indented blocks too, as far as they are Python's.
  """
  text = PAGES[page].replace("\\\n", " ")
  lines = "".join(blocks(text, "bash|sh")).splitlines()
  lines += re.findall(r"^ {4,}(python .*)$", text, re.MULTILINE)
  found = [part.strip() for line in lines for part in line.split("&&")]
  return [re.sub(r"\s+", " ", command) for command in found if command]


def main_py(*arguments: str, cwd: pathlib.Path = ROOT):
  """What `python main.py ARGUMENTS` gives, on one device."""
  environment = dict(os.environ)
  # Compiled as fast as the rest of the suite.
  flags = environment.get("XLA_FLAGS", "").split()
  environment["XLA_FLAGS"] = " ".join(
    flag for flag in flags if "device_count" not in flag
  )
  return subprocess.run(
    [sys.executable, str(ROOT / "main.py"), *arguments],
    cwd=cwd,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )
