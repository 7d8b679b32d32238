"""Of mkdocstrings: examples in docstrings are shown as such."""

import re

import griffe

_EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\n).*)*", re.MULTILINE)


class Examples(griffe.Extension):
  """Puts a heading that griffe knows above every doctest."""

  def on_object(self, *, obj: griffe.Object, **_) -> None:
    if obj.docstring is not None:
      obj.docstring.value = _EXAMPLE.sub(_headed, obj.docstring.value)


def _headed(example: re.Match) -> str:
  lines = example[0].splitlines()
  return "\n".join(["Examples:", *(f"    {line}" for line in lines)])
