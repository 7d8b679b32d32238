"""What came out so far, as CSV and as a page."""

import pathlib
import shlex

from benchmarks import cost, report, tables
from benchmarks.accelerator import speed
from benchmarks.accelerator.journal import Journal
from benchmarks.accelerator.rows import COST, Row
from fsr_jax.files import replacing
from fsr_jax.run.watch.screen import duration

_FIELDS = ["num_epochs", "batch_size", "network", "compute_dtype"]


def write(out: pathlib.Path, rows: list[Row], journal: Journal) -> None:
  """Replaces results.csv and results.md in `out` by what is known now.

  Args:
    out: folder.
    rows: all of the plan.
    journal: Journal.
  """
  table = [
    *_of_runs(rows, journal),
    *_of_cost(journal),
    *_of_libraries(rows, journal),
  ]
  if table:
    tables.write_csv(out / "results.csv", table)
  with replacing(out / "results.md") as partial:
    partial.write_text(page(rows, journal), encoding="utf-8")


def command(row: Row) -> str:
  """That does the run of a row, and the same run, by main.py alone."""
  assert row.job is not None
  words = (*row.job.arguments, f"--workdir={row.job.workdir}")
  return shlex.join(["python", "main.py", *words])


def _of_runs(rows: list[Row], journal: Journal) -> list[dict]:
  """A row of the CSV for each finished run."""
  found = []
  for row in rows:
    if row.job is None or not row.job.finished():
      continue
    (values,) = report.rows([row.job], _FIELDS)
    done = journal.find("done", row=row.name)
    machine = done[-1] if done else {}
    more = {
      "seconds": round(journal.seconds_of(row.name), 1),
      "driver": machine.get("driver"),
      "command": command(row),
    }
    found.append({"row": row.name, **values, **more})
  return found


def _of_cost(journal: Journal) -> list[dict]:
  """A row of the CSV for each method whose step was timed."""
  return [
    {
      "row": f"{COST} {entry['row']}",
      "device": done["device"],
      "driver": done["driver"],
      "versions": done["versions"],
      "operations": entry["operations"],
      "memory": entry["memory"],
      "time": entry["time"],
      "seconds_per_step": entry["absolute"]["time"],
    }
    for done in journal.find("done", row=COST)[-1:]
    for entry in done["result"]["figures"]
  ]


def _of_libraries(rows: list[Row], journal: Journal) -> list[dict]:
  """A row of the CSV for each way in which a library trained a network."""
  found = []
  for row in rows:
    for done in journal.find("done", row=row.name)[-1:] if row.beside else []:
      assert row.beside is not None
      found += [
        {
          "row": f"{row.name}: {way['library']}, {way['way']}",
          "network": row.beside.network,
          "batch_size": row.beside.batch_size,
          "compute_dtype": "bfloat16",
          "device": done["device"],
          "driver": done["driver"],
          "versions": way.get("versions", done["versions"]),
          "images_per_second": way.get("images_per_second"),
          "problem": way["problem"],
        }
        for way in done["result"]["ways"]
      ]
  return found


def page(rows: list[Row], journal: Journal) -> str:
  """results.md."""
  machines = {speed.text(call): None for call in journal.find("call")}
  calls = len(journal.find("call"))
  miniature = any(call.get("miniature") for call in journal.find("call"))
  parts = [
    "# A miniature, whose numbers mean nothing"
    if miniature
    else "# Measured on an accelerator",
    "\n".join(f"- {text}" for text in machines),
    f"{duration(journal.seconds)} in {calls} call(s).",
    *_runs_page(rows, journal),
    *_cost_page(journal),
    *_libraries_page(rows, journal),
    *_not_run_page(rows, journal),
  ]
  return "\n\n".join(parts) + "\n"


def _runs_page(rows: list[Row], journal: Journal) -> list[str]:
  table = _of_runs(rows, journal)
  parts = ["## Runs"]
  speeds = journal.find("speed")
  if speeds:
    lines = [
      "| program | device | images/s | steps a call | compiled in |",
      "|---|---|---|---|---|",
    ]
    lines += [
      f"| {s['program']} | {s['device']} | {s['images_per_second']:,.0f}"
      f" | {s['steps_per_call']} | {s['compile_seconds']:.0f} s |"
      for s in speeds
    ]
    parts.append("\n".join(lines))
  if not table:
    return [*parts, "None is done."]
  lines = ["| run | epochs | whole run | device |", "|---|---|---|---|"]
  lines += [
    f"| {r['row']} | {r['num_epochs']} | {duration(r['seconds'])}"
    f" | {r['device']} |"
    for r in table
  ]
  commands = [command(r) for r in rows if r.job and r.job.finished()]
  code = "\n".join(f"    {text}" for text in commands)
  return [*parts, report.markdown(table), "\n".join(lines), code]


def _cost_page(journal: Journal) -> list[str]:
  parts = []
  for done in journal.find("done", row=COST)[-1:]:
    parts.append("## Cost of a step")
    parts.append(f"{done['result']['of']}, one step a call; {done['device']}.")
    parts.append(cost.markdown(done["result"]["figures"]))
    for name, found in done["result"]["operations"].items():
      if "problem" in found:
        parts.append(f"{name}: no profile ({found['problem']})")
        continue
      lines = [
        f"| {name}: operation | share of the time | times |",
        "|---|---|---|",
      ]
      total = found["seconds"] or 1.0
      lines += [
        f"| `{operation}` | {seconds / total:.1%} | {count} |"
        for operation, seconds, count in found["top"]
      ]
      parts.append("\n".join(lines))
  return parts


def _libraries_page(rows: list[Row], journal: Journal) -> list[str]:
  lines = [
    "| network | batch, pixels | library | way | images/s |",
    "|---|---|---|---|---|",
  ]
  for row in rows:
    for done in journal.find("done", row=row.name)[-1:] if row.beside else []:
      sizes = row.beside
      assert sizes is not None
      for way in done["result"]["ways"]:
        rate = way.get("images_per_second")
        text = f"not run: {way['problem']}" if rate is None else f"{rate:,.0f}"
        lines.append(
          f"| {sizes.network} | {sizes.batch_size}, {sizes.image_size}"
          f" | {way['library']} | {way['way']} | {text} |"
        )
  if len(lines) == 2:
    return []
  about = (
    "A plain training step on random images that are on the device, bfloat16."
    " Ours also keeps moving averages of parameters and of each sample's"
    " predictions."
  )
  return ["## PyTorch beside JAX", about, "\n".join(lines)]


def _not_run_page(rows: list[Row], journal: Journal) -> list[str]:
  lines = []
  for row in rows:
    done = row.job.finished() if row.job else journal.find("done", row=row.name)
    if done:
      continue
    events = [e for e in journal.events if e.get("row") == row.name]
    last = events[-1] if events else {"event": ""}
    why = {
      "failed": f"failed: {last.get('problem')}",
      "left": "left before its end",
      "begin": "cut off before its end",
      "left_out": f"it takes {last.get('needed')}, more than was left",
    }.get(last["event"], "not reached so far")
    lines.append(f"- {row.name}: {why}")
  return ["## Not run", "\n".join(lines)] if lines else []
