"""Every cell of every sweep at every scale: valid, and what it says."""

import pathlib

from absl.testing import absltest, parameterized
import numpy as np
import pytest

from benchmarks import ablations, scales, settings
from fsr_jax import config as config_lib
from fsr_jax.config import validation
from fsr_jax.errors import InputError
from fsr_jax.maths.pushers import PUSHERS
from tests.benchmarks import fake

EVERY = [(s, z) for s in ablations.SWEEPS for z in scales.SCALES]


def options_of(scale, fields):
  """TrainOptions of a cell."""
  config = scales.load([*scale.arguments(), *scales.as_flags(fields)])
  return config_lib.typed(config).train


class CellsTest(fake.Case):
  def scale(self, name):
    """A scale; `features` with few of them."""
    path = None
    if name == "features":
      path = str(self.out / "features.npz")
      label = np.arange(6000) % 10
      np.savez(path, image=np.eye(10, dtype=np.float16)[label], label=label)
    return scales.SCALES[name].with_data(path)

  @parameterized.parameters(*EVERY)
  @pytest.mark.slow
  def test_every_cell_is_a_valid_config_of_its_own(self, name, scale_name):
    scale, seen = self.scale(scale_name), {}
    if scale.conv is None and name == "batch_norm":
      with self.assertRaisesRegex(InputError, "no network with batch norm"):
        ablations.SWEEPS[name].cells(scale)
      return
    known = config_lib.flatten(config_lib.base().to_dict())
    cells = ablations.SWEEPS[name].cells(scale)
    self.assertNotEmpty(cells)
    for cell, fields in cells.items():
      with self.subTest(cell):
        self.assertLessEqual(fields.keys(), known.keys())
        config = scales.load(
          [*scale.arguments(), *scales.as_flags({**fields, "seed": 0})]
        )
        validation.validate(config_lib.typed(config))
        flat = config_lib.flatten(config.to_dict())
        # Read back by main.py as it is written here.
        for field, value in fields.items():
          self.assertEqual(flat[field], value)
          self.assertIs(type(flat[field]), type(value), field)
        self.assertNotIn(str(flat), seen, "the same as another cell")
        seen[str(flat)] = cell

  def test_what_the_sweeps_must_cover(self):
    paper = scales.SCALES["paper"]
    cells = {n: s.cells(paper) for n, s in ablations.SWEEPS.items()}
    found = settings.settings(paper)
    self.assertEqual(
      list(cells["pushers"]),
      [
        f"{setting}/{pusher}{suffix}"
        for setting in found
        for suffix in ("", "_raw")
        for pusher in PUSHERS
      ],
    )
    methods = {fields["method"] for fields in cells["methods"].values()}
    self.assertEqual(methods, set(config_lib.METHODS))
    self.assertIn(-1, [f["meta_blocks"] for f in cells["meta_depth"].values()])
    sizes = {name.split("/")[1] for name in cells["dictionary_size"]}
    for name in ("fsr_exact", "fsr_exact_raw", "l2r"):
      for size in sizes:
        self.assertIn(f"{name}/{size}", cells["dictionary_size"])

  def test_fsr_is_the_default_wherever_a_cell_is_called_so(self):
    paper = scales.SCALES["paper"]
    noise = ablations.SWEEPS["noise"].cells(paper)
    self.assertEqual(options_of(paper, noise["fsr"]), options_of(paper, {}))
    for name, fields in noise.items():
      with self.subTest(name):
        exact = options_of(paper, fields).reweighting.draws_rewards
        self.assertEqual(exact, name.startswith("fsr_exact"))
    for name, sweep in ablations.SWEEPS.items():
      for cell, fields in sweep.cells(paper).items():
        if cell.split("/")[-1] == "fsr":
          with self.subTest(f"{name}: {cell}"):
            found = options_of(paper, {"method": "fsr", **fields})
            self.assertFalse(found.passes_unmixed)
            self.assertTrue(found.reweighting.label_scores)

  def test_what_has_no_other_form_is_exact(self):
    paper = scales.SCALES["paper"]
    for name in (
      "batch_norm",
      "dictionary_size",
      "lookahead_momentum",
      "meta_depth",
      "pushers",
      "reward_batch",
    ):
      for cell, fields in ablations.SWEEPS[name].cells(paper).items():
        with self.subTest(f"{name}: {cell}"):
          o = options_of(paper, fields).reweighting
          self.assertTrue(o.draws_rewards)

  def test_one_pass_and_exact_rows(self):
    for scale_name, count in (("digits", 12), ("features", 13)):
      scale = self.scale(scale_name)
      found = ablations.SWEEPS["one_pass"].cells(scale)
      self.assertLen(found, 4 * count)
      for cell, fields in found.items():
        options = options_of(scale, fields)
        exact = cell.endswith("_exact")
        self.assertEqual(options.passes_unmixed, exact)
        self.assertEqual(options.unmixes, not exact)
        before = cell.endswith(("fsr_cross_entropy", "fsr_elr"))
        self.assertEqual(options.reweighting.label_scores, not before)

  def test_a_config_file_is_a_scale_of_one_setting(self):
    file = scales.ROOT / "configs" / "cifar_longtail.py"
    scale = scales.named(f"{file}:cifar100,200,deferred")
    found = ablations.SWEEPS["methods"].cells(scale)
    self.assertEqual({name.split("/")[0] for name in found}, {"as_configured"})
    options = options_of(scale, found["as_configured/fsr"])
    self.assertEqual(options.data.imbalance_ratio, 200)
    self.assertEqual(options.data.dataset, "cifar100")
    self.assertEqual(options.reweighting.warmup_epochs, 160)
    self.assertEqual(options, options_of(scale, {}))
    self.assertIs(scales.named("digits"), fake.DIGITS)
    with self.assertRaisesRegex(InputError, "no config file .*nowhere.py$"):
      scales.named("nowhere.py:cifar10")

  def test_features_need_a_file_and_nothing_else_takes_one(self):
    scale = scales.SCALES["features"]
    with self.assertRaisesRegex(InputError, "^--data is missing: the file"):
      scale.with_data(None)
    with self.assertRaisesRegex(InputError, "^--data=x is not used"):
      fake.DIGITS.with_data("x")
    self.assertIs(fake.DIGITS.with_data(None), fake.DIGITS)
    with self.assertRaisesRegex(InputError, "nowhere.npz"):
      scale.with_data("/nowhere.npz").value("batch_size")
    ours = self.scale("features")
    self.assertEqual(ours.value("batch_size"), 100)
    self.assertEqual(ours.value("num_epochs"), 15)
    self.assertIn("tail_100", settings.settings(ours))
    self.assertNotIn("tail_100", settings.settings(fake.DIGITS))

  def test_files_of_labels_are_settings(self):
    folder = pathlib.Path(self.create_tempdir())
    files = [str(folder / name) for name in ("worst.csv", "best.csv")]
    with self.assertRaisesRegex(InputError, "^--labels: there is no file"):
      fake.DIGITS.with_labels(files)
    for file in files:
      pathlib.Path(file).touch()
    found = settings.settings(fake.DIGITS.with_labels(files))
    self.assertEqual(found["labels_worst"]["data.labels_file"], files[0])
    self.assertEqual(found["labels_best"]["data.noise"], "none")
    with self.assertRaisesRegex(InputError, "two files called labels_best"):
      settings.settings(fake.DIGITS.with_labels([files[1], files[1]]))

  def test_dictionary_sizes_are_compared_on_as_many_examples(self):
    sizes = set()
    for fields in (
      ablations.SWEEPS["dictionary_size"].cells(fake.DIGITS).values()
    ):
      config = scales.load([*fake.DIGITS.arguments(), *scales.as_flags(fields)])
      *_, data = validation.resolve_and_load(config)
      sizes.add(len(data.train))
    self.assertEqual(sizes, {fake.DIGITS.fixed_size})


if __name__ == "__main__":
  absltest.main()
