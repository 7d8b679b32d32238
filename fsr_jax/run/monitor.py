"""What the tables say about the training set: purity, weights, suspects."""

import numpy as np

from fsr_jax.data.dataset import Data
from fsr_jax.maths.dictionary import Dictionary
from fsr_jax.maths.tables import Tables, debias


def _share(mask: np.ndarray, among: np.ndarray) -> float | None:
  """Fraction of `among` where `mask` holds; None where `among` is empty."""
  return float(mask[among].mean()) if among.any() else None


def measure(
    tables: Tables, dictionary: Dictionary, zero_batches: np.ndarray,
    data: Data, learned: bool,
) -> dict:
  """Quality of dictionary and weights.

  Args:
    tables, dictionary, zero_batches: of the train state, numpy arrays.
    data: Data.
    learned: whether the method keeps a dictionary.

  Returns:
    dictionary_purity: fraction of the dictionary whose label is right; None
      without clean labels or without a dictionary.
    dictionary_coverage: fraction of the examples that were in a dictionary in
      use so far; None without one. The same with _min and _max of the class
      (by given label) that has the least and the most.
    zero_weight_fraction: of the examples seen, whose last weight is 0; the
      same with _clean and _wrong among right and wrong labels (None without
      clean labels or where there are none).
    wrong_weight_share: share of all weight (moving average over visits) that
      samples with wrong labels have; None without clean labels.
    zero_batches: batches of the run in which every weight was 0.
  """
  seen = tables.visits > 0
  zero = tables.last_weight == 0
  result = {
      "dictionary_purity": None,
      "dictionary_coverage": None,
      "dictionary_coverage_min": None,
      "dictionary_coverage_max": None,
      "zero_weight_fraction": _share(zero, seen),
      "zero_weight_fraction_clean": None,
      "zero_weight_fraction_wrong": None,
      "wrong_weight_share": None,
      "zero_batches": int(zero_batches),
  }
  if learned:
    used = tables.trusted > 0
    members = np.bincount(data.train.label, minlength=data.num_classes)
    share = np.bincount(data.train.label, used, data.num_classes) / members
    result["dictionary_coverage"] = float(used.mean())
    result["dictionary_coverage_min"] = float(share.min())
    result["dictionary_coverage_max"] = float(share.max())
  if data.train.clean_label is None:
    return result
  right = data.train.label == data.train.clean_label
  if learned:
    purity = right[dictionary.index].mean()
    result["dictionary_purity"] = float(purity)
  weight = np.sum(tables.mean_weight)
  if weight > 0:
    result["wrong_weight_share"] = float(
        np.sum(tables.mean_weight[~right]) / weight
    )
  result["zero_weight_fraction_clean"] = _share(zero, seen & right)
  result["zero_weight_fraction_wrong"] = _share(zero, seen & ~right)
  return result


def samples(
    tables: Tables, dictionary: Dictionary, data: Data, config
) -> dict[str, np.ndarray]:
  """What the run learned about each training example, for samples.csv.

  Args:
    tables, dictionary: of the train state, numpy arrays.
    data: Data.
    config: resolved.

  Returns:
    Columns [N]: index, label (class name), visits (times seen; with 0 the
    rest is void), score (higher = more trustworthy; NaN where never seen),
    weight (moving average of B * omega; 1 = plain training), in_dictionary
    (0/1), trusted_epochs (for how many it was) and, where predictions are
    kept, suggested_label and its confidence (0-1).
  """
  names = np.array(data.class_names)

  def average(table, decay):
    return np.asarray(debias(table, tables.visits, decay))

  in_dictionary = np.zeros(len(data.train), np.int32)
  in_dictionary[dictionary.index] = 1
  columns = {
      "index": np.arange(len(data.train)),
      "label": names[data.train.label],
      "visits": tables.visits,
      "score": np.where(
          tables.visits > 0,
          average(tables.score, config.score_momentum),
          np.nan,
      ),
      "weight": average(tables.mean_weight, config.score_momentum),
      "in_dictionary": in_dictionary,
      "trusted_epochs": tables.trusted,
  }
  if tables.pseudo_label is not None:
    pseudo_label = average(tables.pseudo_label, config.pseudo_label_momentum)
    columns["suggested_label"] = names[pseudo_label.argmax(-1)]
    columns["confidence"] = pseudo_label.max(-1)
  return columns
