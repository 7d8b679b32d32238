"""An ablation as one command: every cell on every seed, a CSV and a plot.

    python benchmarks/sweep.py --list
    python benchmarks/sweep.py --sweep=pushers --scale=digits --out=runs/pushers
    python benchmarks/sweep.py --sweep=methods --scale=cifar_small \\
        --out=runs/methods --seeds=0,1,2 --cells='uniform_0.4/*,*/fsr' -- \\
        --config.data.data_dir=DIR

    python benchmarks/sweep.py --sweep=one_pass --scale=features \\
        --data=FILE.npz --out=runs/one_pass --seeds=0,1

    python benchmarks/sweep.py --sweep=methods --out=runs/table7 \\
        --scale=configs/cifar_longtail_noise.py:cifar10,50,0.4

The last one takes a config file in place of a scale: every method on what the
file says. What follows `--` goes to every run. Each run is `main.py` in
OUT/CELL/SEED, its output in log.txt there; every cell has one seed before any
has two. The same command continues a sweep that was cut off: finished runs are
not done again. Ctrl-C and SIGTERM save the run in progress first (exit status
75). Seeds share compiled programs: OUT/compiled, or $JAX_COMPILATION_CACHE_DIR.
Writes OUT/results.csv after every run, a plot (needs matplotlib) at the end,
both of all finished runs in OUT, those of other --cells and --seeds too.
"""

import fnmatch
import os
import pathlib
import sys
import time

from absl import app, flags

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # Works without installing anything.

from benchmarks import report, scales, tables  # noqa: E402
from benchmarks.ablations import SWEEPS, Sweep  # noqa: E402
from benchmarks.runner import Job, Runner  # noqa: E402
from fsr_jax import config as config_lib  # noqa: E402
from fsr_jax.errors import InputError, check, choose  # noqa: E402
from fsr_jax.run.workdir import Workdir  # noqa: E402

_LIST = flags.DEFINE_bool("list", False, "Print sweeps and scales, do nothing.")
_SWEEP = flags.DEFINE_string("sweep", None, "Which of --list.")
_SCALE = flags.DEFINE_string(
  "scale", "digits", "Which of --list, or a config file as main.py takes it."
)
_DATA = flags.DEFINE_string("data", None, "File of the scale `features`.")
_LABELS = flags.DEFINE_list(
  "labels",
  [],
  "Files of labels, as data.labels_file takes them: each is one more setting,"
  " called labels_NAME after its file.",
)
_OUT = flags.DEFINE_string("out", None, "Directory of the runs.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds.")
_CELLS = flags.DEFINE_list("cells", ["*"], "Names or patterns of cells.")


def chosen_cells(cells: dict, patterns: list[str]) -> dict:
  """The cells that one of the patterns matches.

  Raises:
    InputError: a pattern without a cell.
  """
  for pattern in patterns:
    check(
      bool(fnmatch.filter(cells, pattern)),
      f"no cell {pattern!r}; choose from: {', '.join(cells)}",
    )
  return {
    name: fields
    for name, fields in cells.items()
    if any(fnmatch.fnmatchcase(name, p) for p in patterns)
  }


def plan(
  cells: dict,
  scale: scales.Scale,
  seeds: list[str],
  extra: list[str],
  out: pathlib.Path,
) -> list[Job]:
  """All jobs, every cell of one seed before the next seed.

  Args:
    cells: {name: fields}.
    scale: which the fields are changes of.
    seeds: of the runs.
    extra: further --config.FIELD=VALUE of every run.
    out: directory of the sweep.

  Raises:
    InputError: `extra` is wrong, or sets what a cell sets or the seed.
  """
  set_here = scales.names(extra)
  taken = {"seed"}.union(*cells.values()) & set(set_here)
  check(not taken, f"{', '.join(sorted(taken))}: set by the cells, not by --")
  common = [*scale.arguments(without=set_here), *extra]
  scales.load(common)  # What is wrong with them all is said once.
  jobs = []
  for seed in seeds:
    for name, fields in cells.items():
      arguments = (*common, *scales.as_flags({**fields, "seed": seed}))
      workdir, config, refusal = out / name / seed, {}, None
      try:
        resolved = scales.load(arguments)
        config = config_lib.flatten(resolved.to_dict())
        Workdir(str(workdir)).check_config(resolved, allow_change=False)
      except InputError as error:
        # main.py's advice is for a single run.
        refusal, advice, _ = str(error).partition("; choose another workdir")
        refusal += "; choose another --out" if advice else ""
      jobs.append(Job(name, seed, workdir, arguments, config, refusal))
  return jobs


