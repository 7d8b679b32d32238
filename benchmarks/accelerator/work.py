"""Doing a row: a run as main.py does it, or a measurement."""

import functools
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

from benchmarks import cost, scales
from benchmarks.accelerator import speed, trace
from benchmarks.accelerator.rows import Beside, Sizes
from benchmarks.runner import ROOT, Job
from fsr_jax.data.sources import Source
from fsr_jax.errors import InputError
from fsr_jax.run import account
from fsr_jax.run.loop import Run

# Of cost.ROWS; those with a profile.
COST_ROWS = ("plain", cost.BASE, "fsr")
PROFILED = (cost.BASE, "fsr")
# Operations of a profile that are kept.
_TOP = 15
_NO_TORCH = "torch is not installed"


def one_line(error: Exception) -> str:
  """What went wrong, the first line of it."""
  return (str(error).strip().splitlines() or [repr(error)])[0]


def train(job: Job, source: Source) -> dict | None:
  """The run of a job, continued where it was left.

  Args:
    job: Job.
    source: its data.

  Returns:
    Its summary; None where it was asked to leave.
  """
  config = scales.load(list(job.arguments))
  run = Run(config, str(job.workdir), source=source)
  return account.carry_out(run)


def cost_of_a_step(sizes: Sizes, folder: pathlib.Path) -> dict:
  """What fsr costs beside plain training, with a profile of both.

  Args:
    sizes: Sizes.
    folder: for the profiles.

  Returns:
    {"of": what it is of, "figures": as `cost.figures`, "operations": row ->
    {"seconds": of all, "top": [(name, seconds, count), ...]} or {"problem": why
    there are none}}.
  """
  batch_size, rewards = sizes.batch_size, 2 * sizes.batch_size  # B, Q.
  data = cost.images(rewards, sizes.image_size)
  compiled = functools.partial(cost.compiled, data=data)
  rows = {
    name: compiled(
      cost.options_of(
        {**cost.ROWS[name], "compute_dtype": "bfloat16"},
        sizes.network,
        batch_size,
        rewards,
      )
    )
    for name in COST_ROWS
  }
  seconds = cost.timed(rows, data, batch_size, sizes.rounds)
  operations = {}
  for name in PROFILED:
    place = folder / name.replace(" + ", "_").lower()
    try:
      found = trace.record(rows[name], data, batch_size, place)
    # Not every machine lets itself be profiled; the figures stand without.
    except Exception as error:
      operations[name] = {"problem": one_line(error)}
      continue
    operations[name] = {
      "seconds": sum(operation.seconds for operation in found),
      "top": found[:_TOP],
    }
  return {
    "of": f"{sizes.network}, {sizes.image_size} pixels, B = {batch_size},"
    f" Q = {rewards}, {sizes.rounds} rounds, bfloat16",
    "figures": cost.figures(rows, seconds),
    "operations": operations,
  }


def beside(sizes: Beside, log: pathlib.Path) -> dict:
  """Plain training steps of a network, ours and PyTorch's.

  Args:
    sizes: Beside.
    log: file for what PyTorch says besides.

  Returns:
    {"ways": [{"library", "way", "images_per_second", "problem", ...}]}.
  """
  batch_size, side = sizes.batch_size, sizes.image_size
  ours = speed.measure(
    speed.plain(sizes.network, batch_size),
    speed.noise(batch_size, side, sizes.classes),
    full_calls=True,
  )
  count = ours.steps_per_call
  way = f"{count} steps a call" if count > 1 else "one step a call"
  found = [
    {
      "library": "JAX",
      "way": way,
      "images_per_second": ours.images_per_second,
      "problem": None,
    }
  ]
  return {"ways": found + in_pytorch(sizes, log)}


def in_pytorch(sizes: Beside, log: pathlib.Path) -> list[dict]:
  """The ways of benchmarks/pytorch_resnet.py, which runs beside us."""

  def problem(text):
    return {"library": "PyTorch", "way": "all", "problem": text}

  if not _has_torch():
    return [problem(_NO_TORCH)]
  command = [
    *(sys.executable, str(ROOT / "benchmarks" / "pytorch_resnet.py")),
    f"--network={sizes.network}",
    f"--batch_size={sizes.batch_size}",
    f"--image_size={sizes.image_size}",
    f"--classes={sizes.classes}",
    f"--steps={sizes.steps}",
    *([f"--ways={','.join(sizes.ways)}"] if sizes.ways else []),
  ]
  with open(log, "w+", encoding="utf-8") as errors:
    # A session of its own: Ctrl-C in a terminal reaches us alone, and we end
    # the child.
    child = subprocess.run(
      command,
      stdin=subprocess.DEVNULL,
      stdout=subprocess.PIPE,
      stderr=errors,
      text=True,
      start_new_session=True,
      check=False,
    )
    errors.seek(0)
    said = errors.read().split("\n")
  found = [json.loads(line) for line in child.stdout.splitlines()]
  if child.returncode:
    last = next((line for line in reversed(said) if line.strip()), "no words")
    found.append(problem(f"ended with {child.returncode}: {last}"))
  return [{"library": "PyTorch", **line} for line in found]


def _has_torch() -> bool:
  return importlib.util.find_spec("torch") is not None


def lacked_torch(result: dict) -> bool:
  """Whether a row was done without PyTorch, and it is there now."""
  ways = result.get("ways", [])
  return any(w["problem"] == _NO_TORCH for w in ways) and _has_torch()


def require_accelerator(machine: dict[str, str], miniature: bool) -> None:
  """Refuses a CPU unless it is only to be tried.

  Raises:
    InputError: JAX has no accelerator.
  """
  if machine["platform"] == "cpu" and not miniature:
    raise InputError(
      f"JAX {machine['versions'].partition('jax ')[2].partition(',')[0]} sees"
      f" no accelerator, only {os.cpu_count()} CPU cores: nothing is run."
      " On NVIDIA's cards install jax[cuda13] or jax[cuda12]; --miniature"
      " tries every part of this on a CPU"
    )
