"""The cells of every ablation: name -> fields of the config.

`GROUP/NAME` is a point of a line or a bar of a group; a cell without a slash
stands alone. What depends on the size of the experiment is asked of the Scale.
"""

from benchmarks.scales import Scale
from benchmarks.settings import settings, tail, uniform
from fsr_jax.config.methods import METHODS, UNTOLD
from fsr_jax.errors import check

Cells = dict[str, dict]

# ELR's term with its authors' factor from the warm-up on, for any method.
RELABEL = {
  "pseudo_loss": "elr",
  "pseudo_loss_weight": 3.0,
  "relabel_when_sure": False,
}
# FSR by its learned weights alone.
RAW = {**UNTOLD, "mixup": False, "pseudo_loss_weight": 0.0}
# What the default was before it found anything out: two that a user had to
# choose between.
BEFORE = {
  "fsr_cross_entropy": {
    "method": "fsr",
    **UNTOLD,
    "pseudo_loss": "cross_entropy",
    "pseudo_loss_weight": 1.0,
  },
  "fsr_elr": {"method": "fsr", **UNTOLD, **RELABEL},
}
# The paper's passes, for what exists in no other form: rewards drawn from a
# dictionary, mixed and un-mixed images side by side.
EXACT = METHODS["fsr_exact"].fields
# FSR as the paper has it on long tails (section 5.2).
SHIFT = {
  **EXACT,
  "weight_rule": "shift",
  "per_length": False,
  "dictionary_share": 0.0,
  "warmup_epochs": 0,
  "label_smoothing": 0.1,
  **RAW,
}


def everywhere(scale: Scale, rows: Cells) -> Cells:
  """Every row in every setting: SETTING/ROW."""
  return {
    f"{setting}/{name}": {**fields, **row}
    for setting, fields in settings(scale).items()
    for name, row in rows.items()
  }


def fewer_rewards(scale: Scale, available: int) -> dict:
  """A smaller reward batch where fewer than Q rewards exist."""
  fits = scale.value("reward_batch_size") <= available
  return {} if fits else {"reward_batch_size": available}


def clean_rewards(scale: Scale, method: str, size: int = 0) -> dict:
  """Fields of a method that is given clean, held-out rewards."""
  size = size or scale.held_out
  return {
    "method": method,
    "data.held_out": size,
    **fewer_rewards(scale, size),
  }


def noise(scale: Scale) -> Cells:
  """Plain training, its controls, fsr, and its parts with the paper's passes.

  `fsr` is the default, `fsr_exact` the same with the paper's passes; what
  stands behind that name is changed in it. `_raw` has neither MixUp nor
  re-labelling.
  """
  del scale
  exact = {"method": "fsr_exact"}
  no_relabelling = {"pseudo_loss_weight": 0.0}
  margin = {"pusher": "area_under_margin"}
  mixed, meta = {"pusher": "mixed_margin"}, {"pusher": "meta_margin"}
  changes = {
    "fsr_exact": {},
    "fsr_exact_area_under_margin": margin,
    "fsr_exact_mixed_margin": mixed,
    "fsr_exact_mixed_margin_momentum": {**mixed, "lookahead_momentum": 0.9},
    "fsr_exact_meta_margin": meta,
    "fsr_exact_without_relabelling": no_relabelling,
    "fsr_exact_mixed_margin_without_relabelling": {**mixed, **no_relabelling},
    "fsr_exact_raw": RAW,
    "fsr_exact_area_under_margin_raw": {**margin, **RAW},
    "fsr_exact_meta_margin_raw": {**meta, **RAW},
  }
  return {
    "plain": {"method": "plain"},
    "plain_mixup": {"method": "plain", "mixup": True},
    "elr_mixup": {"method": "elr", "mixup": True},
    "fsr": {"method": "fsr"},
    **{name: {**exact, **change} for name, change in changes.items()},
  }


def pushers(scale: Scale) -> Cells:
  """Each pusher everywhere, with MixUp and re-labelling and without (_raw).

  With the paper's passes: mixed_margin has no other form.
  """
  # Imported here: JAX takes a second, and only this sweep asks it.
  from fsr_jax.maths.pushers import PUSHERS

  return everywhere(
    scale,
    {
      name + suffix: {"pusher": name, **EXACT, **fields}
      for suffix, fields in (("", {}), ("_raw", RAW))
      for name in PUSHERS
    },
  )


def loss_curves(scale: Scale) -> Cells:
  """FSR on a long tail, and with the paper's settings for it."""
  fields = tail(scale, 10)
  return {"fsr": fields, "fsr_shift": {**fields, **SHIFT}}


def purity_accuracy(scale: Scale) -> Cells:
  """FSR at four noise ratios."""
  del scale
  return {f"noise_{r}": uniform(r) for r in (0.2, 0.4, 0.6, 0.8)}


def mixup_relabel(scale: Scale) -> Cells:
  """MixUp x re-labelling, for FSR and plain training."""
  del scale
  return {
    f"noise_{ratio}/{method}{mixup_name}{relabel_name}": {
      "method": method,
      **uniform(ratio),
      "mixup": mixup,
      **relabel,
    }
    for ratio in (0.2, 0.4)
    for method in ("fsr", "plain")
    for mixup, mixup_name in ((False, ""), (True, "_mixup"))
    for relabel, relabel_name in (
      ({"pseudo_loss_weight": 0.0}, ""),
      (RELABEL, "_relabel"),
    )
  }


