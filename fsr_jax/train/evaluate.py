"""Accuracy over a split, every example counted exactly once.

Predictions leave the device, a class for each example; what is counted by
class is counted of them on the host. A table of C x C counts on the device
would be 265 MB for the 8,142 classes of iNaturalist; they are 4 bytes an
example whatever C is.
"""

from typing import NamedTuple

import flax
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.images import augment
from fsr_jax.maths import collectives, losses
from fsr_jax.maths.collectives import Array, Tree
from fsr_jax.models import Network
from fsr_jax.train.state import Resident, Statistics, TrainState


def logits(
  network: Network,
  params: Tree,
  batch_stats: Tree,
  statistics: Statistics,
  image: Array,
) -> jax.Array:
  """What a trained network says of images; the one way to ask it.

  Args:
    network: Network.
    params, batch_stats: of it.
    statistics: of the images that it was trained on.
    image: uint8 [b, H, W, channels], or float32 [b, F].

  Returns:
    float32 [b, C].
  """
  image = augment.normalize(image, *statistics)
  features, _ = network.features(params, batch_stats, image, train=False)
  out, _ = network.head(params["head"], batch_stats, features, train=False)
  return out


class Counts(flax.struct.PyTreeNode):
  """Predictions of a batch, and float32 sums over those whose mask is 1.

  Attributes:
    examples: number of examples.
    loss: cross entropy, nats.
    top5: examples whose label is among the 5 largest logits (among all of them
      where there are fewer classes).
    predicted: int32 [b], class of the largest logit, of padding too.
  """

  examples: jax.Array
  loss: jax.Array
  top5: jax.Array
  predicted: jax.Array


def count_batch(logits: Array, label: Array, mask: Array) -> Counts:
  """Counts of one batch.

  Args:
    logits: float32 [b, C].
    label: int32 [b].
    mask: float32 [b], 0 for padding.

  Returns:
    Counts.
  """
  num_classes = logits.shape[-1]
  loss = losses.cross_entropy(logits, losses.one_hot(label, num_classes))
  _, best = jax.lax.top_k(logits, min(5, num_classes))
  hit = best == label[:, None]
  return Counts(
    examples=jnp.sum(mask),
    # A non-finite loss in the padding must not reach the sum.
    loss=jnp.sum(jnp.where(mask > 0, loss, 0.0)),
    top5=jnp.sum(mask * jnp.any(hit, axis=-1)),
    predicted=best[:, 0],
  )


def evaluate_step(
  state: TrainState,
  data: Resident,
  index: jax.Array,
  mask: jax.Array,
  image: jax.Array | None = None,
  *,
  ctx,
) -> dict[str, Counts]:
  """Counts of one global batch, with the parameters and with their average.

  Args:
    state: TrainState.
    data: Resident, the split evaluated.
    index: int32 [B], the global batch; padding repeats an example.
    mask: float32 [B], 0 for padding.
    image: uint8 [b, H, W, channels], this device's share, where `data` has no
      images.
    ctx: step.Context.

  Returns:
    {"raw": Counts, "ema": Counts} of the whole batch: sums over devices,
    `predicted` int32 [B].
  """
  index, mask = (collectives.local_slice(x) for x in (index, mask))
  if image is None:
    assert data.image is not None
    image = data.image[index]
  label = data.label[index]

  def counts(params, batch_stats):
    said = logits(ctx.network, params, batch_stats, state.statistics, image)
    own = count_batch(said, label, mask)
    predicted = collectives.all_gather(own.predicted)
    return collectives.psum(own).replace(predicted=predicted)

  return {
    "raw": counts(state.params, state.batch_stats),
    "ema": counts(state.ema_params, state.ema_batch_stats),
  }


class Outcome(NamedTuple):
  """What a network makes of a split of n examples.

  Attributes:
    label: int32 [n], given labels.
    predicted: int32 [n], the class that the network says.
    loss: mean cross entropy, nats.
    top5: share of the examples whose label is among the five classes that the
      network holds likeliest, 0-1.
  """

  label: np.ndarray
  predicted: np.ndarray
  loss: float
  top5: float


