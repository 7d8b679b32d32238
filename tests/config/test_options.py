"""Every field of a config: described once, typed, and back again."""

import dataclasses
import json
import math

from absl.testing import absltest, parameterized
from ml_collections import ConfigDict

from fsr_jax import config as config_lib
from fsr_jax import fields
from fsr_jax.config.methods import METHODS, PARTS
from fsr_jax.config.options import DATA, TOP, Options, RunOptions
from fsr_jax.config.validation import validate
from fsr_jax.data.options import DataOptions
from fsr_jax.errors import InputError
from fsr_jax.reweighting.options import ReweightingOptions
from fsr_jax.train.options import OptimizationOptions, TrainOptions
from tests import shrunk

KNOWN = config_lib.all_fields()
GROUPS = (*TOP, DataOptions)
NUMBERS = [
  name
  for name, (group, entry) in KNOWN.items()
  if fields.number_of(group, entry.name)
]


def with_field(name: str, value) -> Options:
  """Small valid options but for one field."""
  return shrunk.options(**{name.replace(".", "__"): value})


class FieldsTest(parameterized.TestCase):
  @parameterized.parameters(*KNOWN)
  def test_says_what_it_is(self, name):
    _, entry = KNOWN[name]
    about = entry.metadata["about"]
    # A sentence, for the table of docs/methods.md too.
    self.assertRegex(about, r"^\S.*[.)?]$|\.\.\.$")
    self.assertGreaterEqual(len(about.split()), 2)
    self.assertNotIn("|", about)
    self.assertNotIn("\n", about)

  def test_no_name_twice(self):
    names = [e.name for group in TOP for e in dataclasses.fields(group)]
    self.assertLen(set(names), len(names))
    self.assertNotIn("data", names)
    count = sum(len(dataclasses.fields(group)) for group in GROUPS)
    self.assertLen(KNOWN, count)

  def test_defaults_are_within_their_bounds(self):
    for group in GROUPS:
      fields.validate(group())
    validate(Options())

  @parameterized.parameters(*NUMBERS)
  def test_numbers_out_of_range(self, name):
    group, entry = KNOWN[name]
    bound, kind = entry.metadata["bound"], fields.number_of(group, entry.name)
    wrong = [-2, bound.least - 1]
    if bound.above:
      wrong.append(bound.least)
    if bound.most < math.inf:
      wrong += [bound.most * 2] + [bound.most] * bound.below
    if kind is int:
      wrong.append(2**32)
    else:
      wrong += [math.nan, math.inf, -math.inf, 1e-300, 1e39, 10**400]
    for value in map(kind, wrong[: None if kind is int else -1]):
      several = isinstance(entry.default, tuple)
      bad = group(**{entry.name: (value,) if several else value})
      with self.assertRaises(InputError) as caught:
        fields.validate(bad, "x.")
      message = str(caught.exception)
      self.assertStartsWith(message, f"x.{entry.name}=")
      self.assertIn(str(value), message)
      self.assertIn(f"; expected {fields.expected(group, entry.name)}", message)

  @parameterized.parameters(*NUMBERS)
  def test_the_ends_of_the_range_are_in_it(self, name):
    group, entry = KNOWN[name]
    bound, kind = entry.metadata["bound"], fields.number_of(group, entry.name)
    right = [] if bound.above else [bound.least]
    if not bound.below:
      right.append(min(bound.most, fields.INT32_MAX))
    for value in map(kind, right):
      several = isinstance(entry.default, tuple)
      fields.validate(
        group(**{entry.name: (value,) if several else value}), "x."
      )

  def test_every_number_has_a_range(self):
    for name, (group, entry) in KNOWN.items():
      number = fields.number_of(group, entry.name) is not None
      self.assertEqual(entry.metadata["bound"] is not None, number, name)
      if entry.metadata["usual"]:
        self.assertTrue(number, name)
        # Unusual, but not refused.
        bound, usual = entry.metadata["bound"], entry.metadata["usual"]
        self.assertTrue(bound.holds(usual.least) and bound.holds(usual.most))

  @parameterized.parameters(
    ((0, math.inf, True), "above 0"),
    ((0,), "0 or above"),
    ((0, 1), "in 0-1"),
    ((0, 1, False, True), "in 0-1, below 1"),
    ((0, 1, True), "above 0, at most 1"),
    ((1e-5, 3), "in 0.00001-3"),
    ((-1,), "-1 or above"),
  )
  def test_a_range_in_words(self, bound, words):
    self.assertEqual(fields.Bound(*bound).words, words)

  # What the values of the kind end in.
  @parameterized.named_parameters(
    ("is_zero", "learning_rate", 1e-300, "=1e-300 is 0 in float32, .* above 0"),
    ("diverges", "learning_rate", 1e5, "a number above 0, at most 1000$"),
    ("vanishes", "focal_gamma", 1e30, "expected a number in 0-20$"),
    ("is_one", "momentum", 1 - 1e-12, "is 1 in float32.* below 1$"),
    ("is_off", "weight_decay", 1e-42, "is 0 in float32"),
    ("steps", "num_epochs", 2**31, "above 0, at most 2147483647$"),
    ("too_large", "gradient_clip", 1e39, "is inf in float32"),
    ("no_whole_number", "batch_size", 2.5, "=2.5; expected a whole number ab"),
    ("no_number", "num_epochs", True, "=True; expected a whole number"),
    ("text", "learning_rate", "0.1", "expected a number above 0"),
    ("no_text", "network", 3, "^network=3; expected text$"),
    ("no_truth", "mixup", 1, "^mixup=1; expected True or False$"),
    ("one", "lr_decay_epochs", 3, "whole number above 0, or several in br"),
    (
      "among_others",
      "lr_decay_factors",
      (0.1, 2.0),
      r"\(0.1, 2.0\); .* in 0-1",
    ),
    ("nul", "data.path", "a\0b", r"^data.path='a\\x00b'; .* without NUL$"),
  )
  def test_values_that_no_run_can_mean(self, name, value, message):
    group, entry = KNOWN[name]
    prefix = name.removesuffix(entry.name)
    with self.assertRaisesRegex(InputError, message):
      fields.validate(group(**{entry.name: value}), prefix)

  @parameterized.parameters(
    *(n for n, (_, entry) in KNOWN.items() if entry.metadata["choices"])
  )
  def test_names_that_are_no_choice(self, name):
    group, entry = KNOWN[name]
    choices = entry.metadata["choices"]
    self.assertIn(entry.default, choices)
    for choice in choices:
      fields.validate(group(**{entry.name: choice}))
    with self.assertRaisesRegex(
      InputError, rf"^unknown {entry.name} 'x'; choose one of: {choices[0]}"
    ):
      fields.validate(group(**{entry.name: "x"}))

  def test_a_field_that_may_have_no_value(self):
    @dataclasses.dataclass(frozen=True)
    class Some:
      count: int | None = fields.field(None, "A.", bound=fields.POSITIVE)
      names: tuple[str, ...] = fields.field((), "B.")

    fields.validate(Some())
    self.assertIs(fields.type_of(Some, "count"), int)
    self.assertIs(fields.type_of(Some, "names"), tuple)
    with self.assertRaisesRegex(InputError, "^count=0; expected .* above 0$"):
      fields.validate(Some(count=0))
    self.assertEqual(
      fields.pick(Some, {"count": 2, "names": (), "z": 1}).count, 2
    )

  @parameterized.parameters(("a",), (None,), ((1,),))
  def test_what_is_no_number(self, value):
    with self.assertRaisesRegex(InputError, "batch_size=.*a whole number"):
      fields.validate(OptimizationOptions(batch_size=value))


