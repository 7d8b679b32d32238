"""What can be chosen about the weights; the defaults are those of `fsr`."""

import dataclasses

from fsr_jax.fields import (
  BELOW_ONE,
  FRACTION,
  NOT_NEGATIVE,
  POSITIVE,
  Bound,
  field,
)
from fsr_jax.maths.pushers import PUSHERS
from fsr_jax.maths.reweight import WEIGHT_RULES

WEIGHTINGS = ("uniform", "lookahead", "weight_net")
REWARDS = ("queue", "dictionary", "held_out")


@dataclasses.dataclass(frozen=True)
class ReweightingOptions:
  """Options of `reweighter`."""

  weighting: str = field(
    "lookahead",
    "How a sample comes by its weight: all the same (`uniform`), by one"
    " look-ahead step (`lookahead`), or by a small network that maps a"
    " sample's loss to its weight and is trained by look-ahead steps"
    " (`weight_net`).",
    choices=WEIGHTINGS,
  )
  rewards: str = field(
    "queue",
    "The trusted samples that a look-ahead step is judged by: the newest"
    " features of samples in the dictionary, kept as they pass by in training"
    " (`queue`), a batch drawn from the dictionary and passed through the"
    " network (`dictionary`), or one of clean samples set aside"
    " (`held_out`).",
    choices=REWARDS,
    source="queue: ours; dictionary: Algorithm 1; held_out: L2R",
  )
  warmup_epochs: int = field(
    20,
    "E: before this epoch weights are uniform, and nothing is re-labelled. A"
    " run in which it is not set takes a sixth of num_epochs, of 30 and more"
    " rounded down to fives, at most 20.",
    bound=NOT_NEGATIVE,
    unit="epochs",
    source="released code: 20 of 127",
  )
  dictionary_size: int = field(
    2000,
    "K: samples in the dictionary that reward batches are drawn from; a queue"
    " takes its samples from the whole trusted share of every class.",
    bound=POSITIVE,
    unit="samples",
    source="Table 4",
  )
  dictionary_share: float = field(
    0.2,
    "Share of each class that may be trusted, best scores first. With"
    " rewards=dictionary K/C of them are drawn anew each epoch; 0 always takes"
    " the K/C best.",
    bound=FRACTION,
    unit="share 0-1",
    source="ours; the paper and the released code: 0",
  )
  queue_size: int = field(
    200,
    "Slots of the queue, shared out equally to the classes; a class uses no"
    " more of them than it has trusted samples, and has at least one. More are"
    " steadier, but older.",
    bound=Bound(1, 1e6),
    usual=Bound(1, 50_000),
    unit="samples",
    source="ours",
  )
  reward_batch_size: int = field(
    200,
    "Q: rewards that a step draws, over all devices, where they are not a"
    " queue.",
    bound=POSITIVE,
    unit="samples",
    source="Table 4",
  )
  pusher: str = field(
    "negative_loss",
    "The score by which samples enter the dictionary.",
    choices=PUSHERS,
    source="ours; eq. 5 is meta_margin, the released code's mixed_margin",
  )
  score_momentum: float = field(
    0.9,
    "lambda: share of the old value in the moving average of a sample's score.",
    bound=BELOW_ONE,
    unit="share 0-1",
    source="Table 4",
  )
  weight_rule: str = field(
    "relative",
    "How a weight follows from g, the reward loss's gradient for it.",
    choices=WEIGHT_RULES,
    source="ours; released code: clip; long tails in the paper: shift",
  )
  weight_lr: float = field(
    1.0,
    "alpha: how far weights move from uniform (0 = not at all); cancels in"
    " clip.",
    bound=Bound(0, 1e6),
    usual=Bound(0, 10),
    source="Table 4",
  )
  weight_momentum: float = field(
    0.5,
    "How much of a sample's weight at its last visit stays in its weight now.",
    bound=BELOW_ONE,
    unit="share 0-1",
    source="ours; the paper: 0",
  )
  per_length: bool = field(
    True,
    "Whether a sample's g is divided by the length of its own gradient, so"
    " that its direction counts and not its size.",
    source="ours; the paper: False",
  )
  label_scores: bool = field(
    True,
    "Whether a weight is multiplied by the probability that the sample's label"
    " is right, as the run itself comes to see it (docs/label_issues.md); 1 for"
    " all as long as it cannot tell.",
    source="ours",
  )
  weigh_by_wrong_share: bool = field(
    False,
    "With label_scores, whether learned weights count by the share of labels"
    " that are wrong, once the run can tell, and equal ones by the rest. For"
    " trainings that re-label; one that does not needs all of the learned"
    " weights.",
    source="ours: docs/measured/board.md",
  )
  lookahead_lr: float = field(
    0.1,
    "eta: step size of the look-ahead; does not follow the schedule.",
    bound=Bound(0, 1000, above=True),
    usual=Bound(0.001, 10),
    source="Table 4",
  )
  lookahead_momentum: float = field(
    0.0,
    "Share of the optimizer's momentum buffer in the look-ahead gradient.",
    bound=FRACTION,
    source="the paper; released code: 0.9",
  )
  pseudo_label_momentum: float = field(
    0.7,
    "beta: share of the old value in the moving average of a sample's"
    " predictions.",
    bound=BELOW_ONE,
    unit="share 0-1",
    source="ours; Table 4: 0.1",
  )
  predictions_gb: float = field(
    4.0,
    "The list of wrong labels is made of the mean of a sample's predictions"
    " over the whole training, C numbers for each; they are kept where those of"
    " all samples take no more than this.",
    bound=NOT_NEGATIVE,
    unit="GB",
    source="ours",
  )
  weight_net_lr: float = field(
    1e-3,
    "Learning rate of Adam for the network of weighting=weight_net.",
    bound=Bound(0, 1000, above=True),
    usual=Bound(1e-6, 0.1),
    source="Meta-Weight-Net",
    of=("weighting", "weight_net"),
  )

  @property
  def learned(self) -> bool:
    """Whether weights are not uniform."""
    return self.weighting != "uniform"

  @property
  def keeps_dictionary(self) -> bool:
    """Whether the run picks its own rewards."""
    return self.learned and self.rewards != "held_out"

  def averages_predictions(self, num_samples: int, num_classes: int) -> bool:
    """Whether the mean of each sample's predictions is kept.

    Args:
      num_samples: N.
      num_classes: C.
    """
    return 4e-9 * num_samples * num_classes <= self.predictions_gb

  @property
  def draws_rewards(self) -> bool:
    """Whether each step draws a reward batch of its own."""
    return self.learned and self.rewards != "queue"
