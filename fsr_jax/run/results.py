"""What a network is worth: tables of its accuracy, and what to look at."""

import math

import numpy as np

from fsr_jax.data.dataset import Data
from fsr_jax.run.watch.opening import number, plural, shown, test_notes
from fsr_jax.run.workdir import Table
from fsr_jax.train.evaluate import (
  ByClass,
  Outcome,
  by_class,
  confusions,
)
from fsr_jax.train.options import TrainOptions

# Which network is meant, in the words of the table.
LAST_STEP = "last step"
_TABLE = (
  (f"test accuracy, {LAST_STEP}", "test_top1"),
  ("test accuracy, EMA weights", "test_top1_ema"),
  ("test accuracy, balanced by class", "test_balanced_accuracy"),
  ("test top-5 accuracy", "test_top5"),
  (f"validation accuracy, {LAST_STEP}", "val_top1"),
  ("validation accuracy, EMA weights", "val_top1_ema"),
  ("labels that look wrong", "label_issues"),
  ("share of those that are wrong", "label_issue_precision"),
  ("share of the wrong labels found", "label_issue_recall"),
  ("dictionary purity", "dictionary_purity"),
  ("dictionary coverage, whole run", "dictionary_coverage"),
  ("difficulty of the dictionary", "dictionary_difficulty"),
  ("difficulty of all samples", "difficulty"),
  ("share of the weight on wrong labels", "wrong_weight_share"),
  ("mean weight of right labels (plain: 1)", "weight_clean"),
  ("mean weight of wrong labels (plain: 1)", "weight_wrong"),
  ("batches without any weight", "zero_batches"),
)
# Up to so many classes confusion.csv is a table of all pairs, which a person
# can look at; of more it lists the pairs that occur.
_MOST_COLUMNS = 100
# Classes and confusions named at the end of a run.
_NAMED = 3
# From this share of the predictions on, a class is as good as the only one.
_ONLY_CLASS = 0.9


def table(summary: dict, step: str = LAST_STEP) -> str:
  """The short table at the end, without what is unknown; `step` is of it."""
  width = max(len(words) for words, _ in _TABLE)
  rows = []
  for words, key in _TABLE:
    value = summary.get(key)
    if value is not None:
      text = str(value) if isinstance(value, int) else number(value, 4)
      told = words.replace(LAST_STEP, step)
      rows.append(f"  {told:<{width}}  {text:>7}")
  return "\n".join(rows)


def tables(outcomes: dict[str, Outcome], data: Data) -> dict[str, Table]:
  """The tables of a test part by the names of their files."""
  return {
    "per_class.csv": per_class(outcomes, data),
    "confusion.csv": confusion(outcomes[""], data),
  }


def per_class(outcomes: dict[str, Outcome], data: Data) -> Table:
  """per_class.csv: a row a class.

  Args:
    outcomes: of the test part, from Programs.outcomes.
    data: Data.

  Returns:
    Table of class, train_examples (by given label), test_examples, accuracy
    (share of them predicted right), accuracy_ema (with the average of the
    parameters), predicted (test examples that are said to be of this class)
    and precision (share of those that are); None where there are none.
  """
  size = data.num_classes
  counts, ema = (by_class(outcomes[name], size) for name in ("", "_ema"))
  columns = {
    "class": np.array(data.class_names),
    "train_examples": np.bincount(data.train.label, minlength=size),
    "test_examples": counts.examples,
    "accuracy": counts.accuracy,
    "accuracy_ema": ema.accuracy,
    "predicted": counts.predicted,
    "precision": counts.precision,
  }
  known = (
    [None if x != x else x for x in c.tolist()] for c in columns.values()
  )
  return Table(list(columns), list(zip(*known)))


def confusion(outcome: Outcome, data: Data) -> Table:
  """confusion.csv: which classes are taken for which.

  Args:
    outcome: of the test part.
    data: Data.

  Returns:
    Of 100 classes at most a row for each true class, and in the column of each
    class how many of its examples were said to be of that one. Of more classes
    a row (true, predicted, examples) for each pair that occurs, the commonest
    first.
  """
  names = data.class_names
  pairs = confusions(outcome, len(names))
  if len(names) > _MOST_COLUMNS:
    pairs = pairs[np.argsort(-pairs[:, 2], kind="stable")]
    return Table(
      ["true", "predicted", "examples"],
      [(names[true], names[said], n) for true, said, n in pairs.tolist()],
    )
  matrix = np.zeros((len(names), len(names)), np.int64)
  matrix[pairs[:, 0], pairs[:, 1]] = pairs[:, 2]
  rows = [(name, *row) for name, row in zip(names, matrix.tolist())]
  return Table(["true \\ predicted", *names], rows)


