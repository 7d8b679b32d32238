"""The command of benchmarks/rivals.

    python -m benchmarks.rivals --rival=all --scale=features --data=FILE \\
        --out=runs/rivals --seeds=0,1
"""

from absl import app, flags, logging

from benchmarks.rivals import RIVALS, run
from fsr_jax.errors import InputError

_RIVAL = flags.DEFINE_list("rival", [], f"Some of {', '.join(RIVALS)}, or all.")
_SCALE = flags.DEFINE_string("scale", "digits", "Of benchmarks/scales.py.")
_DATA = flags.DEFINE_string("data", None, "File of the scale features.")
_LABELS = flags.DEFINE_list("labels", [], "Files of labels, a setting each.")
_SETTINGS = flags.DEFINE_list("settings", [], "Some of them; none = all.")
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds.")
_OUT = flags.DEFINE_string("out", None, "Directory of results.csv.")


def main(argv):
  del argv
  logging.set_verbosity(logging.ERROR)
  try:
    run.work(
      _RIVAL.value,
      _OUT.value,
      scale=_SCALE.value,
      data=_DATA.value,
      labels=_LABELS.value,
      settings=_SETTINGS.value,
      seeds=_SEEDS.value,
    )
  except (InputError, OSError) as error:
    raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
  app.run(main)