def collected(label: np.ndarray, counts: list[Counts]) -> Outcome:
  """The Outcome of a split that was counted batch by batch.

  Args:
    label: int32 [n], of its examples.
    counts: numpy arrays, of batches in the order of the examples, padding last.

  Returns:
    Outcome.
  """
  total = len(label)

  def mean(name):
    sums = [getattr(batch, name) for batch in counts]
    return float(np.sum(sums, dtype=np.float64)) / total

  if mean("examples") != 1:
    raise AssertionError(f"evaluated {mean('examples'):%} of {total} examples")
  predicted = np.concatenate([batch.predicted for batch in counts])[:total]
  return Outcome(label, predicted, mean("loss"), mean("top5"))


class ByClass(NamedTuple):
  """An Outcome counted by class, int64 [C] each.

  Attributes:
    examples: with that label.
    predicted: that the network says are of that class.
    correct: both.
  """

  examples: np.ndarray
  predicted: np.ndarray
  correct: np.ndarray

  @property
  def accuracy(self) -> np.ndarray:
    """Share of a class's examples predicted right, float64 [C], 0-1; NaN where
    it has none."""
    return _share(self.correct, self.examples)

  @property
  def mean_accuracy(self) -> float:
    """Mean of that over the classes that have examples."""
    return float(np.nanmean(self.accuracy))

  @property
  def precision(self) -> np.ndarray:
    """Share of the predictions of a class that are right, float64 [C], 0-1;
    NaN where it is never predicted."""
    return _share(self.correct, self.predicted)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
  return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def by_class(outcome: Outcome, num_classes: int) -> ByClass:
  """`count_by_class` of an Outcome."""
  return count_by_class(outcome.label, outcome.predicted, num_classes)


def count_by_class(label: Array, predicted: Array, num_classes: int) -> ByClass:
  """Counts of each class.

  Args:
    label, predicted: numpy int [n], of n examples.
    num_classes: C.
  """
  return ByClass(
    *(
      np.bincount(classes, minlength=num_classes)
      for classes in (label, predicted, label[predicted == label])
    )
  )


def confusions(outcome: Outcome, num_classes: int) -> np.ndarray:
  """Which classes are taken for which.

  Args:
    outcome: Outcome.
    num_classes: C.

  Returns:
    int64 [M, 3], rows of (label, predicted class, number of examples) for the
    pairs that occur, the right ones too; ordered by label, then prediction.
  """
  pair = outcome.label.astype(np.int64) * num_classes + outcome.predicted
  pairs, count = np.unique(pair, return_counts=True)
  return np.stack([*np.divmod(pairs, num_classes), count], axis=1)


def scalars(outcome: Outcome, num_classes: int) -> dict[str, float]:
  """An Outcome in a few numbers.

  Args:
    outcome: Outcome.
    num_classes: C.

  Returns:
    loss (nats), top1, top5 and balanced_accuracy (the mean over the classes
    that have examples of the accuracy on each; fractions 0-1).
  """
  return {
    "loss": outcome.loss,
    "top1": float(np.mean(outcome.predicted == outcome.label)),
    "top5": outcome.top5,
    "balanced_accuracy": by_class(outcome, num_classes).mean_accuracy,
  }


def named_scalars(
  part: str, outcomes: dict[str, Outcome], num_classes: int
) -> dict[str, float]:
  """The numbers of `scalars` under the names that a run logs them by.

  Args:
    part: "test" or "val".
    outcomes: suffix -> Outcome: "" with the parameters, "_ema" with their
      average.
    num_classes: C.

  Returns:
    test_loss (nats), test_top1, test_top5, test_balanced_accuracy (fractions
    0-1) and the same with `_ema`.
  """
  return {
    f"{part}_{name}{suffix}": value
    for suffix, outcome in outcomes.items()
    for name, value in scalars(outcome, num_classes).items()
  }


def parts(data: Data) -> dict[str, Split]:
  """The parts that are evaluated, those at the ends of epochs first.

  Args:
    data: Data.

  Returns:
    {"val": Split, "test": Split}, or those of them that there are.
  """
  splits = {"val": data.val, "test": data.test}
  return {name: split for name, split in splits.items() if split is not None}
