"""What a run tells: what it is, and what came of it."""

from fsr_jax import processes
from fsr_jax.config.validation import notices
from fsr_jax.data.dataset import Data
from fsr_jax.data.options import DataOptions
from fsr_jax.errors import reason
from fsr_jax.run import page, results
from fsr_jax.run.loop import Run
from fsr_jax.run.stop import SIGNALS
from fsr_jax.run.watch import opening
from fsr_jax.run.watch.screen import Screen, say


def carry_out(
  run: Run,
  stop_after_epochs: int | None = None,
  signals: tuple[int, ...] = SIGNALS,
  say: Screen = say,
) -> dict | None:
  """Trains a run, telling what it is and what came of it.

  Args:
    run: Run.
    stop_after_epochs, signals: as for `Run.train`.
    say: what the lines are handed to.

  Returns, Raises: as `Run.train`.
  """
  device, several = run.programs.devices.name, processes.count()
  device += f" in {several} processes" if several > 1 else ""
  say(opening.first(run.options, run.data, run.num_parameters, device))
  say(opening.settings(run.options, run.data))
  describe(run.options.train.data, run.data, say)
  for line in run.notes + notices(run.options, run.pictures):
    say(f"note: {line}")
  if 0 < run.step < run.num_steps:
    say(f"continuing from step {run.step}")
  summary = run.train(stop_after_epochs, signals)
  if summary is None:
    say(f"left at step {run.step}; the same command continues")
  else:
    conclude(summary, run.remarks, say)
    if run.options.run.report and processes.is_first():
      _draw(run, say)
  return summary


def _draw(run: Run, say: Screen) -> None:
  """Writes the page of a finished run; what fails in it costs nobody a run."""
  try:
    path = page.write(run.workdir, run.pictures)
    say(f"to look at, in a browser: {path}")
  except Exception as error:
    say(
      f"note: {page.NAME} was not written ({reason(error)}); the run is"
      " complete, and --mode=report writes the page"
    )


def describe(options: DataOptions, data: Data, say: Screen = say) -> None:
  """Tells what there is of each class, and what is tested."""
  say(opening.classes(data))
  say(opening.test_part(options, data))
  for line in opening.test_notes(data):
    say(f"note: {line}")


def conclude(
  summary: dict,
  remarks: list[str],
  say: Screen = say,
  step: str = results.LAST_STEP,
) -> None:
  say(f"\n{results.table(summary, step)}\n")
  for line in remarks:
    say(line)
