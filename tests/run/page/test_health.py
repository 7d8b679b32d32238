"""Verdicts on runs made by hand: each check finds what it is for."""

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.run.page.health import GOOD, LOOK, UNKNOWN, checks
from tests.run.page import made


def epochs(count=60, **curves):
  """Scalars of so many epochs; a curve is a function of the epoch."""
  return [
    {"epoch": e, **{name: curve(e) for name, curve in curves.items()}}
    for e in range(1, count + 1)
  ]


def learned(e):
  """Accuracy on the given labels that rises to 0.8 and stays."""
  return min(0.8, 0.4 + 0.05 * e)


WEIGHTS = np.array([0.1] * 6 + [1.2] * 24)
HEALTHY = {
  "test_balanced_accuracy": 0.9,
  "estimated_wrong_share": 0.2,
  "clear_cases_steady": 0.98,
  "expected_wrong": 6.0,
  "zero_weight_fraction": 0.1,
  "effective_batch": 0.7,
  "zero_batches": 0,
  "steps": 600,
  "dictionary_coverage": 0.5,
  "dictionary_coverage_min": 0.4,
  "dictionary_coverage_max": 0.6,
  "train_top1": 0.8,
}


def verdicts(
  summary=None,
  config=None,
  curves=None,
  weight=WEIGHTS,
  count=60,
  tested=(20, 20, 20),
):
  score = [0.1] * 6 + [0.9] * 24
  given = np.arange(30) % 3
  found = made.samples(given, (given + 1) % 3, score, weight=weight)
  known = {"train_top1": learned, "estimated_wrong_share": lambda e: 0.2}
  run = made.finished(
    found,
    tested=tested and {"test_examples": np.array(tested, float)},
    summary={**HEALTHY, **(summary or {})},
    config={"batch_size": 10, "dictionary_share": 0.2, **(config or {})},
    epochs=epochs(count, **{**known, **(curves or {})}),
  )
  return {check.question: check.verdict for check in checks(run)}


class HealthTest(parameterized.TestCase):
  def test_a_healthy_run(self):
    found = verdicts()
    self.assertLen(found, 10)
    self.assertEqual(set(found.values()), {GOOD}, found)

  @parameterized.named_parameters(
    ("guesses", "better than guessing", {"test_balanced_accuracy": 0.36}),
    ("collapsed", "collapsed", {"effective_batch": 0.1}),
    ("empty_batches", "collapsed", {"zero_batches": 30}),
    ("same_dictionary", "turning over", {"dictionary_coverage": 0.21}),
    ("a_class_left_out", "all classes", {"dictionary_coverage_min": 0.0}),
    ("by_heart", "by heart", {"train_top1": 0.97}),
    ("right_ones_left_out", "weigh less", {"zero_weight_fraction": 0.6}),
  )
  def test_finds_it(self, words, summary):
    found = verdicts(summary)
    ill = {question for question, v in found.items() if v == LOOK}
    self.assertLen(ill, 1)
    self.assertIn(words, ill.pop())

  @parameterized.named_parameters(
    # Two standard errors of 3 x 20 guesses are 0.12, a tenth of 2/3 is less;
    # of 3 x 2,000 they are 0.012. Of two classes a half is guessed.
    ("few", (20, 20, 20), 0.39, LOOK),
    ("many", (2000, 2000, 2000), 0.39, GOOD),
    ("two_classes", (2000, 2000, 0), 0.5, LOOK),
    ("trained_on", None, 0.39, LOOK),
  )
  def test_guessing_is_as_at_the_end_of_a_run(self, tested, balanced, verdict):
    """The rule of results.guesses; without a test part by training labels."""
    part = "train" if tested is None else "test"
    found = verdicts({f"{part}_balanced_accuracy": balanced}, tested=tested)
    question = "Does the network do better than guessing?"
    self.assertEqual(found[question], verdict)

  @parameterized.named_parameters(
    ("too_short", lambda e: 0.34 if e < 20 else 0.8),
    ("too_long", lambda e: 0.95),
  )
  def test_warmup(self, curve):
    found = verdicts(curves={"train_top1": curve})
    self.assertEqual(found["Was the warm-up of the right length?"], LOOK)

  def test_still_learning(self):
    found = verdicts(curves={"train_top1": lambda e: 0.3 + 0.008 * e})
    self.assertEqual(found["Was the training long enough?"], LOOK)

  def test_weights_that_do_not_follow(self):
    found = verdicts(weight=np.ones(30))
    self.assertEqual(found["Do wrong labels weigh less?"], LOOK)

  def test_never_sure(self):
    found = verdicts(
      {"estimated_wrong_share": None},
      curves={"estimated_wrong_share": lambda e: None},
    )
    question = "Did the network become sure of its clear cases?"
    self.assertEqual(found[question], LOOK)

  def test_plain_training_is_asked_nothing_of_weights(self):
    found = verdicts(
      {"dictionary_coverage": None, "dictionary_coverage_min": None},
      {"weighting": "uniform"},
    )
    words = "".join(found)
    for absent in ("weigh", "dictionary", "warm-up"):
      self.assertNotIn(absent, words)

  def test_short_run(self):
    found = verdicts(count=4, config={"num_epochs": 4, "warmup_epochs": 1})
    self.assertEqual(found["Is the dictionary turning over?"], UNKNOWN)
    self.assertEqual(found["Was the training long enough?"], LOOK)


if __name__ == "__main__":
  absltest.main()
