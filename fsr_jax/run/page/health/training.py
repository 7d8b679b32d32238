"""Whether the network learned, and for as long as it should."""

import numpy as np

from fsr_jax.run.page.finished import Finished
from fsr_jax.run.page.health.check import (
  GOOD,
  LOOK,
  Check,
  curve,
  guessing,
  learns_weights,
  value,
  wrong_share,
)
from fsr_jax.run.page.words import percent, plural
from fsr_jax.run.results import guesses

# Share of what is learned beyond guessing.
_KNOWS = 0.25
# Share of what is not learned yet.
_RISING = 0.05
_FEW_EPOCHS = 5


def better_than_guessing(run: Finished) -> Check | None:
  """Whether the network has learned anything."""
  question = "Does the network do better than guessing?"
  if run.tested is not None:
    balanced, of = value(run, "test_balanced_accuracy"), "of the test part"
    examples = run.tested["test_examples"]
  else:
    balanced = value(run, "train_balanced_accuracy")
    of = "on the labels as they were given"
    examples = np.array(run.network.class_counts)
  if balanced is None:
    return None
  size = np.count_nonzero(examples)
  text = (
    f"Its mean accuracy over the {size:,} classes {of} is {percent(balanced)};"
    f" guessing gives {percent(1 / size)}."
  )
  if guesses(examples, balanced):
    return Check(
      question,
      LOOK,
      f"Hardly. {text} Look at the learning rate, at the length of the"
      " training, and whether the labels belong to their images.",
    )
  return Check(question, GOOD, f"Yes. {text}")


def warmup(run: Finished) -> Check | None:
  """Whether weights were learned from the right epoch on."""
  question = "Was the warm-up of the right length?"
  epochs = run.config.get("warmup_epochs") or 0
  hits = curve(run, "train_top1")
  if not learns_weights(run) or not 0 < epochs < len(hits):
    return None
  at, best, guess = hits[epochs - 1], max(hits), guessing(run)
  text = (
    f"At its end, after {plural(epochs, 'epoch')}, the network hit"
    f" {percent(at)} of the labels as they were given; always naming the"
    f" commonest class hits {percent(guess)}, and the most that it reached is"
    f" {percent(best)}."
  )
  wrong = wrong_share(run)
  if wrong is not None and wrong > 0.02 and at > 1 - wrong / 2:
    return Check(
      question,
      LOOK,
      f"It may have been too long: {text} An estimated {percent(wrong)} of the"
      " labels are wrong, so that it had learned wrong ones by heart. Try a"
      " smaller --config.warmup_epochs.",
    )
  if best > guess and at < guess + _KNOWS * (best - guess):
    return Check(
      question,
      LOOK,
      f"It may have been too short: {text} The first dictionary was picked by a"
      " network that knew little. Try a larger --config.warmup_epochs.",
    )
  return Check(question, GOOD, f"It seems so. {text}")


def long_enough(run: Finished) -> Check | None:
  """Whether the training was over too soon."""
  question = "Was the training long enough?"
  hits = curve(run, "train_top1")
  if len(hits) < 2 * _FEW_EPOCHS:
    return Check(
      question,
      LOOK,
      f"A run of {plural(len(hits), 'epoch')} is short; usual are 60 and"
      " more for small sets.",
    )
  tenth = max(1, len(hits) // 10)
  before, last = np.mean(hits[-2 * tenth : -tenth]), np.mean(hits[-tenth:])
  text = (
    f"The last {plural(tenth, 'epoch')} changed the accuracy on the training"
    f" labels from {percent(float(before))} to {percent(float(last))}."
  )
  if last - before > _RISING * (1 - before):
    return Check(
      question,
      LOOK,
      f"It was still learning. {text} Try a larger --config.num_epochs in a"
      " new workdir.",
    )
  return Check(question, GOOD, f"It had settled. {text}")
