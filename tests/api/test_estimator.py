"""FSRClassifier is a classifier as scikit-learn checks them."""

import pickle

from absl.testing import absltest
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fsr_jax
from fsr_jax.errors import InputError
from tests.api.test_fit import SHORT, blobs

# Check -> why it may fail: none does.
EXCEPTIONS: dict[str, str] = {}
PLAIN = {"method": "plain", "num_devices": 1}


# The method with the fewest programs to be compiled, for 51 fits of 30 shapes;
# the others differ in none of what is checked.
@pytest.mark.slow
@parametrize_with_checks(
  [fsr_jax.FSRClassifier(**PLAIN, num_epochs=20)],
  expected_failed_checks=lambda _: EXCEPTIONS,
)
def test_sklearn(estimator, check):
  check(estimator)


class FSRClassifierTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.x, self.given, self.right = blobs(96, 8)
    self.short = {**SHORT, "num_epochs": 20, "warmup_epochs": 5}

  def test_it_says_which_labels_are_wrong(self):
    model = fsr_jax.FSRClassifier(**self.short).fit(self.x, self.given)
    self.assertEqual(model.score(self.x, self.right), 1)
    worst = model.label_issues_["index"][:8]
    wrong = np.flatnonzero(self.given != self.right)
    self.assertSameElements(worst, wrong)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
      again.predict_proba(self.x), model.predict_proba(self.x)
    )

  @pytest.mark.slow
  def test_options_are_searched_in_a_pipeline(self):
    pipeline = make_pipeline(
      StandardScaler(), fsr_jax.FSRClassifier(**self.short, method="plain")
    )
    rates = [1e-6, 0.1]
    search = GridSearchCV(
      pipeline, {"fsrclassifier__learning_rate": rates}, cv=2
    ).fit(self.x, self.right)
    best = search.best_params_["fsrclassifier__learning_rate"]
    self.assertEqual(best, 0.1)

  def test_images(self):
    image = np.zeros((20, 4, 4, 3), np.uint8)
    image[::2] = 200
    label = np.arange(20) % 2
    model = fsr_jax.FSRClassifier(
      network="mlp", **PLAIN, num_epochs=3, batch_size=10
    )
    self.assertEqual(model.fit(image, label).score(image, label), 1)

  def test_labels_are_names_whatever_they_are_called(self):
    for names in ([-1, 1], ["nan", "NA, or none"], [False, True]):
      y = np.array(names)[np.arange(12) % 2]
      model = fsr_jax.FSRClassifier(**PLAIN, num_epochs=1)
      model.fit(self.x[:12], y)
      np.testing.assert_array_equal(model.classes_, np.unique(y))
      self.assertEqual(model.classes_.dtype, y.dtype)

  def test_what_is_wrong(self):
    with self.assertRaisesRegex(TypeError, "no parameter 'num_epoch'"):
      fsr_jax.FSRClassifier(num_epoch=3)
    model = fsr_jax.FSRClassifier(num_epochs=-3)
    with self.assertRaisesRegex(InputError, "num_epochs=-3; expected"):
      model.fit(self.x, self.given)


if __name__ == "__main__":
  pytest.main([__file__])
