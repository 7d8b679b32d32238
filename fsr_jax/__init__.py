"""fsr_jax: Fast Sample Re-weighting (Zhang & Pfister, ICCV 2021) in JAX.

Which labels are wrong, and a network that learned the right ones:

    fitted = fsr_jax.fit(x, labels)   # Images or vectors, labels of any kind.
    fitted.label_issues               # A table, the worst labels first.
    fitted.predict(x_new)

In a training loop of one's own (examples/own_loop.py):

    reweighter = fsr_jax.reweighter(num_classes=10)
    state = reweighter.init(label, feature_shape=(128,))
    weights, state = reweighter.weigh(      # In every step.
      state, index, label[index], features, logits, head, head_params
    )
    state = reweighter.refresh(state, label)   # At the end of every epoch.

As a program: `python main.py --help`.

Layers, each importing only from those before it: `processes` (what several
that train together tell each other), `label_issues` (the list of wrong
labels), `maths` (the paper's equations), `reweighting` (they together, over one
state), `models`, `data`, `train` (one training step on any number of devices),
`config`, `run` (time, files, the terminal), `api` (`fit` and what it gives).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from fsr_jax.api.estimator import FSRClassifier as FSRClassifier
  from fsr_jax.api.fitted import Fitted as Fitted
  from fsr_jax.api.fitted import load as load
  from fsr_jax.api.training import fit as fit
  from fsr_jax.errors import InputError as InputError
  from fsr_jax.label_issues import LabelIssues as LabelIssues
  from fsr_jax.label_issues import find_label_issues as find_label_issues
  from fsr_jax.maths import losses as losses
  from fsr_jax.maths import mixup as mixup
  from fsr_jax.maths.collectives import AXIS as AXIS
  from fsr_jax.reweighting import Mixed as Mixed
  from fsr_jax.reweighting import Reweighter as Reweighter
  from fsr_jax.reweighting import ReweightingOptions as ReweightingOptions
  from fsr_jax.reweighting import ReweightingState as ReweightingState
  from fsr_jax.reweighting import reweighter as reweighter

__version__ = "0.1.0"

# Public name -> module that it is imported from when it is asked for: a worker
# process that decodes pictures, or a refused flag, should not wait for JAX.
_HOMES = {
  "AXIS": "fsr_jax.maths.collectives",
  "FSRClassifier": "fsr_jax.api.estimator",
  "Fitted": "fsr_jax.api.fitted",
  "InputError": "fsr_jax.errors",
  "LabelIssues": "fsr_jax.label_issues",
  "Mixed": "fsr_jax.reweighting",
  "Reweighter": "fsr_jax.reweighting",
  "ReweightingOptions": "fsr_jax.reweighting",
  "ReweightingState": "fsr_jax.reweighting",
  "find_label_issues": "fsr_jax.label_issues",
  "fit": "fsr_jax.api.training",
  "load": "fsr_jax.api.fitted",
  "losses": "fsr_jax.maths",
  "mixup": "fsr_jax.maths",
  "reweighter": "fsr_jax.reweighting",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
  if name not in _HOMES:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  module = importlib.import_module(_HOMES[name])
  # A name is an attribute of its home, or a module in it.
  if hasattr(module, name):
    return getattr(module, name)
  return importlib.import_module(f"{_HOMES[name]}.{name}")


def __dir__() -> list[str]:
  return sorted({*globals(), *_HOMES})
