"""The one exception for input that a user can mend."""

from collections.abc import Iterable


class InputError(ValueError):
  """Wrong input: one line saying what, where, and what was expected."""

  def __init__(self, message: str):
    # Libraries explain in several, and names of files may have some.
    super().__init__(" ".join(line.strip() for line in message.splitlines()))


def one_line(error: Exception) -> str:
  """What is said of an error that ends the program."""
  return "error: " + " ".join(str(error).splitlines())


def reason(error: BaseException, most: int = 300) -> str:
  """What an error says, in one line of at most so many characters; its type
  where it says nothing."""
  return " ".join(str(error).split())[:most] or type(error).__name__


def typed_reason(error: BaseException, most: int = 300) -> str:
  """The same behind its type, for errors that say too little without."""
  kind, said = type(error).__name__, reason(error, most)
  return kind if said == kind else f"{kind}: {said}"


def check(condition: bool, message: str) -> None:
  """Raises InputError(message) unless `condition` holds."""
  if not condition:
    raise InputError(message)


def choose(kind: str, name: str, choices: Iterable[str]) -> None:
  """Raises InputError listing `choices` unless `name` is one of them."""
  choices = list(choices)
  check(
    name in choices,
    f"unknown {kind} {name!r}; choose one of: {', '.join(choices)}",
  )
