"""What is allowed and perhaps not meant is named, once, and no more."""

import dataclasses

from absl.testing import absltest, parameterized

from fsr_jax import config as config_lib
from fsr_jax import fields
from fsr_jax.config import notices, validation
from fsr_jax.data.options import DataOptions
from tests import shrunk


class NumbersTest(parameterized.TestCase):
  def test_none_by_default(self):
    self.assertEmpty(notices.numbers(shrunk.options()))

  @parameterized.parameters(
    (
      {"learning_rate": 100.0},
      "learning_rate=100.0 is unusual; nearly always it is in 0.00001-3",
    ),
    (
      {"learning_rate": 1e-9},
      "learning_rate=1e-09 is unusual; nearly always it is in 0.00001-3",
    ),
    (
      {"num_epochs": 100_000},
      "num_epochs=100000 is unusual; nearly always it is in 1-5000 (epochs)",
    ),
    (
      {"data__min_crop_area": 0.01},
      "data.min_crop_area=0.01 is unusual; nearly always it is in 0.05-1"
      " (share)",
    ),
    (
      {"gradient_clip": 1e-9},
      "gradient_clip=1e-09 is unusual; nearly always it is in 0.001-1000",
    ),
  )
  def test_far_from_usual(self, changes, line):
    self.assertEqual(notices.numbers(shrunk.options(**changes)), [line])

  def test_the_default_is_never_unusual(self):
    """gradient_clip=0 and image_size=0 are outside, and mean none."""
    options = shrunk.options(gradient_clip=0.0, data__image_size=0)
    self.assertEmpty(notices.numbers(options))


class UnreadTest(parameterized.TestCase):
  def test_none_by_default(self):
    self.assertEmpty(notices.unread(shrunk.options()))

  @parameterized.parameters(
    ({"focal_gamma": 3.0}, {"loss": "focal"}, "loss=cross_entropy, not focal"),
    ({"gce_q": 0.5}, {"method": "gce"}, "loss=cross_entropy, not gce"),
    ({"remix_ratio": 2.0}, {"method": "remix"}, "remix=False, not True"),
    (
      {"lr_decay_epochs": (1, 2)},
      {"schedule": "step"},
      "schedule=cosine_restarts, not step",
    ),
  )
  def test_switched_off_by_another(self, changes, on, reason):
    ((name, value),) = changes.items()
    self.assertEqual(
      notices.unread(shrunk.options(**changes)),
      [f"{name}={value} is not used: {reason}"],
    )
    self.assertEmpty(notices.unread(shrunk.options(**changes, **on)))

  def test_what_must_be_so_can_be_so(self):
    for name, (_, entry) in config_lib.all_fields().items():
      if entry.metadata["of"] is not None:
        switch, on = entry.metadata["of"]
        group, other = config_lib.all_fields()[switch]
        self.assertIsInstance(on, fields.type_of(group, switch), name)
        self.assertIn(on, other.metadata["choices"] or (True,))


class SharesTest(parameterized.TestCase):
  @parameterized.parameters(
    ({"method": "plain"}, ""),
    ({"method": "ldam_drw"}, ""),
    ({}, "classes that are equally common; --prior"),
    ({"method": "logit_adjustment"}, "classes that are equally common; --pri"),
    ({"logit_adjustment": 0.75}, "common as in training to the power of 0.25"),
    (
      {"class_prior": "given", "logit_adjustment": 0.0},
      "class_prior=given is not used: logit_adjustm",
    ),
  )
  def test_what_predictions_are_for(self, changes, words):
    data = shrunk.random_data()
    data.train.label[::8] = 1  # Eight of class 0, 24 of class 1.
    lines = notices.shares(shrunk.options(**changes).train, data)
    self.assertLen(lines, bool(words))
    self.assertIn(words, "".join(lines))

  def test_nothing_is_said_of_equal_classes(self):
    train = shrunk.options(logit_adjustment=1.0).train
    self.assertEmpty(notices.shares(train, shrunk.random_data()))


class EpochsTest(parameterized.TestCase):
  @parameterized.parameters(
    ({}, []),
    ({"method": "plain", "warmup_epochs": 9}, []),
    (
      {"warmup_epochs": 2},
      [
        "warmup_epochs=2 covers all 2 epochs: neither learned weights nor"
        " re-labelling will begin"
      ],
    ),
    (
      {"method": "forward_correction", "warmup_epochs": 2},
      [
        "warmup_epochs=2 covers all 2 epochs: the transition matrix, estimated"
        " at its end, will never correct a loss"
      ],
    ),
    (
      {"lr_warmup_epochs": 4},
      [
        "lr_warmup_epochs=4 covers all 2 epochs: the learning rate only rises,"
        " as far as 0.05"
      ],
    ),
    (
      {"num_epochs": 1, "lr_warmup_epochs": 1, "method": "plain"},
      [
        "lr_warmup_epochs=1 covers the one epoch: the learning rate only rises,"
        " as far as 0.1"
      ],
    ),
    (
      {"schedule": "step"},
      [
        "lr_decay_epochs=(160, 180) come after all 2 epochs: the learning rate"
        " does not fall"
      ],
    ),
  )
  def test_stages_that_are_not_reached(self, changes, lines):
    options = shrunk.options(**changes)
    validation.validate(options)
    self.assertEqual(notices.epochs(options.train), lines)


class CropsTest(absltest.TestCase):
  def test_much_is_cropped_away(self):
    data = shrunk.random_data(shape=(12, 16, 3))
    for padding, lines in ((3, 0), (4, 1)):
      options = dataclasses.replace(DataOptions(), crop_padding=padding)
      found = notices.crops(options, data)
      self.assertLen(found, lines)
    self.assertRegex(found[0], "crop_padding=4 .* of 12 pixels: up to 33%")


if __name__ == "__main__":
  absltest.main()
