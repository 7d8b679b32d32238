"""What can be chosen about training; the defaults are those of `fsr`."""

import dataclasses

from fsr_jax.data.options import DataOptions
from fsr_jax.fields import BELOW_ONE, FRACTION, NOT_NEGATIVE, Bound, field
from fsr_jax.models.options import NetworkOptions
from fsr_jax.reweighting import ReweightingOptions
from fsr_jax.train.optimization import OptimizationOptions

LOSSES = ("cross_entropy", "focal", "gce", "forward_correction", "ldam")
CLASS_PRIORS = ("given", "estimated")
PSEUDO_LOSSES = ("cross_entropy", "elr")


@dataclasses.dataclass(frozen=True)
class ObjectiveOptions:
  """What is minimised."""

  loss: str = field(
    "cross_entropy",
    "The loss of a sample on its given label.",
    choices=LOSSES,
    source="eq. 1",
  )
  class_balanced: bool = field(
    False,
    "Whether losses are scaled by class, the more the rarer it is.",
  )
  class_balanced_from: float = field(
    0.0,
    "Share of num_epochs after which class_balanced begins: features are"
    " learned before it from all samples alike (deferred re-weighting).",
    bound=FRACTION,
    unit="share 0-1",
    source="Cao et al. 2019: 0.8",
    of=("class_balanced", True),
  )
  logit_adjustment: float = field(
    1.0,
    "tau: how much of the classes' shares is taken out of the logits, by a loss"
    " that is taken on logits + tau log share: at 1 the network learns to"
    " predict as if classes were equally common (also known as balanced"
    " softmax), at 0 as they are.",
    bound=NOT_NEGATIVE,
    usual=Bound(0, 3),
    source="Menon et al. 2021",
  )
  class_prior: str = field(
    "estimated",
    "Of logit_adjustment and loss=ldam: whether a class's share is that of its"
    " given labels (`given`), or that of the true labels as soon as the run can"
    " tell (`estimated`): by the samples whose class is beyond doubt, whose"
    " labels show how labels go wrong.",
    choices=CLASS_PRIORS,
    source="ours; Menon et al. 2021: given",
  )
  label_smoothing: float = field(
    0.0,
    "Share of a label that is spread over all classes.",
    bound=BELOW_ONE,
    unit="share 0-1",
    source="section 5.2: 0.1 on long tails",
  )
  mixup: bool = field(
    True,
    "Whether pairs of images, and of labels, are blended.",
    source="section 4.3",
  )
  remix: bool = field(
    False, "MixUp in which the label of a far smaller class takes all."
  )
  unmixed_pass: bool = field(
    False,
    "With MixUp: whether the un-mixed images of a batch are passed through the"
    " network too, for weights, scores and pseudo-labels. Without it what they"
    " would have given is told from the mixed images, at half the cost.",
    source="ours; the paper: True",
  )
  weigh_mixed: bool = field(
    False,
    "With unmixed_pass: whether weights are learned for the mixed images"
    " instead of the un-mixed ones, whose labels then carry them into the mix.",
    source="ours; the paper: True",
  )
  pseudo_loss: str = field(
    "elr",
    "Re-labelling: cross entropy on the moving average of a sample's own"
    " predictions, or early-learning regularization (`elr`).",
    choices=PSEUDO_LOSSES,
    source="Liu et al. 2020; the paper, eq. 7: cross_entropy",
  )
  pseudo_loss_weight: float = field(
    3.0,
    "p: factor of the re-labelling loss; 0 = none.",
    bound=Bound(0, 1000),
    source="Liu et al. 2020; Table 4: 2, WebVision 1",
  )
  relabel_when_sure: bool = field(
    True,
    "Whether nothing is re-labelled before the run has become sure of its clear"
    " cases (docs/label_issues.md): a network that predicts poorly would hold"
    " fast to its mistakes.",
    source="ours",
  )
  pseudo_loss_on_mixed: bool = field(
    False,
    "With unmixed_pass: whether the re-labelling loss and predictions are"
    " those of the mixed images.",
    source="the paper; released code: True",
  )
  reward_batch_norm: str = field(
    "own",
    "Whose batch-norm statistics a reward batch is normalised with: its own,"
    " those of it and the un-mixed batch together (`joint`), or the"
    " running ones.",
    choices=("own", "joint", "running"),
    source="ours; released code: joint",
  )
  focal_gamma: float = field(
    2.0,
    "gamma of loss=focal.",
    bound=Bound(0, 20),
    source="Lin et al. 2017",
    of=("loss", "focal"),
  )
  gce_q: float = field(
    0.7,
    "q of loss=gce: towards 0 cross entropy, 1 = half the absolute error.",
    bound=Bound(0.001, 1),
    source="Zhang & Sabuncu 2018",
    of=("loss", "gce"),
  )
  ldam_margin: float = field(
    15.0,
    "Of loss=ldam: how much the log odds of a label of the rarest class are"
    " lowered; those of others less, with the fourth root of the quotient of"
    " their shares (class_prior).",
    bound=NOT_NEGATIVE,
    usual=Bound(0, 30),
    unit="nats",
    source="Cao et al. 2019: 30 times 0.5",
    of=("loss", "ldam"),
  )
  transition: str = field(
    "estimated",
    "Of loss=forward_correction: whether the transition matrix of the noise is"
    " estimated at the end of the warm-up, or known from clean labels.",
    choices=("known", "estimated"),
    source="Patrini et al. 2017",
    of=("loss", "forward_correction"),
  )
  class_balance_beta: float = field(
    0.9999,
    "beta of class_balanced.",
    bound=BELOW_ONE,
    source="Cui et al. 2019",
    of=("class_balanced", True),
  )
  remix_ratio: float = field(
    3.0,
    "kappa of remix: ratio of class sizes from which on the smaller one takes"
    " all.",
    bound=Bound(1, 1e6),
    source="Chou et al. 2020",
    of=("remix", True),
  )


