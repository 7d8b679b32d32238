"""The cells of every ablation: name -> fields of the config.

`GROUP/NAME` is a point of a line or a bar of a group; a cell without a slash
stands alone. What depends on the size of the experiment is asked of the Scale.
"""

from benchmarks.scales import Scale
from fsr_jax.config import METHODS

Cells = dict[str, dict]

# FSR without the two parts that are not re-weighting.
RAW = {"mixup": False, "pseudo_loss_weight": 0.0}
# Re-labelling of fsr_elr, for other methods.
RELABEL = METHODS["elr"]
# FSR as the paper has it on long tails (section 5.2).
SHIFT = {
  "weight_rule": "shift",
  "per_length": False,
  "dictionary_share": 0.0,
  "warmup_epochs": 0,
  "label_smoothing": 0.1,
  **RAW,
}


def uniform(ratio: float) -> dict:
  """Fields of uniform noise."""
  return {"data.noise": "uniform", "data.noise_ratio": ratio}


def tail(scale: Scale, imbalance_ratio: float, noise_ratio: float = 0) -> dict:
  """Fields of a long tail, with uniform noise if its ratio is not 0."""
  noise = (
    uniform(noise_ratio)
    if noise_ratio
    else {
      "data.noise": "none",
      "data.noise_ratio": 0.0,
    }
  )
  return {
    "data.imbalance_ratio": float(imbalance_ratio),
    **noise,
    **scale.long_tail,
  }


