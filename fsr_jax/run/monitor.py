"""What the tables say about the training set: purity and weights."""

import jax
import numpy as np

from fsr_jax.data.dataset import Data
from fsr_jax.maths.tables import Tables, debias
from fsr_jax.reweighting import ReweightingOptions, ReweightingState


def dictionary(
  reweighting: ReweightingState, options: ReweightingOptions
) -> np.ndarray | None:
  """Training samples in the run's own dictionary, int [K], repeats included.

  None where the run picks none.
  """
  if not options.keeps_dictionary:
    return None
  if reweighting.trusted is not None:
    return np.flatnonzero(reweighting.trusted)
  assert reweighting.dictionary is not None
  return np.asarray(reweighting.dictionary.index)


def _mean(values: np.ndarray) -> float | None:
  """None where there are no values."""
  return float(values.mean()) if values.size else None


def _average(tables: Tables, table: jax.Array, decay: float) -> np.ndarray:
  """A moving average of the tables, freed of its zero start."""
  return np.asarray(debias(table, tables.visits, decay))


def measure(
  reweighting: ReweightingState, data: Data, options: ReweightingOptions
) -> dict:
  """Quality of dictionary and weights.

  Args:
    reweighting: of the train state, numpy arrays.
    data: Data.
    options: of the reweighter.

  Returns:
    Scalars of the groups weights, dictionary and labels, which
    `scalars.SCALARS` describes, by their names. None stands for what is not
    known: without clean labels, without a dictionary, where there are no such
    samples, where predictions are not kept (difficulty), and as long as the
    run cannot tell (estimated_wrong_share, clear_cases_steady). Only samples
    seen so far count. A clean label of -1 says that the given one is wrong;
    difficulty leaves such samples out.
  """
  tables, chosen = reweighting.tables, dictionary(reweighting, options)
  right = None
  if data.train.clean_label is not None:
    right = data.train.label == data.train.clean_label
  return {
    **_purity_and_coverage(tables, chosen, data),
    **_difficulty(tables, chosen, data, options.pseudo_label_momentum),
    **_weights(tables, right),
    "estimated_wrong_share": _estimate(reweighting),
    "clear_cases_steady": (
      None if reweighting.anchors is None else float(reweighting.anchors.steady)
    ),
    "zero_batches": int(reweighting.zero_batches),
  }


def _estimate(reweighting: ReweightingState) -> float | None:
  anchors = reweighting.anchors
  if anchors is None or not anchors.settled:
    return None
  return float(reweighting.noise.wrong_share)


def _purity_and_coverage(tables, chosen, data) -> dict:
  result = dict.fromkeys(
    (
      "dictionary_purity",
      "dictionary_coverage",
      "dictionary_coverage_min",
      "dictionary_coverage_max",
      "dictionary_new",
    )
  )
  if chosen is None:
    return result
  label, clean_label = data.train.label, data.train.clean_label
  used = tables.trusted > 0
  members = np.bincount(label, minlength=data.num_classes)
  share = np.bincount(label, used, data.num_classes) / members
  result["dictionary_coverage"] = float(used.mean())
  result["dictionary_coverage_min"] = float(share.min())
  result["dictionary_coverage_max"] = float(share.max())
  result["dictionary_new"] = float(1 - used[chosen].mean())
  if clean_label is not None:
    right = (label == clean_label)[chosen]
    result["dictionary_purity"] = float(right.mean())
  return result


def _difficulty(tables, chosen, data, momentum) -> dict:
  result = dict.fromkeys(("difficulty", "dictionary_difficulty"))
  clean_label = data.train.clean_label
  if tables.pseudo_label is None or clean_label is None:
    return result
  of_clean = tables.pseudo_label[np.arange(len(clean_label)), clean_label]
  difficulty = 1 - _average(tables, of_clean, momentum)
  known = clean_label >= 0
  result["difficulty"] = _mean(difficulty[known & (tables.visits > 0)])
  if chosen is not None:
    trusted = chosen[known[chosen]]
    result["dictionary_difficulty"] = _mean(difficulty[trusted])
  return result


def _weights(tables, right: np.ndarray | None) -> dict:
  seen, last = tables.visits > 0, tables.last_weight
  zero = last == 0
  result = {
    "zero_weight_fraction": _mean(zero[seen]),
    "zero_weight_fraction_clean": None,
    "zero_weight_fraction_wrong": None,
    "weight_clean": None,
    "weight_wrong": None,
    "wrong_weight_share": None,
  }
  if right is None:
    return result
  result["zero_weight_fraction_clean"] = _mean(zero[seen & right])
  result["zero_weight_fraction_wrong"] = _mean(zero[seen & ~right])
  result["weight_clean"] = _mean(last[seen & right])
  result["weight_wrong"] = _mean(last[seen & ~right])
  weight = np.sum(tables.mean_weight)
  if weight > 0:
    wrong = np.sum(tables.mean_weight[~right]) / weight
    result["wrong_weight_share"] = float(wrong)
  return result
