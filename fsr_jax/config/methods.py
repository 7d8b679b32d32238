"""Methods: presets of the options that a method is made of.

The defaults of the options are those of `fsr`, but for the one that loops of
users' own want otherwise; a preset names what differs.
"""

from typing import Any, NamedTuple


class Method(NamedTuple):
  """A preset.

  Attributes:
    about: what it is, for docs/methods.md.
    source: of the method.
    fields: option -> value, where it differs from the default.
    needs: what it needs besides labelled images.
  """

  about: str
  source: str
  fields: dict[str, Any]
  needs: str = "nothing"


_ELR = {
  "pseudo_loss": "elr",
  "pseudo_loss_weight": 3.0,
  "pseudo_label_momentum": 0.7,
}
# Fields that switch off what fsr makes of what it finds out about its labels.
UNTOLD = {
  "label_scores": False,
  "relabel_when_sure": False,
  "logit_adjustment": 0.0,
}
# The default of the options is for loops of users' own, which do not re-label.
_RELABELS = {"weigh_by_wrong_share": True}
# The paper's form: a pass of the un-mixed images, a reward batch, weights of
# the present step alone.
_EXACT = {
  **_RELABELS,
  "unmixed_pass": True,
  "rewards": "dictionary",
  "weight_momentum": 0.0,
}
# Weights all the same, no MixUp, no re-labelling.
_PLAIN = {
  **_EXACT,
  **UNTOLD,
  "weighting": "uniform",
  "mixup": False,
  "pseudo_loss_weight": 0.0,
}
_CLEAN_REWARDS = {
  **_PLAIN,
  "rewards": "held_out",
  "meta_blocks": -1,
  "per_length": False,
}
_TABLE = "nothing; keeps a table of N x C predictions"
_COUNTS = "the number of examples n_c of each class, taken from given labels"
_CLEAN = "**clean data**: `data.held_out`"

