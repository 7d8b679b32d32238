"""The cells of comparisons: methods beside each other, fsr and its parts."""

from benchmarks.cells import (
  BEFORE,
  SHIFT,
  Cells,
  clean_rewards,
  everywhere,
)
from benchmarks.scales import Scale
from benchmarks.settings import settings, tail


def equal_cost(scale: Scale) -> Cells:
  """Methods trained for as many operations as fsr_exact takes.

  How many: docs/measured/cost.md. All with one cosine period: the number of
  restarts depends on the length.
  """
  rows = {  # (fields, how many times as long)
    "plain": ({"method": "plain"}, 2.67),
    "plain_mixup": ({"method": "plain", "mixup": True}, 2.67),
    "elr_mixup": ({"method": "elr", "mixup": True}, 1.33),
    "fsr": ({"method": "fsr"}, 2.67),
    "fsr_exact": ({"method": "fsr_exact"}, 1),
  }
  return {
    f"{setting}/{name}": {
      **fields,
      **row,
      "schedule": "cosine",
      "num_epochs": round(
        longer * fields.get("num_epochs", scale.value("num_epochs"))
      ),
    }
    for setting, fields in settings(scale).items()
    for name, (row, longer) in rows.items()
  }


def one_pass(scale: Scale) -> Cells:
  """FSR in one pass a step and as the paper has its passes."""
  rows = {
    "fsr": {"method": "fsr"},
    "fsr_exact": {"method": "fsr_exact"},
    **BEFORE,
  }
  return everywhere(scale, rows)


def parts(scale: Scale) -> Cells:
  """fsr with one of its parts left out, and plain training with one alone."""
  left_out = {
    "weights": {"weighting": "uniform"},
    "label_scores": {"label_scores": False},
    "relabelling": {"pseudo_loss_weight": 0.0},
    "waiting": {"relabel_when_sure": False},
    "logit_adjustment": {"logit_adjustment": 0.0},
    "estimated_prior": {"class_prior": "given"},
    "mixup": {"mixup": False},
  }
  alone = {
    "mixup": {"mixup": True},
    "weights": {"mixup": True, "weighting": "lookahead", "rewards": "queue"},
    "label_scores": {"mixup": True, "label_scores": True},
    "relabelling": {
      "mixup": True,
      "pseudo_loss": "elr",
      "pseudo_loss_weight": 3.0,
      "relabel_when_sure": True,
    },
    "logit_adjustment": {"mixup": True, "logit_adjustment": 1.0},
  }
  one_pass = {"unmixed_pass": False, "weight_momentum": 0.5}
  rows = {"fsr": {}}
  rows |= {f"without_{name}": row for name, row in left_out.items()}
  rows |= {
    f"only_{name}": {"method": "plain", **one_pass, **row}
    for name, row in alone.items()
  }
  return everywhere(scale, rows)


def methods(scale: Scale) -> Cells:
  """Every method on every setting; mwn and l2r are given clean examples."""
  alone = (
    "plain",
    "label_smoothing",
    "focal",
    "cb",
    "cb_focal",
    "logit_adjustment",
    "ldam_drw",
    "gce",
    "forward_correction",
    "elr",
    "remix",
  )
  rows = {
    **{name: {"method": name} for name in alone},
    "plain_mixup": {"method": "plain", "mixup": True},
    "elr_mixup": {"method": "elr", "mixup": True},
    "mwn": clean_rewards(scale, "mwn"),
    "l2r": clean_rewards(scale, "l2r"),
    "fsr": {"method": "fsr"},
    # All of it but the learned weights.
    "fsr_uniform": {"method": "fsr", "weighting": "uniform"},
    **BEFORE,
    "fsr_exact": {"method": "fsr_exact"},
    "fsr_released": {"method": "fsr_released"},
  }
  cells = everywhere(scale, rows)
  if "tail_50" in scale.settings:
    cells["tail_50/fsr_shift"] = {**tail(scale, 50), "method": "fsr", **SHIFT}
  return cells
