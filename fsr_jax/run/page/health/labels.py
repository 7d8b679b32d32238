"""Whether the list of wrong labels can be trusted."""

import numpy as np

from fsr_jax.reweighting.noise import FIRST_EPOCH, LAST_EPOCH, STEADY
from fsr_jax.run.page.finished import Finished
from fsr_jax.run.page.health.check import (
  GOOD,
  LOOK,
  Check,
  value,
  wrong_share,
)
from fsr_jax.run.page.words import percent, plural

# Share of the labels of a class.
_SUSPECTED = 0.8


def sure(run: Finished) -> Check | None:
  """Whether the estimate of wrong labels rests on something."""
  question = "Did the network become sure of its clear cases?"
  if run.samples is None:
    return None
  steady = value(run, "clear_cases_steady")
  share = "" if steady is None else f" ({percent(steady, 0)} the last time)"
  for scalars in run.epochs:
    if scalars.get("estimated_wrong_share") is not None:
      return Check(
        question,
        GOOD,
        f"Yes, at the end of epoch {scalars['epoch']}: of the examples that it"
        f" is surest of it called {percent(STEADY, 0)} or more the same twice"
        f"{share}. How many labels are wrong was estimated from the labels of"
        " these.",
      )
  if len(run.epochs) < FIRST_EPOCH:
    return Check(
      question,
      LOOK,
      "The run is too short to tell: clear cases are looked for from the third"
      " epoch on. Train longer (--config.num_epochs).",
    )
  return Check(
    question,
    LOOK,
    f"No: in {plural(min(LAST_EPOCH, len(run.epochs)), 'epoch')} it did not"
    f" call {percent(STEADY, 0)} of the examples that it is surest of the"
    f" same twice{share}. The number of wrong labels is then estimated too"
    " high. Pretrained weights, a smaller learning rate or longer training"
    " help.",
  )


def by_heart(run: Finished) -> Check | None:
  """Whether the network learned wrong labels."""
  question = "Were wrong labels learned by heart?"
  hit, wrong = value(run, "train_top1"), wrong_share(run)
  if hit is None or wrong is None or wrong < 0.01:
    return None
  text = (
    f"In the last epoch the network hits {percent(hit)} of the labels as they"
    f" were given, of which an estimated {percent(wrong)} are wrong."
  )
  if hit > 1 - wrong / 2:
    return Check(
      question,
      LOOK,
      f"It looks so. {text} Fewer epochs, or a method that re-labels"
      " (--config.method=fsr, elr), learn fewer of them.",
    )
  return Check(question, GOOD, f"No. {text}")


def whole_classes(run: Finished) -> Check | None:
  """Whether a class is suspected as a whole."""
  question = "Is a whole class under suspicion?"
  samples = run.samples
  if samples is None:
    return None
  size = len(run.classes)
  count = np.bincount(samples.given, minlength=size)
  suspect = np.bincount(samples.given[samples.issue], minlength=size)
  share = suspect / np.maximum(count, 1)
  overall = int(suspect.sum()) / max(int(count.sum()), 1)
  named = np.flatnonzero(share > max(_SUSPECTED, 1.2 * overall))
  most = int(share.argmax())
  if named.size:
    names = ", ".join(run.classes[c] for c in named[:5].tolist())
    return Check(
      question,
      LOOK,
      f"More than {percent(_SUSPECTED, 0)} of the labels of"
      f" {plural(named.size, 'class', 'classes')} look wrong ({names}): look"
      " whether the network tells this class at all, or whether it is the same"
      " as another one.",
    )
  text = f"The class with the largest share is {run.classes[most]}"
  return Check(question, GOOD, f"No. {text}, with {percent(share[most])}.")
