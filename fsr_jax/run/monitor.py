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
    zero_weight_fraction: of the examples seen, whose last weight is 0; the
      same with _clean and _wrong among right and wrong labels (None without
      clean labels or where there are none).
    zero_batches: batches of the run in which every weight was 0.
  """
  seen = tables.visits > 0
  zero = tables.last_weight == 0
  result = {
      "dictionary_purity": None,
      "zero_weight_fraction": _share(zero, seen),
      "zero_weight_fraction_clean": None,
      "zero_weight_fraction_wrong": None,
      "zero_batches": int(zero_batches),
  }
  if data.train.clean_label is None:
    return result
  right = data.train.label == data.train.clean_label
  if learned:
    purity = right[dictionary.index].mean()
    result["dictionary_purity"] = float(purity)
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
    (0/1) and, with re-labelling, suggested_label and its confidence (0-1).
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
  }
  if tables.pseudo_label is not None:
    pseudo_label = average(tables.pseudo_label, config.pseudo_label_momentum)
    columns["suggested_label"] = names[pseudo_label.argmax(-1)]
    columns["confidence"] = pseudo_label.max(-1)
  return columns