@dataclasses.dataclass(frozen=True)
class TrainOptions:
  """All of them together; a constant of every compiled function."""

  data: DataOptions = DataOptions()
  network: NetworkOptions = NetworkOptions()
  optimization: OptimizationOptions = OptimizationOptions()
  objective: ObjectiveOptions = ObjectiveOptions()
  reweighting: ReweightingOptions = ReweightingOptions()

  @property
  def on_features(self) -> "TrainOptions":
    """The options of what is trained: those of feature_network where the
    backbone is frozen, else these."""
    if not self.network.frozen_backbone:
      return self
    network = dataclasses.replace(
      self.network,
      network=self.network.feature_network,
      pretrained=None,
      frozen_backbone=False,
    )
    return dataclasses.replace(self, network=network)

  @property
  def relabels(self) -> bool:
    """Whether there is a re-labelling loss."""
    return self.objective.pseudo_loss_weight > 0

  @property
  def estimates_transition(self) -> bool:
    """Whether the transition matrix is estimated at the warm-up's end."""
    return (
      self.objective.loss == "forward_correction"
      and self.objective.transition == "estimated"
    )

  @property
  def keeps_predictions(self) -> bool:
    """Whether the tables hold the moving average of f(x)."""
    return self.relabels or self.estimates_transition

  @property
  def observes(self) -> bool:
    """Whether anything depends on predictions of un-mixed images."""
    return self.reweighting.learned or self.keeps_predictions

  @property
  def passes_unmixed(self) -> bool:
    """Whether un-mixed images have a pass of their own."""
    objective = self.objective
    return objective.mixup and objective.unmixed_pass and self.observes

  @property
  def unmixes(self) -> bool:
    """Whether un-mixed predictions are estimated from the mixed images."""
    objective = self.objective
    return objective.mixup and not objective.unmixed_pass
