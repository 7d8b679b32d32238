"""The command of benchmarks/rivals."""

from absl import app

from benchmarks.rivals import run

if __name__ == "__main__":
  app.run(run.main)
