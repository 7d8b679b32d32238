"""What a person wants to know first, in plain words."""

from typing import NamedTuple

import numpy as np

from fsr_jax.run.page.finished import Finished, Samples
from fsr_jax.run.page.words import about, called, capital, pair, percent, plural

# A pair of classes stands out if it is this share of the labels that look
# wrong, and so many times what it would be if all pairs were alike.
_LEAST_SHARE, _STANDS_OUT = 0.1, 2.5
# Pairs that are named.
_NAMED = 2
_CAUTION = (
  "Read the list with caution: the network did not become sure of the clear"
  " cases, and such a one takes right labels for wrong ones. The worst labels"
  " come first, but fewer are wrong than look so."
)


class Headline(NamedTuple):
  """The top of the page.

  Attributes:
    title: one sentence.
    more: sentences after it.
    sure: False where the list of wrong labels must be read with caution.
  """

  title: str
  more: list[str]
  sure: bool


def headline(run: Finished) -> Headline:
  """The sentences at the top of the page.

  Args:
    run: Finished.
  """
  samples, summary = run.samples, run.summary
  sure = summary.get("estimated_wrong_share") is not None
  if samples is None:
    title = "This run keeps no list of labels that look wrong."
    more = [
      "The predictions of all examples would have taken more memory than"
      " predictions_gb allows."
    ]
    return Headline(title, more + _tested(run), True)
  found, size = int(samples.issue.sum()), len(samples)
  if not found:
    title = f"None of {size:,} labels looks wrong."
  else:
    verb = "looks" if found == 1 else "look"
    end = _mostly(samples, run.classes)
    if not sure:
      end = ", but this network cannot tell well"
    title = capital(
      f"{about(found)} of {size:,} labels {verb} wrong"
      f" ({percent(found / size)}){end}."
    )
  more = _estimate(summary, size) if sure or not found else [_CAUTION]
  return Headline(title, more + _known(summary) + _tested(run), sure)


def _estimate(summary: dict, size: int) -> list[str]:
  expected = summary.get("expected_wrong")
  if not expected or expected < 0.5:
    return []
  return [
    f"Summed over all labels, each by how doubtful it is, {about(expected)}"
    f" ({percent(expected / size)}) are expected to be wrong."
  ]


def _known(summary: dict) -> list[str]:
  """How good the list is, where the true labels are known."""
  right, found = (
    summary.get(f"label_issue_{name}") for name in ("precision", "recall")
  )
  if right is None or found is None:
    return []
  return [
    f"The true labels are known here: of the labels that look wrong"
    f" {percent(right)} are, and of the wrong labels {percent(found)} are among"
    " them."
  ]


def _tested(run: Finished) -> list[str]:
  """How good the network is."""
  accuracy = run.summary.get("test_top1")
  if accuracy is None:
    return ["Nothing was set aside to test the network on."]
  size = ""
  if run.tested is not None:
    count = int(np.nansum(run.tested["test_examples"]))
    size = f" {plural(count, 'test example')}"
  text = f"The network is right on {percent(accuracy)} of the{size}"
  ema = run.summary.get("test_top1_ema")
  if ema is not None:
    text += (
      f", and on {percent(ema)} with the moving average of its parameters (EMA)"
    )
  return [f"{text}."]


def _mostly(samples: Samples, classes: tuple[str, ...]) -> str:
  """Which classes are taken for which: ", mostly cat ↔ dog"."""
  found, size = pairs(samples, len(classes)), len(classes)
  total = sum(p.forth + p.back for p in found)
  usual = total / (size * (size - 1) / 2)
  named = [
    pair(called(classes[p.first]), called(classes[p.second]), p.forth, p.back)
    for p in found[:_NAMED]
    if p.forth + p.back >= max(_LEAST_SHARE * total, _STANDS_OUT * usual, 2)
    or size == 2
  ]
  if named:
    return f", mostly {' and '.join(named)}" if size > 2 else f", {named[0]}"
  return ", spread over many pairs of classes" if total > 10 else ""


class Pair(NamedTuple):
  """Two classes that are taken for each other.

  Attributes:
    first, second: classes, int.
    forth: labels that look wrong, of examples that look like `first` and are
      labelled `second`.
    back: the other way round.
  """

  first: int
  second: int
  forth: int
  back: int


def pairs(samples: Samples, num_classes: int) -> list[Pair]:
  """The pairs of classes among the labels that look wrong.

  Args:
    samples: Samples.
    num_classes: C; no table of C x C is made.

  Returns:
    The commonest pair first.
  """
  seems, given = samples.suggested[samples.issue], samples.given[samples.issue]
  keys, count = np.unique(seems * num_classes + given, return_counts=True)
  counts = dict(zip(keys.tolist(), count.tolist()))
  found = {}
  for key in counts:
    low, high = sorted(divmod(key, num_classes))
    forth = counts.get(low * num_classes + high, 0)
    found[low, high] = Pair(
      low, high, forth, counts.get(high * num_classes + low, 0)
    )
  return sorted(found.values(), key=lambda p: -(p.forth + p.back))