def finished_before(
  cells: dict,
  scale: scales.Scale,
  jobs: list[Job],
  extra: list[str],
  out: pathlib.Path,
) -> list[Job]:
  """Finished runs in `out` that are not among `jobs`, of the same `extra`."""
  asked, found = {(job.cell, job.seed) for job in jobs}, []
  for name, fields in cells.items():
    seeds = [path.parent.name for path in (out / name).glob("*/summary.json")]
    new = [
      seed
      for seed in sorted(seeds)
      if seed.isdecimal() and (name, seed) not in asked
    ]
    if new and not fields.keys() & set(scales.names(extra)):
      found += plan({name: fields}, scale, new, extra, out)
  return [job for job in found if job.finished()]


def write(jobs: list[Job], sweep: Sweep, fields: list[str], out) -> list[dict]:
  """Writes the CSV files of what is finished; returns the rows."""
  done = [job for job in jobs if job.finished()]
  rows = report.rows(done, fields)
  if rows:
    tables.write_csv(out / "results.csv", rows)
    if sweep.series:
      tables.write_csv(out / "curves.csv", report.curves(done, sweep.series))
  return rows


def last_line(log: pathlib.Path) -> str:
  """The last words of a log."""
  lines = log.read_text(errors="replace").split("\n") if log.exists() else []
  return next((line for line in reversed(lines) if line.strip()), "no output")


def work(jobs: list[Job], run, after) -> int:
  """Does what is not done yet.

  Args:
    jobs: in order.
    run: job -> exit status of main.py.
    after: called when a run finished.

  Returns:
    0; 1 if a run failed or was refused; EX_TEMPFAIL if asked to leave.
  """
  failures = 0
  for number, job in enumerate(jobs, start=1):
    head = f"[{number}/{len(jobs)}] {job.cell} seed {job.seed}:"
    if job.finished():
      continue
    if job.refusal is not None:
      print(head, "refused:", job.refusal, flush=True)
      failures += 1
      continue
    started = time.monotonic()
    status = run(job)
    seconds = time.monotonic() - started
    if job.finished():
      accuracy = job.summary()["test_top1"]
      print(f"{head} accuracy {accuracy:.4f}, {seconds:.0f} s", flush=True)
      after()
    elif status == os.EX_TEMPFAIL:
      print(head, "left; the same command continues", flush=True)
      return os.EX_TEMPFAIL
    else:
      log = job.workdir / "log.txt"
      print(head, f"failed, {log}: {last_line(log)}", flush=True)
      failures += 1
  return min(failures, 1)


def draw(sweep: Sweep, png: pathlib.Path, title: str) -> None:
  """The plot, where matplotlib is installed."""
  try:
    sweep.plot(png.parent, png, title)
  except ImportError as error:
    print(f"no plot ({error}): pip install matplotlib; the CSV is there")
  else:
    print(f"plot: {png}")


def listing() -> str:
  """Sweeps and scales, one line each."""
  lines = ["sweeps:"]
  lines += [f"  {n:20}{s.about} ({s.source})" for n, s in SWEEPS.items()]
  lines += ["scales:"]
  lines += [f"  {n:20}{s.about}" for n, s in scales.SCALES.items()]
  lines += [f"  {'FILE.py:...':20}a config file, as main.py takes it"]
  return "\n".join(lines)


def main(argv):
  if _LIST.value:
    print(listing())
    return 0
  check(bool(_SWEEP.value), "--sweep is missing; --list shows them")
  check(bool(_OUT.value), "--out is missing: the sweep's directory")
  choose("sweep", _SWEEP.value, SWEEPS)
  for seed in _SEEDS.value:
    check(seed.isdecimal(), f"seed {seed!r} is not a number")
  out = pathlib.Path(_OUT.value).expanduser().absolute()
  sweep = SWEEPS[_SWEEP.value]
  scale = scales.named(_SCALE.value).with_data(_DATA.value)
  scale = scale.with_labels(_LABELS.value)
  cells = sweep.cells(scale)
  fields = list({field: None for c in cells.values() for field in c})
  jobs = plan(
    chosen_cells(cells, _CELLS.value), scale, _SEEDS.value, argv[1:], out
  )
  done = sum(job.finished() for job in jobs)
  print(f"{len(jobs)} runs, {done} of them finished before", flush=True)
  others = finished_before(cells, scale, jobs, argv[1:], out)
  order = list(cells)
  everything = sorted(
    jobs + others, key=lambda job: (int(job.seed), order.index(job.cell))
  )
  with Runner(out / "compiled") as runner:
    status = work(jobs, runner, lambda: write(everything, sweep, fields, out))
  rows = write(everything, sweep, fields, out)
  if rows:
    print(report.markdown(rows))
    print(f"values: {out / 'results.csv'}")
    draw(
      sweep,
      out / f"{_SWEEP.value}.png",
      f"{sweep.source}: {sweep.about} ({_SCALE.value})",
    )
  return status


if __name__ == "__main__":
  try:
    app.run(main)
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
