"""The progress of a run by a clock of the test's own."""

from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.run.watch import progress, screen
from fsr_jax.run.watch.epochs import Epochs
from fsr_jax.run.watch.progress import Countdown
from fsr_jax.run.watch.screen import Screen
from tests import shrunk

SCALARS = {"loss": 1.25, "train_top1": 0.5, "effective_batch": 0.8}


class Programs:
  """As much of them as progress looks at: ten steps an epoch; an epoch from
  `warmup` on draws rewards."""

  def __init__(self, warmup: int, part: str = "test", data=None):
    self.data = data or shrunk.random_data(160, num_test=40)
    self.parts = {part: self.data.test}
    self.steps_per_epoch = 10
    self._warmup = warmup

  def rewarded(self, epoch: int) -> bool:
    return epoch >= self._warmup


class Recorded(Screen):
  """What was shown."""

  def __init__(self):
    super().__init__()
    self.lines: list[str] = []

  def __call__(self, line: str) -> None:
    self.lines.append(line)


class FakeRun:
  """A run of 16 samples a step on a machine whose time is known."""

  def __init__(self, test: absltest.TestCase, programs, say=None, **fields):
    self.clock = mock.Mock(return_value=0.0)
    for module in (progress, screen):
      test.enter_context(
        mock.patch.object(module.time, "monotonic", self.clock)
      )
    self.programs, self.say = programs, say or Recorded()
    options = shrunk.options(
      batch_size=16, reward_batch_size=16, checkpoint_every_epochs=100, **fields
    )
    self.epochs = Epochs(
      options, programs, 0, self.say, fields.pop("faster", "")
    )
    # (seconds that have passed, seconds that are left by the line).
    self.left: list[tuple[float, float]] = []

  def takes(self, seconds: float) -> None:
    self.clock.return_value += seconds

  def epoch(self, epoch: int, step=1.0, compiling=0.0, evaluation=4.0) -> None:
    """Two calls of five steps each; each hands over what the one before did."""
    self.epochs.begin(epoch)
    self.takes(compiling)
    self.epochs.called(epoch, 5)
    self.takes(5 * step)
    self.epochs.called(epoch, 5)
    self.shown(epoch, 5)
    self.takes(5 * step)
    self.epochs.trained(epoch)
    self.shown(epoch, 10)
    self.takes(0.5)
    self.epochs.refreshed()
    parts = list(self.programs.parts)
    self.epochs.evaluating(parts)
    self.takes(evaluation)
    self.epochs.evaluated(parts)
    self.shown(epoch, 10)

  def shown(self, epoch: int, done: int) -> None:
    self.epochs.line(10 * epoch + done, epoch, SCALARS)
    left = self.epochs._progress.left()
    if left is not None:
      self.left.append((self.clock(), left))


class TimeLeftTest(parameterized.TestCase):
  def test_it_does_not_jump_where_something_is_compiled_or_evaluated(self):
    """Steps of 1 s, 16/48 more with rewards; 20 s of compiling twice."""
    run = FakeRun(self, Programs(warmup=5), num_epochs=20)
    for epoch in range(20):
      rewarded = epoch >= 5
      run.epoch(
        epoch,
        step=4 / 3 if rewarded else 1.0,
        compiling=20.0 if epoch in (0, 5) else 0.0,
      )
    end = run.clock()
    self.assertAlmostEqual(end, 2 * 20 + 50 + 200 + 20 * 4.5)
    ends = np.array([now + left for now, left in run.left])
    # The first estimates know of evaluations only what they are like, 40 / 16
    # steps at 2/3 of their price, and nothing of the refresh.
    self.assertGreater(ends.min(), 0.85 * end)
    # All later ones, the second compiling among them, are as good as right.
    later = ends[[now > 2 * 40 for now, _ in run.left]]
    np.testing.assert_allclose(later, end, rtol=0.01)

  def test_a_run_that_is_continued_has_less_left(self):
    options = shrunk.options(num_epochs=10, batch_size=16)
    works = [
      Epochs(options, Programs(warmup=5), step, Recorded())._works(step)
      for step in (0, 37, 70)
    ]
    steps = [(w["steps"].left, w["steps with rewards"].left) for w in works]
    self.assertEqual(steps, [(50, 50), (13, 50), (0, 30)])
    self.assertEqual([w["refresh"].left for w in works], [10, 7, 3])
    self.assertEqual([w["evaluation"].left for w in works], [400, 280, 120])

  @parameterized.parameters((37.0, 1), (15.0, 0))
  def test_a_long_run_is_told_what_is_faster_once(self, step, count):
    run = FakeRun(self, Programs(warmup=99), num_epochs=11)
    run.epochs._faster = "do less"
    # Compiling takes an hour, and later epochs do.
    for epoch, seconds in enumerate((step, step, 400.0)):
      run.epoch(epoch, seconds, 3600.0 if epoch == 0 else 0.0, evaluation=0.0)
    text = "\n".join(run.say.lines)
    self.assertEqual(text.count("note: that is long: do less"), count)


