"""Numbers and names as the page says them."""

import math

from fsr_jax.run.watch.opening import plural

# From this probability on a pair of classes stands out.
_TWO_WAYS = 0.25


def about(count: float) -> str:
  """A count for people: 18,342 is "about 18,300", small ones are exact."""
  whole = int(round(count))
  if whole < 1000:
    return f"{whole:,}"
  digits = len(str(whole)) - 3
  return f"about {round(whole, -digits):,}"


def percent(share: float | None, digits: int = 1) -> str:
  """36.6 %, in one piece; an en dash for what is not known."""
  if share is None or not math.isfinite(share):
    return "–"
  least = 0.5 * 10.0 ** (-digits - 2)
  if 0 < share < least:
    return f"< {2 * 100 * least:.{digits}f}\N{NO-BREAK SPACE}%"
  return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def decimal(value: float | None, digits: int = 2) -> str:
  """0.87; an en dash for what is not known."""
  if value is None or not math.isfinite(value):
    return "–"
  return f"{value:.{digits}f}"


def called(name: str) -> str:
  """A class in a sentence: a number alone would be taken for a count."""
  return f"class {name}" if name.isdecimal() else name


def capital(text: str) -> str:
  """With a capital letter in front; a name in front stays as it is."""
  return text[:1].upper() + text[1:]


def pair(first: str, second: str, forth: int, back: int) -> str:
  """Two classes that are taken for each other.

  Args:
    first, second: classes.
    forth: examples that look like `first` and are labelled `second`.
    back: the other way round.

  Returns:
    "cat ↔ dog" or, where it is nearly always one way, "cat labelled as dog".
  """
  if min(forth, back) >= _TWO_WAYS * max(forth, back):
    return f"{first} ↔ {second}"
  if forth < back:
    first, second = second, first
  return f"{first} labelled as {second}"


__all__ = ["about", "called", "capital", "decimal", "pair", "percent", "plural"]
