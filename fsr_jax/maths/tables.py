"""Per-sample tables: what training remembers of every example.

Moving averages start at zero and are read through `debias`, so that a sample
seen less often (the remainder of an epoch is dropped) is on the same scale.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fsr_jax.maths import collectives, shares
from fsr_jax.maths.checks import expect
from fsr_jax.maths.collectives import Array

# Values of Tables.recall: how the given label has been predicted so far.
NEVER_KNOWN, FORGOTTEN, KNOWN = range(3)
_NEVER_ZERO = 1e-8


class Tables(NamedTuple):
  """One row an example, the same on every device, of the tables [N, C] perhaps
  each device's share of the rows (`shares`).

  Attributes:
    visits: int32 [N], times seen; 0 means that every other entry is void.
    score: float32 [N], moving average of the pusher, not debiased.
    last_weight: float32 [N], B * omega at the last visit (1 = plain training).
    mean_weight: float32 [N], moving average of B * omega, not debiased.
    recall: int8 [N]: KNOWN, the last prediction was the given label;
      FORGOTTEN, an earlier one was; NEVER_KNOWN.
    trusted: int32 [N], epochs for which it was in a dictionary in use, whole
      ones.
    predicted: int32 [N], the class that was predicted at the last visit.
    pseudo_label: float32 [N, C], moving average of f(x), not debiased; None
      where re-labelling is off (C may be thousands).
    mean_root: float32 [N, C], mean over all visits of the square root of f(x),
      for the list of wrong labels; None where there is to be none.
  """

  visits: jax.Array
  score: jax.Array
  last_weight: jax.Array
  mean_weight: jax.Array
  recall: jax.Array
  trusted: jax.Array
  predicted: jax.Array
  pseudo_label: jax.Array | None
  mean_root: jax.Array | None = None


# Fields of Tables that are [N, C], of which each device may keep a share.
PER_CLASS = ("pseudo_label", "mean_root")


class Observation(NamedTuple):
  """What one step saw of its batch.

  Attributes:
    index: int32 [b], at most once a batch.
    score: float32 [b].
    weights: float32 [b].
    predicted: int32 [b], the likeliest class.
    correct: bool [b], whether it is the given label.
    probabilities: float32 [b, C], f(x), or None.
    root: float32 [b, C], square root of f(x) of the un-mixed samples, or None.
  """

  index: jax.Array  # type: ignore[assignment]  # Hides tuple.index.
  score: jax.Array
  weights: jax.Array
  predicted: jax.Array
  correct: jax.Array
  probabilities: jax.Array | None
  root: jax.Array | None = None


def init(
  num_examples: int, num_classes: int, relabel: bool, average: bool = False
) -> Tables:
  """Empty tables for N examples of C classes.

  Args:
    num_examples: N.
    num_classes: C.
    relabel: whether there is a pseudo_label.
    average: whether there is a mean_root.
  """
  zeros = jnp.zeros(num_examples, jnp.float32)

  def per_class(wanted):
    shape = (num_examples, num_classes)
    return jnp.zeros(shape, jnp.float32) if wanted else None

  return Tables(
    visits=jnp.zeros(num_examples, jnp.int32),
    score=zeros,
    last_weight=zeros,
    mean_weight=zeros,
    recall=jnp.full(num_examples, NEVER_KNOWN, jnp.int8),
    trusted=jnp.zeros(num_examples, jnp.int32),
    predicted=jnp.zeros(num_examples, jnp.int32),
    pseudo_label=per_class(relabel),
    mean_root=per_class(average),
  )


def moving_average(
  old: jax.Array, new: jax.Array, decay: jax.Array | float
) -> jax.Array:
  """decay * old + (1 - decay) * new: section 4.1 (lambda), eq. 7 (beta)."""
  return decay * old + (1.0 - decay) * new


def debias(average: Array, visits: Array, decay: float) -> Array:
  """Removes the pull of the zero start: average / (1 - decay^visits).

  Args:
    average: float [N] or [N, C], a moving average begun at zero; JAX or numpy.
    visits: int32 [N], likewise.
    decay: of that average.

  Returns:
    float, like average; zero where visits is zero.

  Source: Adam's bias correction; ours, for the dropped remainders.
  """
  expect(average=(average, "float N ..."), visits=(visits, "int N"))
  # Operators alone: numpy arrays stay such, and compile nothing.
  seen = (visits > 0).reshape(visits.shape + (1,) * (average.ndim - 1))
  filled = 1.0 - decay ** visits.astype(jnp.float32).reshape(seen.shape)
  return average * seen / (filled + ~seen)


def pseudo_labels(tables: Tables, index: jax.Array, decay: float) -> jax.Array:
  """y-hat of the batch as of its previous visit.

  Args:
    tables: with pseudo_label [N, C].
    index: int32 [b].
    decay: beta.

  Returns:
    float32 [b, C], rows summing to 1; zero rows (no loss) where never seen.

  Source: eq. 7; read before the step's own update, as the released code does.
  """
  assert tables.pseudo_label is not None, "these tables keep no predictions"
  size = tables.visits.shape[0]
  average = shares.rows(tables.pseudo_label, index, size)
  return debias(average, tables.visits[index], decay)


def mean_probabilities_of(tables: Tables, index: jax.Array) -> jax.Array:
  """`mean_probabilities` of the batch.

  Args:
    tables: with mean_root.
    index: int32 [b].

  Returns:
    float32 [b, C].
  """
  assert tables.mean_root is not None, "these tables keep no predictions"
  size = tables.visits.shape[0]
  return mean_probabilities(shares.rows(tables.mean_root, index, size))


def update(
  tables: Tables,
  seen: Observation,
  score_momentum: float,
  pseudo_label_momentum: float,
) -> Tables:
  """Writes one step's observation of a batch into every replica's tables.

  Args:
    tables: Tables.
    seen: Observation of this device's share.
    score_momentum: lambda.
    pseudo_label_momentum: beta.

  Returns:
    Tables; each device has seen the whole batch.

  Source: Algorithm 1 (score), eq. 7 (pseudo-label).
  """
  expect(
    index=(seen.index, "int B"),
    score=(seen.score, "float B"),
    weights=(seen.weights, "float B"),
    predicted=(seen.predicted, "int B"),
    correct=(seen.correct, "bool B"),
  )
  seen = collectives.all_gather(seen)
  index = seen.index
  scaled = seen.weights * index.shape[0]  # 1 = plain training.

  size = tables.visits.shape[0]

  def changed(table, change):
    at, before = shares.own_rows(table, index, size)
    return table.at[at].set(change(before).astype(table.dtype), mode="drop")

  def averaged(table, value, decay):
    return changed(table, lambda old: moving_average(old, value, decay))

  missed = jnp.minimum(tables.recall[index], FORGOTTEN)
  pseudo_label = None
  if seen.probabilities is not None:
    pseudo_label = averaged(
      tables.pseudo_label, seen.probabilities, pseudo_label_momentum
    )
  mean_root = None
  if seen.root is not None and tables.mean_root is not None:
    root, count = seen.root, (tables.visits[index] + 1)[:, None]
    mean_root = changed(
      tables.mean_root, lambda old: old + (root - old) / count
    )
  return tables._replace(
    visits=tables.visits.at[index].add(1),
    score=averaged(tables.score, seen.score, score_momentum),
    last_weight=tables.last_weight.at[index].set(scaled.astype(jnp.float32)),
    mean_weight=averaged(tables.mean_weight, scaled, score_momentum),
    recall=tables.recall.at[index].set(
      jnp.where(seen.correct, KNOWN, missed).astype(jnp.int8)
    ),
    predicted=tables.predicted.at[index].set(seen.predicted),
    pseudo_label=pseudo_label,
    mean_root=mean_root,
  )


def unless_spoilt(
  old: Tables, new: Tables, index: jax.Array, finite: jax.Array
) -> Tables:
  """The tables after a step, or before it where the step was not finite.

  Args:
    old, new: before and after `update`.
    index: int32 [B], the global batch.
    finite: bool scalar.

  Returns:
    Tables. Rows of the batch alone are looked at, however many there are.
  """

  size = old.visits.shape[0]

  def rows(before, after):
    if after is before:  # `update` leaves it as it is.
      return after
    at, new_rows = shares.own_rows(after, index, size)
    _, old_rows = shares.own_rows(before, index, size)
    kept = jnp.where(finite, new_rows, old_rows)
    return after.at[at].set(kept, mode="drop")

  return jax.tree.map(rows, old, new)


def mean_probabilities(mean_root: Array) -> Array:
  """What a network said of each example in the mean of all its visits.

  Args:
    mean_root: float32 [N, C]; JAX or numpy.

  Returns:
    float32 [N, C], above 0, rows summing to 1, uniform where never seen: the
    square of the mean square root. What a network has learned by heart in the
    end counts less in it than in a mean of probabilities, and one confident
    mistake less than in a mean of their logarithms
    (docs/measured/lists.md).
  """
  # Operators alone: numpy arrays stay such.
  square = mean_root * mean_root + _NEVER_ZERO
  return square / square.sum(1)[:, None]


def trust(tables: Tables, member: jax.Array, in_use: jax.Array) -> Tables:
  """Counts one more epoch for the samples of a dictionary.

  Args:
    tables: Tables.
    member: bool [N], the dictionary's samples.
    in_use: bool scalar; False during the warm-up, when nothing is counted.

  Returns:
    Tables.
  """
  expect(member=(member, "bool N"), visits=(tables.visits, "int N"))
  count = (member & in_use).astype(jnp.int32)
  return tables._replace(trusted=tables.trusted + count)
