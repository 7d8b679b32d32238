"""Bad data are refused."""

import dataclasses

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.config.validation import validate_against_data
from fsr_jax.data.dataset import Data, Split
from fsr_jax.errors import InputError
from tests import shrunk


class ValidationTest(parameterized.TestCase):
  def break_train(self, **changes):
    data = shrunk.random_data()
    fields = {"image": data.train.image, "label": data.train.label}
    return Data(Split(**{**fields, **changes}), data.test, data.class_names)

  def test_good_data_pass(self):
    shrunk.random_data().validate()

  @parameterized.parameters(-1, 4)
  def test_label_out_of_range(self, bad):
    label = shrunk.random_data().train.label.copy()
    label[5] = bad
    with self.assertRaisesRegex(InputError, rf"0\.\.3.*example 5: {bad}"):
      self.break_train(label=label).validate()

  def test_clean_labels_may_be_unknown(self):
    clean_label = shrunk.random_data().train.label.copy()
    clean_label[7] = -1
    data = self.break_train(clean_label=clean_label)
    self.assertIs(data.validate(), data)
    with self.assertRaisesRegex(InputError, "every training example"):
      validate_against_data(
        shrunk.options(method="forward_correction", transition="known"), data
      )
    clean_label[7] = -2
    with self.assertRaisesRegex(
      InputError, r"clean_labels must be in -1\.\.3; 1 are not.* 7: -2"
    ):
      data.validate()

  def test_class_without_example(self):
    label = np.minimum(shrunk.random_data().train.label, 2)
    with self.assertRaisesRegex(InputError, "no training example: class 3"):
      self.break_train(label=label).validate()

  def test_wrong_dtype(self):
    image = shrunk.random_data().train.image.astype(np.float32)
    with self.assertRaisesRegex(InputError, "float32.*expected uint8"):
      self.break_train(image=image).validate()

  def test_shape_of_test_images(self):
    image = np.zeros((64, 5, 5, 1), np.uint8)
    with self.assertRaisesRegex(
      InputError, r"test images are \(4, 4, 1\); expected \(5, 5, 1\)"
    ):
      self.break_train(image=image).validate()


class ValidationPartTest(parameterized.TestCase):
  def data(self, **changes):
    data = shrunk.random_data()
    val = dataclasses.replace(data.test.take(np.arange(7)), **changes)
    return dataclasses.replace(data, val=val)

  def test_is_checked_as_the_others(self):
    self.data().validate()
    for changes, message in (
      (
        {"label": np.full(7, 4, np.int32)},
        r"val labels must be in 0\.\.3; 7 a",
      ),
      (
        {"image": np.zeros((7, 5, 5, 1), np.uint8)},
        r"val images are \(5, 5, 1",
      ),
      (
        {"label": np.zeros(3, np.int32)},
        r"val label has shape \(3,\) for 7 im",
      ),
    ):
      with self.assertRaisesRegex(InputError, message):
        self.data(**changes).validate()
    empty = dataclasses.replace(self.data(), val=self.data().val.take([]))
    with self.assertRaisesRegex(InputError, "no validation examples are left"):
      empty.validate()

  def test_is_read_with_the_others(self):
    data = self.data().decoded()
    np.testing.assert_array_equal(data.val.aspect, np.ones(7))

  def test_each_split_that_is_there(self):
    seen = []

    def halved(name, split):
      seen.append(name)
      return split.take(np.arange(len(split) // 2))

    data = self.data().each(halved)
    self.assertEqual(seen, ["train", "test", "val"])
    self.assertEqual(
      [len(data.train), len(data.test), len(data.val)], [32, 10, 3]
    )


if __name__ == "__main__":
  absltest.main()
