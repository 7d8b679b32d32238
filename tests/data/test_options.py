"""Options of the data: what they may be, and what they may not be together."""

import dataclasses

from absl.testing import absltest, parameterized

from fsr_jax import fields
from fsr_jax.data.options import DataOptions, check_options
from fsr_jax.errors import InputError


class DataOptionsTest(parameterized.TestCase):
  def test_defaults_pass(self):
    fields.validate(DataOptions(), "data.")
    check_options(DataOptions())

  def test_every_field_is_explained(self):
    for entry in dataclasses.fields(DataOptions):
      self.assertRegex(entry.metadata["about"], r"^[A-Z].{20}.*\.$", entry.name)

  @parameterized.parameters(
    ("num_classes", -1, "0 or above"),
    ("max_examples", -1, "0 or above"),
    ("held_out", -1, "0 or above"),
    ("image_size", -1, "in 0-4096"),
    ("crop_padding", -1, "0 or above"),
    ("resident_gb", float("inf"), "0 or above"),
    ("imbalance_ratio", 0.9, "in 1-1000000"),
    ("image_size", 5000, "in 0-4096"),
    ("noise_ratio", 1.1, "in 0-1"),
    ("test_share", 1.0, "in 0-1, below 1"),
    ("min_crop_area", 0.0, "in 0.001-1"),
  )
  def test_out_of_range(self, name, value, words):
    options = dataclasses.replace(DataOptions(), **{name: value})
    with self.assertRaisesRegex(
      InputError, rf"^data\.{name}={value}; expected a (whole )?number {words}$"
    ):
      fields.validate(options, "data.")

  @parameterized.parameters(
    ("noise", "none, uniform, asymmetric, pair, instance"),
    ("imbalance", "exponential, step"),
    ("on_error", "raise, skip"),
  )
  def test_unknown_names(self, name, choices):
    options = dataclasses.replace(DataOptions(), **{name: "x"})
    with self.assertRaisesRegex(
      InputError, f"^unknown data.{name} 'x'; choose one of: {choices}$"
    ):
      fields.validate(options, "data.")

  @parameterized.parameters(
    ({"noise_ratio": 0.2}, "noise_ratio=0.2 but data.noise=none; set"),
    (
      {"min_crop_area": 0.08, "image_size": 224},
      r"min_crop_area=0.08 \(random-resized crops\) with data.crop_padding=4",
    ),
    ({"min_crop_area": 0.08, "crop_padding": 0}, "data.image_size=0; expect"),
  )
  def test_fields_that_do_not_fit(self, changes, message):
    with self.assertRaisesRegex(InputError, message):
      check_options(dataclasses.replace(DataOptions(), **changes))


if __name__ == "__main__":
  absltest.main()
