"""Whether weights and dictionary do what they are for."""

import numpy as np

from fsr_jax.run.page.finished import Finished
from fsr_jax.run.page.health.check import (
  GOOD,
  LOOK,
  UNKNOWN,
  Check,
  curve,
  learns_weights,
  value,
  wrong_share,
)
from fsr_jax.run.page.words import decimal, percent, plural

# Effective share of a batch.
_LEAST_BATCH = 0.2
# Samples that were in the dictionary, in dictionaries.
_HARDLY_NEW = 1.1
# Share of a class that was in the dictionary.
_LEAST_COVERED = 0.02
# Epochs from which on something can be said, and that are the last ones.
_FEW_EPOCHS = 5


def noise_and_weights(run: Finished) -> Check | None:
  """Whether weights follow the estimate of wrong labels."""
  question = "Do wrong labels weigh less?"
  samples, wrong = run.samples, wrong_share(run)
  if samples is None or wrong is None or not learns_weights(run):
    return None
  zero = value(run, "zero_weight_fraction") or 0.0
  numbers = (
    f"An estimated {percent(wrong)} of the labels are wrong, and"
    f" {percent(zero)} of the examples have the weight 0."
  )
  if not samples.issue.any() or samples.issue.all():
    return Check(question, UNKNOWN, f"{numbers} There is nothing to compare.")
  suspect = float(np.nanmean(samples.weight[samples.issue]))
  others = float(np.nanmean(samples.weight[~samples.issue]))
  means = (
    f"Labels that look wrong have a mean weight of {decimal(suspect)}, the"
    f" others of {decimal(others)} (plain training: 1). {numbers}"
  )
  if suspect > 0.7 * others:
    return Check(
      question,
      LOOK,
      f"Hardly. {means} A larger --config.weight_lr makes weights differ more.",
    )
  if zero > 2 * wrong + 0.1:
    return Check(
      question,
      LOOK,
      f"Yes, but many right ones weigh nothing besides. {means} A smaller"
      " --config.weight_lr leaves out fewer.",
    )
  return Check(question, GOOD, f"Yes. {means}")


def collapsed(run: Finished) -> Check | None:
  """Whether few examples have all the weight."""
  question = "Have weights collapsed onto a few examples?"
  share, size = value(run, "effective_batch"), run.config.get("batch_size")
  if share is None or not learns_weights(run) or not isinstance(size, int):
    return None
  empty, steps = value(run, "zero_batches") or 0, value(run, "steps") or 1
  text = (
    f"In the last epoch the weights of a batch count as much as"
    f" {decimal(share * size, 0)} of {size} examples of equal weight."
  )
  if empty > 0.01 * steps:
    return Check(
      question,
      LOOK,
      f"{text} In {plural(int(empty), 'batch', 'batches')} of"
      f" {int(steps):,} no example had any weight. Try a larger queue or"
      " dictionary, or a longer warm-up.",
    )
  if share < _LEAST_BATCH:
    return Check(
      question,
      LOOK,
      f"Yes: {text} Try a smaller --config.weight_lr or larger batches.",
    )
  return Check(question, GOOD, f"No. {text}")


def turning_over(run: Finished) -> Check | None:
  """Whether other samples come into the dictionary."""
  question = "Is the dictionary turning over?"
  coverage, size = value(run, "dictionary_coverage"), _dictionary_share(run)
  if not coverage or size is None:
    return None
  times = coverage / size
  new = curve(run, "dictionary_new")[-_FEW_EPOCHS:]
  last = f"; in the last epochs {percent(float(np.mean(new)))}" if new else ""
  text = (
    f"Over the run {percent(coverage)} of the examples were in it, where it"
    f" holds {percent(size)} at a time{last and last + ' of it were new'}."
  )
  active = len(run.epochs) - (run.config.get("warmup_epochs") or 0)
  if active < _FEW_EPOCHS:
    return Check(question, UNKNOWN, f"Too few epochs to tell. {text}")
  if times < _HARDLY_NEW:
    return Check(
      question,
      LOOK,
      f"Hardly: nearly the same examples stayed in it. {text} That is no harm"
      " where they are right, but they are the easiest: a larger"
      " --config.dictionary_share or another --config.pusher brings in others.",
    )
  return Check(question, GOOD, f"Yes. {text}")


def _dictionary_share(run: Finished) -> float | None:
  """Of the examples that the dictionary holds at a time."""
  share = run.config.get("dictionary_share")
  if share:
    return share
  count, size = sum(run.network.class_counts), run.config.get("dictionary_size")
  return size / count if size and count else None


def all_classes(run: Finished) -> Check | None:
  """Whether every class has trustworthy samples."""
  question = "Are all classes in the dictionary?"
  least = value(run, "dictionary_coverage_min")
  if least is None or not value(run, "dictionary_coverage"):
    return None
  most = percent(value(run, "dictionary_coverage_max"))
  text = (
    f"Of the class of which fewest examples were in it these are"
    f" {percent(least)}, of the class of which most were {most}."
  )
  if least < _LEAST_COVERED:
    return Check(
      question,
      LOOK,
      f"Hardly. {text} The weights of a class that is not judged by examples of"
      " its own are poor.",
    )
  return Check(question, GOOD, f"Yes. {text}")