def remarks(
  outcome: Outcome | None,
  data: Data,
  options: TrainOptions,
  train_top1: float | None = None,
) -> list[str]:
  """What to know about a result, one line each.

  Args:
    outcome: of the test part, with the parameters of the last step; None where
      there is none, and nothing to know.
    data: Data.
    options: of the run.
    train_top1: accuracy on the given labels of the last epoch's training
      examples; None where it is not known.

  Returns:
    The classes that are told worst and the commonest confusions; whether the
    test part says little; whether the network guesses, and what to look at.
  """
  if outcome is None:
    return []
  counts = by_class(outcome, data.num_classes)
  lines = [f"note: {line}" for line in test_notes(data)]
  if guesses(counts.examples, counts.mean_accuracy):
    told = _told(counts, data, "test")
    return [*lines, f"note: {told}{_advice(data, options, train_top1)}"]
  return [*_weak(outcome, counts, data), *lines]


def untested(counts: ByClass, data: Data, options: TrainOptions) -> list[str]:
  """The same of a run that has no test part, by what it was trained on.

  Args:
    counts: of the training examples, by their given labels.
    data: Data.
    options: of the run.

  Returns:
    A line where the network guesses.
  """
  if not guesses(counts.examples, counts.mean_accuracy):
    return []
  return [f"note: {_told(counts, data, 'training')}{_advice(data, options)}"]


def skipped(count: int, steps: int) -> list[str]:
  """What is said at the end of steps that were skipped.

  Args:
    count: of them.
    steps: of the run.
  """
  if not count:
    return []
  were = plural(count, "step was", "steps were")
  return [
    f"note: {were} skipped of {steps:,}, because the loss or a gradient was"
    " infinite or NaN (on_nonfinite=skip)"
  ]


def _weak(outcome: Outcome, counts: ByClass, data: Data) -> list[str]:
  """The classes of the lowest accuracy, and what is taken for what."""
  accuracy, lines = counts.accuracy, []
  tested = np.flatnonzero(counts.examples)
  order = tested[np.argsort(accuracy[tested], kind="stable")]
  worst = [c for c in order[:_NAMED] if accuracy[c] < 1]
  if worst and tested.size > 1:
    named = [
      f"{shown(data.class_names[c])} {accuracy[c]:.3f} (of"
      f" {counts.examples[c]:,})"
      for c in worst
    ]
    lines.append(f"lowest accuracy by class: {', '.join(named)}")
  pairs = confusions(outcome, data.num_classes)
  pairs = pairs[pairs[:, 0] != pairs[:, 1]]
  pairs = pairs[np.argsort(-pairs[:, 2], kind="stable")][:_NAMED]
  if len(pairs):
    named = [
      f"{shown(data.class_names[true])} as"
      f" {shown(data.class_names[predicted])} ({plural(count, 'time')})"
      for true, predicted, count in pairs.tolist()
    ]
    lines.append(f"most often mistaken: {', '.join(named)}")
  return lines


def guesses(examples: np.ndarray, mean_accuracy: float) -> bool:
  """Whether predictions tell no more of the labels than chance.

  Whoever guesses without looking is right on 1/C of the mean class, even by
  always naming the commonest; what exceeds it by two standard errors (or by a
  tenth of what is left, where few examples make those large) is more.

  Args:
    examples: [C], how many of each class were predicted.
    mean_accuracy: over the classes that have any.
  """
  examples = examples[examples > 0]
  if examples.size < 2:
    return False  # One class alone tells nothing.
  chance = 1 / examples.size
  error = math.sqrt(np.sum(chance * (1 - chance) / examples)) / examples.size
  return mean_accuracy <= chance + min(2 * error, 0.1 * (1 - chance))


def _told(counts: ByClass, data: Data, part: str) -> str:
  """In plain words, that the network guesses the examples of a part."""
  there = int((counts.examples > 0).sum())
  on = " the labels that it was trained on" if part == "training" else ""
  text = (
    f"the network does no better than guessing{on}: its mean accuracy over"
    f" {there:,} classes is {counts.mean_accuracy:.3f}, and guessing gives"
    f" {1 / there:.3f}."
  )
  common = int(counts.predicted.argmax())
  share = counts.predicted[common] / counts.predicted.sum()
  if share >= _ONLY_CLASS:
    text += (
      f" It says {shown(data.class_names[common])} of {share:.0%} of the {part}"
      " images."
    )
  return text


def _advice(
  data: Data, options: TrainOptions, train_top1: float | None = None
) -> str:
  """What to look at where the network guesses."""
  text = ""
  rate = options.optimization.learning_rate
  epochs = options.optimization.num_epochs
  looks = [
    f"the learning rate (learning_rate={rate:g}; try {rate / 10:g} and"
    f" {rate * 10:g})",
    f"the length of the training ({plural(epochs, 'epoch')})",
    "whether the labels belong to their images",
  ]
  if options.data.labels_file:
    looks[-1] += f" (data.labels_file={options.data.labels_file})"
  largest = np.bincount(data.train.label).max() / len(data.train)
  if train_top1 is not None and train_top1 > (1 + largest) / 2:
    text += (
      f" But it hits {train_top1:.3f} of the training labels, so that it has"
      " learned them."
    )
    looks = [
      "whether the classes of the test part mean what those of the training"
      " part do",
      looks[-1],
    ]
  return f"{text} Look at {', '.join(looks[:-1])} and {looks[-1]}"