class ConfigTest(parameterized.TestCase):
  def test_base_has_every_field_and_no_other(self):
    flat = config_lib.flatten(config_lib.base().to_dict())
    self.assertEqual(flat.keys(), KNOWN.keys())

  def test_typed_round_trip(self):
    """From options to a config and back, every field another than default."""
    values = {}
    for name, (group, entry) in KNOWN.items():
      choices = entry.metadata["choices"]
      kind = fields.type_of(group, entry.name)
      old = entry.default
      values[name] = {
        bool: lambda old=old: not old,
        int: lambda old=old: (old or 0) + 1,
        float: lambda old=old: (old or 0.0) / 2 + 0.25,
        str: lambda choices=choices: choices[-1] if choices else "other",
        tuple: lambda old=old: (*old, *old),
      }[kind]()
    c = config_lib.base()
    c.update_from_flattened_dict(values)
    options = config_lib.typed(config_lib.resolve(c))
    for name, (group, entry) in KNOWN.items():
      holders = (options.run, *vars(options.train).values())
      (holder,) = (x for x in holders if type(x) is group)
      self.assertEqual(getattr(holder, entry.name), values[name], name)
    hash(options)  # A constant of compiled functions.
    stored = ConfigDict(json.loads(json.dumps(c.to_dict())))
    self.assertEqual(config_lib.typed(stored), options)

  def test_defaults_are_those_of_fsr(self):
    options = config_lib.typed(config_lib.resolve(config_lib.base()))
    # But for the one that a loop of a user's own wants otherwise.
    reweighting = ReweightingOptions(weigh_by_wrong_share=True)
    expected = TrainOptions(reweighting=reweighting)
    self.assertEqual(options, Options(RunOptions(), expected))
    self.assertEqual(options.run.method, "fsr")

  def test_what_is_free_does_not_change_what_is_computed(self):
    self.assertContainsSubset(
      ["num_devices", "keep_checkpoints", "data.path", "data.resident_gb"],
      config_lib.FREE_FIELDS,
    )
    for name in ("seed", "method", "batch_size", "data.noise", "network"):
      self.assertNotIn(name, config_lib.FREE_FIELDS)

  def test_a_field_that_is_not_there(self):
    with self.assertRaisesRegex(AttributeError, "num_epoch"):
      config_lib.base().num_epoch = 3

  def test_flatten(self):
    tree = {"a": 1, "data": {"flip": True, "b": {"c": ()}}}
    self.assertEqual(
      config_lib.flatten(tree), {"a": 1, "data.flip": True, "data.b.c": ()}
    )