class LinesTest(parameterized.TestCase):
  @parameterized.parameters("test", "val")
  def test_a_line_that_stays(self, part):
    run = FakeRun(self, Programs(9, part), num_epochs=2)
    run.epochs.update(
      {
        "test_top1": 0.1,
        f"{part}_top1": 0.75,
        f"{part}_top1_ema": 0.5,
        "dictionary_purity": 0.9,
      }
    )
    run.epoch(0, compiling=2.0, evaluation=0.0)
    self.assertEqual(run.say.lines[0], "compiling the training step")
    common = f"loss 1.250  train 0.500  {part} 0.750 (ema 0.500)  purity 0.900"
    self.assertEqual(
      run.say.lines[1:3],
      [
        f"epoch 1/2  step  5/20  {common}  effective batch 0.80"
        "  compiling took 2 s  7 s",
        f"epoch 1/2  step 10/20  {common}  effective batch 0.80  16.0 images/s"
        "  12 s  14 s left",
      ],
    )
    run.epoch(1, evaluation=0.0)
    self.assertIn("  16.0 images/s  ", run.say.lines[-2])
    self.assertEndsWith(run.say.lines[-1], "  23 s")

  def test_each_program_that_is_compiled_is_named(self):
    run = FakeRun(self, Programs(warmup=2), num_epochs=4)
    for epoch in range(4):
      run.epoch(epoch, compiling=9.0 * (epoch in (0, 2)))
    self.assertEqual(
      [line for line in run.say.lines if line.startswith("compiling")],
      [
        "compiling the training step",
        "compiling the training step, now with a reward batch",
      ],
    )

  def test_the_line_in_place(self):
    class InPlace(Recorded):
      in_place = True

      def rewrite(self, share, before, parts):
        self.lines.append(f"{share:.2f} {before}: {' '.join(parts)}")

    vectors = shrunk.random_data(160, shape=(3,), num_test=40)
    run = FakeRun(self, Programs(99, data=vectors), InPlace(), num_epochs=10)
    run.epoch(0, compiling=2.0)
    run.epoch(1)
    line = "0.20 epoch  2/10: loss 1.25 train 0.500 16.0 examples/s"
    self.assertEqual(
      run.say.lines[-3:],
      [
        # 80 steps, nine evaluations like 5/3 of a step; then eight of 4 s and
        # as many refills of half a second.
        f"{line} 1 min 35 s left",
        "0.20 epoch  2/10: evaluating the test part",
        f"{line} 1 min 56 s left",
      ],
    )

  def test_speed_of_an_epoch(self):
    run = FakeRun(self, Programs(warmup=9), num_epochs=4)
    run.epoch(0, compiling=7.0)
    run.epoch(1, step=0.5, evaluation=3.0)
    self.assertEqual(
      run.epochs.speed(),
      {
        "examples_per_second": 32.0,
        "refresh_seconds": 0.5,
        "evaluation_seconds": 3.0,
      },
    )
    run.epochs.begin(2)
    self.assertIsNone(run.epochs.speed()["evaluation_seconds"])


class CountdownTest(absltest.TestCase):
  def test_lines(self):
    say = Recorded()
    with mock.patch.object(progress.time, "monotonic") as clock:
      clock.return_value = 0.0
      with Countdown("features", 100, "images", 10.0, say) as countdown:
        for clock.return_value, count in ((8.0, 10), (9.0, 20), (11.0, 40)):
          countdown.add(count)
        clock.return_value = 12.0
        countdown.add(30)
    self.assertEqual(
      say.lines,
      [
        "features 70/100  20.0 images/s  11 s  1 s left",
        "features 100/100  22.6 images/s  12 s",
      ],
    )


if __name__ == "__main__":
  absltest.main()
