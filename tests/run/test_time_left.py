"""What is left, by hand."""

from absl.testing import absltest

from fsr_jax.run.watch.time_left import TimeLeft, Work


class TimeLeftTest(absltest.TestCase):
  def test_nothing_is_said_before_something_is_measured(self):
    left = TimeLeft({"steps": Work(10), "saving": Work(2, ("steps", 0.0))})
    self.assertIsNone(left.seconds())
    left.did("steps", 1, 30.0, compiled=True)
    left.did("saving", 1, 1.0)
    self.assertIsNone(left.seconds())
    left.did("steps", 2, 4.0)
    # Seven steps of 2 s and another second of saving.
    self.assertAlmostEqual(left.seconds(), 7 * 2 + 1)

  def test_what_is_not_measured_takes_what_it_is_like(self):
    left = TimeLeft(
      {
        "steps": Work(10),
        "dear": Work(20, ("steps", 1.5), 1.0),
        "evaluation": Work(100, ("dear", 0.1), 0.5),
      }
    )
    left.did("steps", 1, 30.0, compiled=True)
    left.did("steps", 1, 2.0)
    expected = 8 * 2 + (20 * 3 + 30) + (100 * 0.3 + 15)
    self.assertAlmostEqual(left.seconds(), expected)
    left.did("dear", 1, 25.0, compiled=True)
    self.assertAlmostEqual(left.seconds(), expected - 3 - 30)
    self.assertIsNone(left.measured("dear"))
    left.did("dear", 1, 4.0)
    self.assertAlmostEqual(left.measured("dear"), 4)
    self.assertAlmostEqual(left.seconds(), 8 * 2 + 18 * 4 + 100 * 0.4 + 15)

  def test_what_is_30_seconds_older_counts_half(self):
    left = TimeLeft({"steps": Work(100)})
    left.did("steps", 10, 30.0)
    left.did("steps", 20, 30.0)
    # (30 / 2 + 30) seconds for (10 / 2 + 20) steps.
    self.assertAlmostEqual(left.measured("steps"), 45 / 25)

  def test_more_than_was_foreseen_is_not_less_than_nothing(self):
    left = TimeLeft({"steps": Work(1)})
    left.did("steps", 5, 5.0)
    self.assertEqual(left.seconds(), 0)


if __name__ == "__main__":
  absltest.main()
