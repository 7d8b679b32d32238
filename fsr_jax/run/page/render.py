"""From what the page says to its text, by the templates beside this file."""

import base64
import hashlib
from typing import Any

from fsr_jax.run.page.words import decimal, percent, plural

_PACKAGE, _TEMPLATES = "fsr_jax.run.page", "templates"


def render(content: dict[str, Any]) -> bytes:
  """The page.

  Args:
    content: variables of templates/page.html; all text is escaped.

  Returns:
    HTML in UTF-8. What is no Unicode in it, as names of files can be, is shown
    with backslashes.
  """
  # Imported here: only the page needs it.
  import jinja2

  environment = jinja2.Environment(
    loader=jinja2.PackageLoader(_PACKAGE, _TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters |= {
    "percent": percent,
    "decimal": decimal,
    "plural": plural,
  }
  # Compact; `tojson` escapes <, >, & and ' besides, so that no text ends a
  # script element, and all that is not ASCII.
  environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
  style, script = (_source(environment, f"page.{x}") for x in ("css", "js"))
  # Browsers run this script and no other, whatever text a data set has.
  digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
  text = environment.get_template("page.html").render(
    **content,
    style=_trusted(style),
    script=_trusted(script),
    script_hash=f"sha256-{digest}",
  )
  return text.encode("utf-8", "backslashreplace")


def _source(environment, name: str) -> str:
  """A file as it is: braces mean something else in it than in a template."""
  text, _, _ = environment.loader.get_source(environment, name)
  return text


def _trusted(text: str):
  """Text of ours, which is not escaped."""
  import markupsafe

  return markupsafe.Markup(text)