class MethodsTest(parameterized.TestCase):
  @parameterized.parameters(*METHODS)
  def test_is_described_and_sets_fields_there_are(self, name):
    method = METHODS[name]
    self.assertRegex(method.about, r"\.$")
    self.assertNotEmpty(method.source)
    self.assertNotEmpty(method.needs)
    self.assertLessEqual(method.fields.keys(), KNOWN.keys())
    for field, value in method.fields.items():
      group, entry = KNOWN[field]
      self.assertIs(type(value), fields.type_of(group, entry.name), field)
      self.assertFalse(field.startswith(DATA))
    validate(shrunk.options(method=name, data__held_out=40))

  def test_parts_are_what_some_method_sets(self):
    self.assertEqual(
      PARTS, {f for method in METHODS.values() for f in method.fields}
    )
    self.assertEqual(METHODS["fsr"].fields, {"weigh_by_wrong_share": True})
    left_open = {
      name
      for name, value in config_lib.base().to_dict().items()
      if value is None and KNOWN.get(name, (0, 0))[1]
    }
    others = {"pretrained", "feature_cache", "warmup_epochs"}
    self.assertEqual(left_open - others, PARTS)

  @parameterized.parameters(
    # Of configs/quickstart.py, folder.py, base() and webvision.py by itself.
    (60, 10),
    (100, 15),
    (127, 20),
    (130, 20),
    (1, 1),
    (2, 1),
    (10, 1),
    (20, 3),
    (29, 4),
    (30, 5),
    (59, 5),
    (1000, 20),
  )
  def test_the_warm_up_follows_the_number_of_epochs(self, epochs, expected):
    c = config_lib.base()
    c.num_epochs = epochs
    self.assertEqual(config_lib.resolve(c).warmup_epochs, expected)
    c.warmup_epochs = 7
    self.assertEqual(config_lib.resolve(c).warmup_epochs, 7)

  def test_one_pass_unless_the_paper_is_asked_for(self):
    one, exact = (
      shrunk.options(method=name).train for name in ("fsr", "fsr_exact")
    )
    self.assertEqual(one.reweighting.rewards, "queue")
    self.assertTrue(one.unmixes)
    self.assertFalse(one.passes_unmixed)
    self.assertFalse(one.reweighting.draws_rewards)
    self.assertEqual(exact.reweighting.rewards, "dictionary")
    self.assertFalse(exact.unmixes)
    self.assertTrue(exact.passes_unmixed)
    self.assertTrue(exact.reweighting.draws_rewards)

  def test_plain_switches_the_regularizers_off_unless_they_are_set(self):
    c = shrunk.config()
    self.assertTrue(config_lib.resolve(c).mixup)
    c.method = "plain"
    self.assertFalse(config_lib.resolve(c).mixup)
    self.assertEqual(config_lib.resolve(c).pseudo_loss_weight, 0)
    c.mixup = True
    self.assertTrue(config_lib.resolve(c).mixup)

  def test_resolving_leaves_the_config_as_it_is(self):
    c = shrunk.config(method="plain")
    before = str(c)
    config_lib.resolve(c)
    self.assertEqual(str(c), before)
    self.assertIsInstance(config_lib.resolve(c), ConfigDict)


