"""Every number that a run logs at the end of an epoch: its group, what it is.

python -m fsr_jax.run.watch.scalars   # The table of docs/watching.md.
"""

from typing import NamedTuple

TRAIN, WEIGHTS, DICTIONARY = "train", "weights", "dictionary"
LABELS, SPEED = "labels", "speed"
# What is evaluated, as it is called in sentences.
_PARTS = {"test": "test part", "val": "validation part"}


class Scalar(NamedTuple):
  """One number.

  Attributes:
    group: under which TensorBoard shows it.
    about: what it is, a sentence.
  """

  group: str
  about: str


def _evaluated(part: str) -> dict[str, Scalar]:
  """What is logged of a part that is evaluated."""
  whole = _PARTS[part]
  of = {
    "loss": f"Mean cross entropy on the {whole}, in nats.",
    "top1": f"Accuracy: share of the {whole} whose class is predicted, 0-1.",
    "top5": f"Share of the {whole} whose class is among the five likeliest.",
    "balanced_accuracy": (
      f"Mean over the classes of the accuracy on each class of the {whole}:"
      " rare classes count as much as common ones."
    ),
  }
  average = " With the moving average (EMA) of the network's parameters."
  return {
    f"{part}_{name}{suffix}": Scalar(part, about + more)
    for suffix, more in (("", ""), ("_ema", average))
    for name, about in of.items()
  }


SCALARS: dict[str, Scalar] = {
  "epoch": Scalar(TRAIN, "Epochs done of the whole run."),
  "learning_rate": Scalar(TRAIN, "Learning rate of the epoch's last step."),
  "loss": Scalar(
    TRAIN,
    "The loss that is minimised, the mean over the epoch's steps, in nats: of"
    " weighted samples, with MixUp and re-labelling where they are on. The term"
    " of re-labelling can make it negative, which is no error.",
  ),
  "train_loss": Scalar(
    TRAIN,
    "Mean cross entropy of the training samples on the labels that were given"
    " to them, in nats.",
  ),
  "train_top1": Scalar(
    TRAIN,
    "Share of the training samples whose given label is predicted, 0-1. Where"
    " labels are wrong it should stay below 1: at 1 the wrong ones are learned"
    " by heart.",
  ),
  "lookahead_loss": Scalar(
    TRAIN,
    "The same as train_loss after the look-ahead step, a step that is taken on"
    " trial to learn the weights from.",
  ),
  "reward_loss": Scalar(
    TRAIN,
    "Mean loss, after the look-ahead step, on the trusted samples that judge"
    " it.",
  ),
  "skipped_steps": Scalar(
    TRAIN,
    "Steps of the run that were skipped, because their loss or gradient was"
    " infinite or NaN (on_nonfinite=skip).",
  ),
  **_evaluated("test"),
  **_evaluated("val"),
  "effective_batch": Scalar(
    WEIGHTS,
    "How evenly weight is spread over a batch: 1 where all samples have the"
    " same weight, 1/B where one of B samples has all of it.",
  ),
  "train_zero_weights": Scalar(
    WEIGHTS, "Share of the epoch's samples whose weight was 0."
  ),
  "zero_weight_fraction": Scalar(
    WEIGHTS, "Share of all training samples whose newest weight is 0."
  ),
  "zero_weight_fraction_clean": Scalar(
    WEIGHTS, "The same share among samples whose label is right, if known."
  ),
  "zero_weight_fraction_wrong": Scalar(
    WEIGHTS, "The same share among samples whose label is wrong, if known."
  ),
  "weight_clean": Scalar(
    WEIGHTS,
    "Mean weight of samples whose label is right, if known; 1 is what each"
    " sample has in plain training.",
  ),
  "weight_wrong": Scalar(
    WEIGHTS,
    "Mean weight of samples whose label is wrong, if known; below weight_clean"
    " where the weights tell wrong labels.",
  ),
  "wrong_weight_share": Scalar(
    WEIGHTS,
    "Share of all weight (a moving average) that wrong labels have, if known.",
  ),
  "zero_batches": Scalar(
    WEIGHTS, "Batches of the run in which every weight was 0."
  ),
  "dictionary_purity": Scalar(
    DICTIONARY,
    "Share of the dictionary (the trusted samples) whose label is right, if"
    " known.",
  ),
  "dictionary_coverage": Scalar(
    DICTIONARY,
    "Share of the training samples that were in the dictionary so far.",
  ),
  "dictionary_coverage_min": Scalar(
    DICTIONARY, "The same share of the class that has the least."
  ),
  "dictionary_coverage_max": Scalar(
    DICTIONARY, "The same share of the class that has the most."
  ),
  "dictionary_new": Scalar(
    DICTIONARY,
    "Share of the dictionary that was in none before: 0 where it stays the"
    " same.",
  ),
  "dictionary_difficulty": Scalar(
    DICTIONARY,
    "Mean over the dictionary of 1 - probability of the true class (a moving"
    " average), if it is known. Far below difficulty, only easy samples are"
    " trusted.",
  ),
  "difficulty": Scalar(DICTIONARY, "The same mean over all training samples."),
  "estimated_wrong_share": Scalar(
    LABELS,
    "Share of the labels that are wrong, as the run itself estimates it; there"
    " is none before it is sure of the clear cases.",
  ),
  "clear_cases_steady": Scalar(
    LABELS,
    "Share of the samples that the network is surest of which it called the"
    " same once more: from 0.95 on it is sure of the clear cases.",
  ),
  "examples_per_second": Scalar(
    SPEED, "Training examples a second, without compiling and evaluating."
  ),
  "refresh_seconds": Scalar(
    SPEED,
    "Seconds at the end of the epoch in which the dictionary was filled anew"
    " and the numbers of its tables were taken.",
  ),
  "evaluation_seconds": Scalar(SPEED, "Seconds that the evaluation took."),
}


def tag(name: str) -> str:
  """What TensorBoard calls a scalar: test/test_top1, for example."""
  return f"{SCALARS[name].group}/{name}"


def in_metrics(name: str) -> bool:
  """Whether a scalar is in metrics.jsonl.

  How fast a run was is not: the same run gives the same file.
  """
  return SCALARS[name].group != SPEED


def table() -> str:
  """All scalars as a table of Markdown."""
  rows = ["| in TensorBoard | what it is |", "|---|---|"]
  rows += [f"| `{tag(name)}` | {s.about} |" for name, s in SCALARS.items()]
  return "\n".join(rows)


if __name__ == "__main__":
  print(table())
