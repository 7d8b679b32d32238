"""The end of a run: its summary, its tables, what to know about them."""

from typing import NamedTuple

from fsr_jax import processes
from fsr_jax.config.options import RunOptions
from fsr_jax.data.dataset import Data
from fsr_jax.label_issues import LabelIssues
from fsr_jax.reweighting import ReweightingState
from fsr_jax.run import issues as issues_lib
from fsr_jax.run import monitor, results
from fsr_jax.run.steps import skipped_steps
from fsr_jax.run.watch.stopwatch import versions
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.evaluate import (
  ByClass,
  Outcome,
  count_by_class,
  named_scalars,
)
from fsr_jax.train.programs import Programs


class Finished(NamedTuple):
  """A run that is done.

  Attributes:
    step: training steps done.
    num_parameters: of the network.
    seconds_per_step: None where nothing was left to train.
    scalars: of the last epoch; {} where they are not known.
    reweighting: ReweightingState of numpy arrays.
    outcomes: name of a part -> Programs.outcomes of it.
  """

  step: int
  num_parameters: int
  seconds_per_step: float | None
  scalars: dict
  reweighting: ReweightingState
  outcomes: dict[str, dict[str, Outcome]]


def write(
  workdir: Workdir | None,
  programs: Programs,
  run: RunOptions,
  done: Finished,
) -> tuple[dict, list[str], LabelIssues | None]:
  """Writes summary.json, the label issues and, of a test part, its tables.

  Args:
    workdir: Workdir; None where another process writes.
    programs: of the run.
    run: RunOptions.
    done: Finished.

  Returns:
    (the summary; what to know about it, one line each; the list of wrong
    labels, None where predictions were not kept).
  """
  data, options = programs.data, programs.options
  previous = (workdir and workdir.read_summary()) or {}
  seconds = done.seconds_per_step or previous.get("seconds_per_step")
  summary: dict = {}
  for part, outcomes in done.outcomes.items():
    summary |= named_scalars(part, outcomes, data.num_classes)
  reweighting, batch_size = options.reweighting, options.optimization.batch_size
  trained = _trained(done.reweighting, data)
  found = issues_lib.label_issues(done.reweighting, data, reweighting)
  issues = found[0] if found else None
  summary |= {
    **monitor.measure(done.reweighting, data, reweighting),
    **issues_lib.measure(issues, data),
    # Means over the last epoch.
    **{
      key: done.scalars.get(key, previous.get(key))
      for key in ("effective_batch", "reward_loss", "train_top1")
    },
    "train_balanced_accuracy": trained.mean_accuracy,
    "seconds_per_step": seconds,
    "examples_per_second": seconds and batch_size / seconds,
    "epochs": options.optimization.num_epochs,
    "steps": done.step,
    "skipped_steps": skipped_steps(
      done.step, done.reweighting.tables.visits, batch_size
    ),
    "parameters": done.num_parameters,
    "method": run.method,
    "pusher": reweighting.pusher if reweighting.keeps_dictionary else None,
    "seed": run.seed,
    "device": programs.devices.name,
    "processes": processes.count(),
    "versions": versions(),
  }
  tested = done.outcomes.get("test", {})
  if workdir is not None:
    workdir.write_summary(summary)
    tables = results.tables(tested, data) if tested else {}
    for name, table in tables.items():
      workdir.write_table(name, table)
    if found:
      issues_lib.write(workdir.path, *found, data.class_names)
  if tested:
    train_top1 = summary["train_top1"]
    remarks = results.remarks(tested[""], data, options, train_top1)
  else:
    remarks = results.untested(trained, data, options)
  remarks += results.skipped(summary["skipped_steps"], done.step)
  remarks += _of_list(issues, done.reweighting, trained)
  return summary, remarks, issues


def _trained(reweighting: ReweightingState, data: Data) -> ByClass:
  """The training examples, as they were predicted when they came last."""
  tables = reweighting.tables
  there = tables.visits > 0
  return count_by_class(
    data.train.label[there], tables.predicted[there], data.num_classes
  )


def _of_list(
  issues: LabelIssues | None, reweighting: ReweightingState, trained: ByClass
) -> list[str]:
  """What to know about the list of wrong labels."""
  anchors = reweighting.anchors
  settled = anchors is not None and bool(anchors.settled)
  lines = issues_lib.remarks(issues, settled)
  guessed = results.guesses(trained.examples, trained.mean_accuracy)
  if issues is not None and guessed:
    lines.append(
      "note: this list says nothing: a network that guesses the labels that it"
      " was trained on tells no wrong one from a right one"
    )
  return lines
