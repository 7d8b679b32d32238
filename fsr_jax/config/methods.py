"""What a method is made of: presets of fields of the config."""

_ELR = {
  "pseudo_loss": "elr",
  "pseudo_loss_weight": 3.0,
  "pseudo_label_momentum": 0.7,
}

# What a method is made of: fields of the config that differ from PARTS.
METHODS = {
  "fsr": {
    "weighting": "lookahead",
    "mixup": True,
    "pseudo_loss_weight": 1.0,
    "pseudo_label_momentum": 0.7,
  },
  # Better where a network memorises its labels, worse than plain training
  # where it predicts poorly: docs/results.md.
  "fsr_elr": {"weighting": "lookahead", "mixup": True, **_ELR},
  # The authors' TF1 code, where it differs from ours.
  "fsr_released": {
    "weighting": "lookahead",
    "mixup": True,
    "pseudo_loss_weight": 2.0,
    "pseudo_loss_on_mixed": True,
    "weigh_mixed": True,
    "weight_rule": "clip",
    "per_length": False,
    "lookahead_momentum": 0.9,
    "reward_batch_norm": "joint",
    "pusher": "mixed_margin",
    "dictionary_share": 0.0,
  },
  "plain": {},
  "label_smoothing": {"label_smoothing": 0.1},
  "focal": {"loss": "focal"},
  "cb": {"class_balanced": True},
  "cb_focal": {"class_balanced": True, "loss": "focal"},
  "gce": {"loss": "gce"},
  "forward_correction": {"loss": "forward_correction"},
  "elr": _ELR,
  "remix": {"mixup": True, "remix": True},
  "mwn": {
    "weighting": "weight_net",
    "rewards": "held_out",
    "meta_blocks": -1,
    "per_length": False,
  },
  "l2r": {
    "weighting": "lookahead",
    "rewards": "held_out",
    "meta_blocks": -1,
    "weight_rule": "clip",
    "per_length": False,
  },
}

PARTS = {
  "weighting": "uniform",
  "rewards": "dictionary",
  "meta_blocks": 0,
  "loss": "cross_entropy",
  "class_balanced": False,
  "label_smoothing": 0.0,
  "mixup": False,
  "remix": False,
  "pseudo_loss": "cross_entropy",
  "pseudo_loss_weight": 0.0,
  "pseudo_label_momentum": 0.1,
  "pseudo_loss_on_mixed": False,
  "weigh_mixed": False,
  "weight_rule": "relative",
  "per_length": True,
  "lookahead_momentum": 0.0,
  "reward_batch_norm": "own",
  "pusher": "negative_loss",
  "dictionary_share": 0.2,
}

# Table 4: |R|, q and b of its rows. Its first row, CIFAR with noise, is base(),
# as are lambda = 0.9, eta = 0.1 and alpha = 1 of all rows. Its beta = 0.1 and
# p = 2 (WebVision 1) are those of fsr_released; ours are fsr's.
TABLE_4 = {
  # 16 on each of 8 devices (released code).
  "webvision": {
    "dictionary_size": 5000,
    "reward_batch_size": 200,
    "batch_size": 16 * 8,
  },
  "cifar_longtail": {
    "dictionary_size": 3000,
    "reward_batch_size": 800,
    "batch_size": 100,
  },
  # As of WebVision: the paper says 32 and not how many devices.
  "inaturalist": {
    "dictionary_size": 2000,
    "reward_batch_size": 350,
    "batch_size": 32 * 8,
  },
  "cifar_longtail_noise": {
    "dictionary_size": 3000,
    "reward_batch_size": 200,
    "batch_size": 128,
  },
}
