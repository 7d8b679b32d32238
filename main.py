"""Trains or evaluates a run.

python main.py --config=configs/quickstart.py --workdir=runs/quickstart
python main.py --mode=evaluate --workdir=runs/quickstart
"""

from fsr_jax.run.program import start

if __name__ == "__main__":
  start()
