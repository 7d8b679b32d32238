"""Of mkdocs: links that lead out of docs/ are not links on the site."""

import re


def on_page_markdown(markdown: str, **_) -> str:
  """`[words](../FILE)` becomes `words`: the file is in the repository alone."""
  return re.sub(r"\[([^]]+)\]\(\.\./[^)]*\)", r"`\1`", markdown)
