"""`fit` as a classifier of scikit-learn: for pipelines, searches, folds."""

import inspect
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from fsr_jax.api.settings import FIELDS
from fsr_jax.api.training import fit
from fsr_jax.errors import check

# What fit itself is told here: the data, and what their classes are called.
_OPTIONS = tuple(
  name for name in FIELDS if name not in ("dataset", "path", "class_names")
)


class FSRClassifier(ClassifierMixin, BaseEstimator):
  """A network trained on labels some of which are wrong.

  Parameters are the fields of the config, as the keywords of `fsr_jax.fit`
  are; None means that a field follows from the data. The same `seed`, 0 where
  it is None, gives the same network.

  >>> from fsr_jax import FSRClassifier
  >>> FSRClassifier(num_epochs=30, method="elr")
  FSRClassifier(method='elr', num_epochs=30)

  Attributes:
    classes_: [C], the different labels, sorted.
    label_issues_: LabelIssues, which labels seem wrong, the worst first.
    fitted_: Fitted, what `fsr_jax.fit` gave: it can be saved.
    n_features_in_: F of vectors; of images their first axis.
    feature_names_in_: [F], where X was a DataFrame.
  """

  def __init__(self, *, progress: bool = False, **fields: Any):
    """Keeps the parameters as they are; `fit` checks them.

    Args:
      progress: whether to print what the command line prints.
      **fields: fields of the config (docs/methods.md), without their `data.`.
    """
    self.progress = progress
    for name in _OPTIONS:
      setattr(self, name, fields.pop(name, None))
    if fields:
      raise TypeError(f"FSRClassifier has no parameter {next(iter(fields))!r}")

  # What scikit-learn reads the names of the parameters from.
  __init__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
      inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
      inspect.Parameter(
        "progress", inspect.Parameter.KEYWORD_ONLY, default=False
      ),
      *(
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
        for name in _OPTIONS
      ),
    ]
  )

  def fit(self, X: Any, y: Any) -> "FSRClassifier":
    """Trains.

    Args:
      X: vectors [N, F], or images [N, H, W] or [N, H, W, channels].
      y: labels, text or numbers [N], perhaps wrong.

    Returns:
      Itself.

    Raises:
      InputError, ValueError: parameters or data that are not what they should
        be.
    """
    X, y = validate_data(self, X, y, allow_nd=True)
    check_classification_targets(y)
    self.classes_ = np.unique(y)
    check(
      len(self.classes_) > 1,
      f"y has one class only, {self.classes_[0]}; expected two or more",
    )
    self.fitted_ = fit(
      X,
      y,
      progress=self.progress,
      class_names=[str(name) for name in self.classes_],
      **{name: getattr(self, name) for name in _OPTIONS},
    )
    self.label_issues_ = self.fitted_.label_issues
    return self

  def predict_proba(self, X: Any) -> np.ndarray:
    """Probabilities of the classes, float32 [n, C], in their order.

    Args:
      X: as for `fit`, [n, ...].
    """
    check_is_fitted(self)
    X = validate_data(self, X, reset=False, allow_nd=True)
    return self.fitted_.predict_proba(X)

  def predict(self, X: Any) -> np.ndarray:
    """The likeliest class of each input, [n].

    Args:
      X: as for `fit`, [n, ...].
    """
    best = self.predict_proba(X).argmax(-1)
    return self.classes_[best]