def dictionary_size(scale: Scale) -> Cells:
  """K of FSR against the number of clean examples that L2R is given.

  All train on as many examples (the paper's footnote 3); L2R has the clean
  ones besides.
  """
  cells, fixed = {}, scale.fixed_size
  for name, fields in (("fsr_exact", {}), ("fsr_exact_raw", RAW)):
    for size in scale.dictionary_sizes:
      cells[f"{name}/{size}"] = {
        "dictionary_size": size,
        **fewer_rewards(scale, size),
        **EXACT,
        **fields,
        "data.max_examples": fixed,
      }
  for size in scale.dictionary_sizes:
    cells[f"l2r/{size}"] = {
      **clean_rewards(scale, "l2r", size),
      "data.max_examples": fixed,
    }
  return cells


def hyper_parameters(scale: Scale) -> Cells:
  """One hyper-parameter at a time; `default` belongs to every line."""
  queue, warmup = (
    scale.value(name) for name in ("queue_size", "warmup_epochs")
  )
  values = {
    "queue_size": (queue // 4, queue // 2, queue * 2),
    "score_momentum": (0.0, 0.5, 0.99),
    "lookahead_lr": (0.01, 1.0),
    "weight_lr": (0.3, 3.0, 10.0),
    "dictionary_share": (0.05, 0.1, 0.4),
    "weight_momentum": (0.0, 0.25, 0.75),
    "pseudo_label_momentum": (0.0, 0.5, 0.9),
    "pseudo_loss_weight": (0.0, 0.5, 2.0, 6.0),
    "warmup_epochs": (0, warmup // 2, warmup * 2),
  }
  cells = {"default": {}}
  for name, swept in values.items():
    for value in swept:
      cells[f"{name}/{value}"] = {name: value}
  return cells


def meta_depth(scale: Scale) -> Cells:
  """Theta^meta from the head alone to everything, rewards passed through it."""
  return {
    f"{method}/{'all' if blocks == -1 else blocks}": {
      **fields,
      "meta_blocks": blocks,
    }
    for method, fields in (
      ("fsr_exact", EXACT),
      ("l2r", clean_rewards(scale, "l2r")),
    )
    for blocks in scale.meta_blocks
  }


def batch_norm(scale: Scale) -> Cells:
  """Whose statistics the reward batch is normalised with.

  Raises:
    InputError: a scale without a network that has batch norm.
  """
  check(
    scale.conv is not None,
    "batch_norm: no network with batch norm takes the inputs of this scale;"
    " choose another",
  )
  return {
    name: {**scale.conv, **EXACT, "reward_batch_norm": name}
    for name in ("own", "joint", "running")
  }


def lookahead_momentum(scale: Scale) -> Cells:
  """The momentum buffer's share, for a pusher that sees Theta* and one not."""
  del scale
  return {
    f"{pusher}/{share}": {
      "pusher": pusher,
      "lookahead_momentum": share,
      **EXACT,
    }
    for pusher in ("negative_loss", "mixed_margin")
    for share in (0.0, 0.5, 0.9)
  }


def weight_rules(scale: Scale) -> Cells:
  """Each rule on noise and on long tails, with the regularizers and raw."""
  rules = {
    "clip": {"weight_rule": "clip", "per_length": False},
    "shift": {"weight_rule": "shift", "per_length": False},
    "relative_1": {"weight_lr": 1.0},
    "relative_3": {"weight_lr": 3.0},
  }
  return everywhere(
    scale,
    {
      rule + suffix: {**fields, **regularizers}
      for suffix, regularizers in (("", {}), ("_raw", RAW))
      for rule, fields in rules.items()
    },
  )


def steps_to_fsr(scale: Scale) -> Cells:
  """From the released form to fsr_elr_exact, each change alone and left out.

  All with the paper's passes; `fsr` is the default as it stands.
  """
  changes = {
    "rule": {"weight_rule": "relative"},
    "length": {"per_length": True},
    "relabel": RELABEL,
    "un_mixed": {"weigh_mixed": False},
    "share": {"dictionary_share": 0.2},
  }
  before = {
    "weight_rule": "clip",
    "per_length": False,
    "weigh_mixed": True,
    "dictionary_share": 0.0,
    "pseudo_loss": "cross_entropy",
    "pseudo_loss_weight": 2.0,
    "relabel_when_sure": False,
    "pseudo_label_momentum": 0.1,
  }
  rows = {"released": {"method": "fsr_released"}, "paper": before}
  rows |= {f"only_{name}": before | new for name, new in changes.items()}
  rows |= {
    f"without_{name}": {field: before[field] for field in new}
    for name, new in changes.items()
  }
  rows |= {"fsr_elr_exact": {}, "shared_mixup": {"pseudo_loss_on_mixed": True}}
  rows = {
    name: {**BEFORE["fsr_elr"], "method": "fsr_exact", **row}
    for name, row in rows.items()
  }
  return everywhere(scale, rows | {"fsr": {"method": "fsr"}})


def reward_batch(scale: Scale) -> Cells:
  """How many rewards a step: what they cost is a forward pass of each."""
  most = scale.value("reward_batch_size")
  return {
    f"noise_{ratio}/{size}": {
      **uniform(ratio),
      **EXACT,
      "reward_batch_size": size,
    }
    for ratio in (0.4, 0.8)
    for size in (most // 10, most // 5, most // 2, most)
  }
