"""Of mkdocs: links that lead out of docs/ are not links on the site."""

import pathlib
import re


def on_page_markdown(markdown: str, *, page, config, **_) -> str:
  """`[words](FILE)` says words and FILE where it is in the repository alone."""
  docs = pathlib.Path(config.docs_dir)
  here = docs / pathlib.Path(page.file.src_uri).parent

  def kept(link: re.Match) -> str:
    words, target = link[1], (here / link[2]).resolve()
    if target.is_relative_to(docs):
      return link[0]
    path = str(target.relative_to(docs.parent))
    return f"`{path}`" if words == path else f"{words} (`{path}`)"

  return re.sub(r"\[([^]]+)\]\((\.\./[^)#]*)[^)]*\)", kept, markdown)