class ContradictionsTest(parameterized.TestCase):
  @parameterized.named_parameters(
    (
      "weigh_mixed",
      {"weigh_mixed": True},
      "^weigh_mixed of MixUp's mixed images .* set unmixed_pass=True$",
    ),
    ("on_mixed", {"pseudo_loss_on_mixed": True}, "^pseudo_loss_on_mixed of"),
    ("pusher", {"pusher": "mixed_margin"}, "^pusher=mixed_margin of"),
    (
      "momentum_of_adam",
      {"lookahead_momentum": 0.9, "optimizer": "adam"},
      "which optimizer=adam has not; expected 0, or optimizer sgd or nesterov",
    ),
    ("remix", {"method": "plain", "remix": True}, "remix is a MixUp"),
    (
      "no_weight",
      {"weight_rule": "clip", "weight_lr": 0.0},
      "weight_lr=0 with weight_rule=clip",
    ),
    ("held_out", {"method": "l2r"}, "data.held_out=0; set it to how many"),
    ("elr", {"method": "elr", "pseudo_loss_weight": 0.0}, "switches it off"),
    (
      "transition",
      {"method": "forward_correction", "warmup_epochs": 0},
      "transition=estimated",
    ),
    ("optimizer", {"optimizer": "x"}, "^unknown optimizer 'x'; .*sgd.*lamb"),
    ("dtype", {"compute_dtype": "float16"}, "unknown compute_dtype.*bfloat16"),
    ("clip", {"gradient_clip": -1.0}, "^gradient_clip=-1.0; .* 0 or above$"),
    (
      "imbalance",
      {"data__imbalance": "x"},
      "^unknown data.imbalance 'x'|^unkn",
    ),
  )
  def test_are_refused(self, fields_, message):
    with self.assertRaisesRegex(InputError, message):
      validate(shrunk.options(**fields_))

  @parameterized.parameters(
    {"weigh_mixed": True, "unmixed_pass": True},
    {"pusher": "mixed_margin", "mixup": False},
    {"method": "fsr_released"},
    {"lookahead_momentum": 0.9, "optimizer": "nesterov"},
  )
  def test_are_none(self, **fields_):
    validate(shrunk.options(**fields_))


if __name__ == "__main__":
  absltest.main()