def settings(scale: Scale) -> Cells:
  """The kinds of wrong and unequal labels that methods are compared on."""
  return {
    "uniform_0.2": uniform(0.2),
    "uniform_0.4": uniform(0.4),
    "uniform_0.8": uniform(0.8),
    "asymmetric_0.4": {"data.noise": "asymmetric", "data.noise_ratio": 0.4},
    "tail_50": tail(scale, 50),
    "tail_20_uniform_0.4": tail(scale, 20, 0.4),
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
  """Plain training, its controls, and FSR with and without its parts."""
  del scale
  return {
    "plain": {"method": "plain"},
    "plain_mixup": {"method": "plain", "mixup": True},
    "plain_mixup_relabel": {
      "method": "plain",
      "mixup": True,
      **RELABEL,
    },
    "negative_loss": {"pusher": "negative_loss"},
    "area_under_margin": {"pusher": "area_under_margin"},
    "mixed_margin": {"pusher": "mixed_margin"},
    "mixed_margin_momentum": {
      "pusher": "mixed_margin",
      "lookahead_momentum": 0.9,
    },
    "meta_margin": {"pusher": "meta_margin"},
    "negative_loss_mixup": {
      "pusher": "negative_loss",
      "pseudo_loss_weight": 0.0,
    },
    "mixed_margin_mixup": {
      "pusher": "mixed_margin",
      "pseudo_loss_weight": 0.0,
    },
    "negative_loss_raw": {"pusher": "negative_loss", **RAW},
    "area_under_margin_raw": {"pusher": "area_under_margin", **RAW},
    "meta_margin_raw": {"pusher": "meta_margin", **RAW},
  }


def pushers(scale: Scale) -> Cells:
  """Each pusher everywhere, with MixUp and re-labelling and without (_raw)."""
  # Imported here: JAX takes a second, and only this sweep asks it.
  from fsr_jax.maths.pushers import PUSHERS

  return everywhere(
    scale,
    {
      name + suffix: {"pusher": name, **fields}
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
  for name, fields in (("fsr", {}), ("fsr_raw", RAW)):
    for size in scale.dictionary_sizes:
      cells[f"{name}/{size}"] = {
        "dictionary_size": size,
        **fewer_rewards(scale, size),
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
  size, rewards = (
    scale.value(name) for name in ("dictionary_size", "reward_batch_size")
  )
  warmup = scale.value("warmup_epochs")
  values = {
    "dictionary_size": (size // 4, size // 2, size * 2),
    "reward_batch_size": (rewards // 4, rewards // 2, rewards * 2),
    "score_momentum": (0.0, 0.5, 0.99),
    "lookahead_lr": (0.01, 1.0),
    "weight_lr": (0.3, 3.0, 10.0),
    "dictionary_share": (0.0, 0.1, 0.4),
    "pseudo_label_momentum": (0.0, 0.5, 0.9),
    "pseudo_loss_weight": (0.0, 0.5, 2.0, 6.0),
    "warmup_epochs": (0, warmup // 2, warmup * 2),
  }
  cells = {"default": {}}
  for name, swept in values.items():
    for value in swept:
      fields = {name: value}
      if name == "dictionary_size":
        fields |= fewer_rewards(scale, value)
      cells[f"{name}/{value}"] = fields
  return cells


def meta_depth(scale: Scale) -> Cells:
  """Theta^meta from the head alone to everything."""
  return {
    f"{method}/{'all' if blocks == -1 else blocks}": {
      **fields,
      "meta_blocks": blocks,
    }
    for method, fields in (
      ("fsr", {}),
      ("l2r", clean_rewards(scale, "l2r")),
    )
    for blocks in scale.meta_blocks
  }


def batch_norm(scale: Scale) -> Cells:
  """Whose statistics the reward batch is normalised with."""
  return {
    name: {**scale.conv, "reward_batch_norm": name}
    for name in ("own", "joint", "running")
  }


def lookahead_momentum(scale: Scale) -> Cells:
  """The momentum buffer's share, for a pusher that sees Theta* and one not."""
  del scale
  return {
    f"{pusher}/{share}": {"pusher": pusher, "lookahead_momentum": share}
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
  """From the released form to fsr_elr, each change alone and left out."""
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
    "pseudo_label_momentum": 0.1,
  }
  rows = {"released": {"method": "fsr_released"}, "paper": before}
  rows |= {f"only_{name}": before | new for name, new in changes.items()}
  rows |= {
    f"without_{name}": {field: before[field] for field in new}
    for name, new in changes.items()
  }
  rows |= {"fsr_elr": {}, "shared_mixup": {"pseudo_loss_on_mixed": True}}
  return everywhere(
    scale, {name: {"method": "fsr_elr", **row} for name, row in rows.items()}
  )


def reward_batch(scale: Scale) -> Cells:
  """How many rewards a step: what they cost is a forward pass of each."""
  most = scale.value("reward_batch_size")
  return {
    f"noise_{ratio}/{size}": {**uniform(ratio), "reward_batch_size": size}
    for ratio in (0.4, 0.8)
    for size in (most // 10, most // 5, most // 2, most)
  }


def equal_cost(scale: Scale) -> Cells:
  """Other methods trained for as many operations as FSR (docs/results.md).

  All with one cosine period: the number of restarts depends on the length.
  """
  rows = {  # (fields, how many times as long)
    "plain": ({"method": "plain"}, 2.67),
    "plain_mixup": ({"method": "plain", "mixup": True}, 2.67),
    "elr_mixup": ({"method": "elr", "mixup": True}, 1.33),
    "fsr": ({"method": "fsr"}, 1),
    "fsr_elr": ({"method": "fsr_elr"}, 1),
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


def methods(scale: Scale) -> Cells:
  """Every method on every setting; mwn and l2r are given clean examples."""
  alone = (
    "plain",
    "label_smoothing",
    "focal",
    "cb",
    "cb_focal",
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
    # Its MixUp and pseudo-labels alone.
    "fsr_uniform": {"method": "fsr", "weighting": "uniform"},
    "fsr_elr": {"method": "fsr_elr"},
    "fsr_released": {"method": "fsr_released"},
  }
  cells = everywhere(scale, rows)
  cells["tail_50/fsr_shift"] = {**tail(scale, 50), "method": "fsr", **SHIFT}
  return cells
