"""fsr_jax: Fast Sample Re-weighting (Zhang & Pfister, ICCV 2021) in JAX.

In a training loop of one's own (examples/own_loop.py):

    reweighter = fsr_jax.reweighter(num_classes=10)
    state = reweighter.init(label, feature_shape=(128,))
    weights, state = reweighter.weigh(      # In every step.
      state, index, label[index], features, logits, head, head_params
    )
    state = reweighter.refresh(state, label)   # At the end of every epoch.

As a program: `python main.py --help`.

Layers, each importing only from those before it: `maths` (the paper's
equations), `reweighting` (they together, over one state), `models`, `data`,
`train` (one training step on any number of devices), `config`, `run` (time,
files, the terminal).
"""

from fsr_jax.errors import InputError
from fsr_jax.maths import losses, mixup
from fsr_jax.maths.collectives import AXIS
from fsr_jax.reweighting import (
  Mixed,
  Reweighter,
  ReweightingOptions,
  ReweightingState,
  reweighter,
)

__version__ = "0.1.0"

__all__ = [
  "AXIS",
  "InputError",
  "Mixed",
  "Reweighter",
  "ReweightingOptions",
  "ReweightingState",
  "losses",
  "mixup",
  "reweighter",
]
