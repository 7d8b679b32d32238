"""Of mkdocs: links that lead out of docs/ are not links on the site."""

import pathlib
import re


def on_page_markdown(markdown: str, *, page, config, **_) -> str:
  """`[words](FILE)` becomes `words` where FILE is in the repository alone."""
  docs = pathlib.Path(config.docs_dir)
  here = docs / pathlib.Path(page.file.src_uri).parent

  def kept(link: re.Match) -> str:
    target = (here / link[2]).resolve()
    return link[0] if target.is_relative_to(docs) else f"`{link[1]}`"

  return re.sub(r"\[([^]]+)\]\((\.\./[^)#]*)[^)]*\)", kept, markdown)