METHODS = {
  "fsr": Method(
    "Weights ω_i ∝ q_i (s max(0, 1 − α g_i / rms(g)) + 1 − s), where g_i is the"
    " gradient of the rewards' loss at Θ\\* for ω_i over the length of the"
    " sample's own gradient, q_i the probability that its label is right and s"
    " the share of wrong labels, as the run itself comes to see them (before"
    " that, 1); with MixUp, `elr`'s term and `logit_adjustment`. One forward"
    " and one backward pass a step: rewards are features that trusted samples"
    " left when they passed by.",
    "after Zhang & Pfister, ICCV 2021; one pass: ours",
    _RELABELS,
    _TABLE,
  ),
  "fsr_exact": Method(
    "`fsr` as the paper has its passes: one of the mixed images, one of the"
    " un-mixed, one of a reward batch drawn from the dictionary.",
    "after Zhang & Pfister, ICCV 2021",
    _EXACT,
    _TABLE,
  ),
  # The authors' TF1 code, where it differs from ours.
  "fsr_released": Method(
    "`fsr_exact` as in the authors' code: ω_i ∝ max(0, −g_i), learned for the"
    " mixed samples.",
    "Zhang & Pfister, ICCV 2021, released code",
    {
      **_EXACT,
      **UNTOLD,
      "pseudo_loss": "cross_entropy",
      "pseudo_loss_weight": 2.0,
      "pseudo_label_momentum": 0.1,
      "pseudo_loss_on_mixed": True,
      "weigh_mixed": True,
      "weight_rule": "clip",
      "per_length": False,
      "lookahead_momentum": 0.9,
      "reward_batch_norm": "joint",
      "pusher": "mixed_margin",
      "dictionary_share": 0.0,
    },
    _TABLE,
  ),
  "plain": Method("Mean cross entropy, −Σ ỹ_c log p_c.", "–", _PLAIN),
  "label_smoothing": Method(
    "Cross entropy on (1 − s) ỹ + s/C.",
    "Szegedy et al., CVPR 2016",
    {**_PLAIN, "label_smoothing": 0.1},
  ),
  "focal": Method(
    "−Σ ỹ_c (1 − p_c)^γ log p_c: hard samples count more.",
    "Lin et al., ICCV 2017, eq. 4",
    {**_PLAIN, "loss": "focal"},
  ),
  "cb": Method(
    "Cross entropy times (1 − β) / (1 − β^n_c), scaled to a mean of 1 over the"
    " classes: rare classes count more.",
    "Cui et al., CVPR 2019",
    {**_PLAIN, "class_balanced": True},
    _COUNTS,
  ),
  "cb_focal": Method(
    "`focal` with the factors of `cb`.",
    "Cui et al., CVPR 2019",
    {**_PLAIN, "class_balanced": True, "loss": "focal"},
    _COUNTS,
  ),
  "logit_adjustment": Method(
    "−log softmax(z + log π)_y, π the shares of the classes: z is then for"
    " classes that are equally common. The same as balanced softmax (Ren et"
    " al., NeurIPS 2020).",
    "Menon et al., ICLR 2021, eq. 10",
    {**_PLAIN, "logit_adjustment": 1.0, "class_prior": "given"},
    _COUNTS,
  ),
  "ldam_drw": Method(
    "−log of p_y where the label's own logit is lowered by a margin ∝"
    " n_c^(−1/4): rare classes need more room. In the last fifth of the epochs"
    " `cb`'s factors besides (deferred re-weighting).",
    "Cao et al., NeurIPS 2019, section 3; without their head of unit vectors",
    {
      **_PLAIN,
      "loss": "ldam",
      "class_prior": "given",
      "class_balanced": True,
      "class_balanced_from": 0.8,
    },
    _COUNTS,
  ),
  "gce": Method(
    "Σ ỹ_c (1 − p_c^q) / q, between cross entropy (q → 0) and the absolute"
    " error (q = 1): bounded, so wrong labels pull less.",
    "Zhang & Sabuncu, NeurIPS 2018, eq. 6",
    {**_PLAIN, "loss": "gce"},
  ),
  "forward_correction": Method(
    "−Σ ỹ_c log (pᵀT)_c with T_ij = P(given label j, true label i): the network"
    " predicts the true label, the loss compares after the noise.",
    "Patrini et al., CVPR 2017, Theorems 2 and 3",
    {**_PLAIN, "loss": "forward_correction", "pseudo_label_momentum": 0.1},
    "T: `estimated` at the end of the warm-up from a table of predictions, or"
    " `known`, counted from the true labels",
  ),
  "elr": Method(
    "Cross entropy + λ log(1 − ⟨p, t⟩), t the moving average of the sample's"
    " predictions: what was learned early is held against wrong labels.",
    "Liu et al., NeurIPS 2020, eq. 6",
    {**_PLAIN, **_ELR},
    _TABLE,
  ),
  "remix": Method(
    "MixUp in which a class that is κ times smaller than its partner's, or"
    " more, takes the whole label of its own mixes.",
    "Chou et al., ECCV 2020 workshops, eqs. 4–6",
    {**_PLAIN, "mixup": True, "remix": True},
    _COUNTS,
  ),
  "mwn": Method(
    "ω_i = V(ℓ_i) / B, V a net 1–100–1 with a sigmoid, moved to lower the"
    " reward loss at Θ\\*.",
    "Shu et al., NeurIPS 2019, eqs. 3–5",
    {**_CLEAN_REWARDS, "weighting": "weight_net"},
    _CLEAN,
  ),
  "l2r": Method(
    "ω_i ∝ max(0, −g_i), g_i the gradient of the clean held-out rewards' loss"
    " at Θ\\* for ω_i, with the whole network looked ahead; no MixUp, no"
    " re-labelling.",
    "Ren et al., ICML 2018",
    {**_CLEAN_REWARDS, "weighting": "lookahead", "weight_rule": "clip"},
    _CLEAN,
  ),
}

# Options that some method sets: left open in a config, they follow the method.
PARTS = frozenset().union(*(method.fields for method in METHODS.values()))

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
