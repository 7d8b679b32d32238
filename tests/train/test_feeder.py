"""Images read while steps run: the same run as with all of them in memory."""

import pathlib

from absl.testing import absltest, parameterized
import jax
import numpy as np
import pytest

from fsr_jax.data import sources
from fsr_jax.errors import InputError
from fsr_jax.run import commands
from fsr_jax.run.loop import Run
from fsr_jax.run.use import restored
from tests import shrunk
from tests.data import own

# 24 + 24 images of 8 x 8 pixels and a dictionary of 8.
FIELDS = {
  "data__dataset": "folder",
  "data__noise": "none",
  "data__noise_ratio": 0.0,
  "data__max_examples": 0,
  "data__image_size": 8,
  "data__crop_padding": 0,
  "data__test_share": 0.2,
  "batch_size": 8,
  "dictionary_size": 8,
  "reward_batch_size": 4,
  "eval_batch_size": 6,
}
IMAGE_GB = 8 * 8 * 3 / 1e9
# Nothing fits; the dictionary does; everything does.
BOUNDS = {"none": 0.0, "dictionary": 9 * IMAGE_GB, "all": 1.0}


class FeederTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    own.tree(self.root, count=30)

  def config(self, **fields):
    return shrunk.config(data__path=str(self.root), **{**FIELDS, **fields})

  def trained(self, devices=1, **fields):
    options = shrunk.options(data__path=str(self.root), **{**FIELDS, **fields})
    data = sources.load(options.train.data, 0)
    programs, state = shrunk.trained(options, data, devices)
    size = options.run.eval_batch_size
    return programs.devices.get(state), programs.evaluate(state, size)

  @parameterized.parameters(
    ("none", 2, {"method": "fsr_exact"}),
    ("dictionary", 1, {"method": "fsr_exact"}),
    # Images of one colour score alike: their ranks would be those of rounding.
    ("none", 2, {"method": "fsr", "dictionary_share": 1.0}),
  )
  def test_same_run_as_from_memory(self, bound, devices, fields):
    fields = {"data__min_crop_area": 0.3, "devices": devices, **fields}
    streamed, result = self.trained(data__resident_gb=BOUNDS[bound], **fields)
    resident, expected = self.trained(data__resident_gb=1.0, **fields)
    # Two programs, which round in two ways.
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
      streamed,
      resident,
    )
    self.assertEqual(result["test_top1"], expected["test_top1"])
    self.assertAlmostEqual(result["test_loss"], expected["test_loss"], places=5)

  def test_continued_from_the_middle_of_an_epoch(self):
    c = self.config(
      data__resident_gb=BOUNDS["dictionary"], num_epochs=3, method="fsr_exact"
    )
    whole = self.create_tempdir().full_path
    commands.train(c, whole)
    cut = self.create_tempdir().full_path
    run = Run(c, cut)
    step, calls = run.programs.step, []

    def interrupted(state, totals, batches, feed, epoch):
      calls.append(epoch)
      if calls.count(2) == 2:  # After two of the third epoch's steps.
        run._stop.asked = True
      return step(state, totals, batches, feed, epoch)

    run.programs.step = interrupted
    self.assertIsNone(run.train())
    self.assertEqual(run.step, 14)
    commands.train(c, cut)
    states = []
    for workdir in (whole, cut):
      _, state = restored.restore(workdir)
      states.append(state)
    jax.tree.map(np.testing.assert_array_equal, *states)

  @parameterized.parameters(("all", "none"), ("dictionary", "all"))
  @pytest.mark.slow
  def test_continued_with_another_bound(self, before, after):
    """A run that needs too much memory is continued with a lower bound."""
    bounds = {"whole": ("all", "all"), "moved": (before, after)}
    states = []
    for name in bounds:
      workdir = self.create_tempdir().full_path
      for bound, epochs in zip(bounds[name], (2, None)):
        c = self.config(
          data__resident_gb=BOUNDS[bound], num_epochs=3, method="fsr_exact"
        )
        commands.train(c, workdir, stop_after_epochs=epochs)
      _, state = restored.restore(workdir)
      states.append(state)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
      *states,
    )

  def test_held_out_rewards(self):
    fields = {"method": "l2r", "data__held_out": 8, "meta_blocks": 0}
    streamed, _ = self.trained(data__resident_gb=0.0, **fields)
    resident, _ = self.trained(data__resident_gb=1.0, **fields)
    np.testing.assert_allclose(
      streamed.reweighting.tables.last_weight,
      resident.reweighting.tables.last_weight,
      rtol=1e-4,
    )
    self.assertGreater(np.ptp(streamed.reweighting.tables.last_weight), 0)

  def test_file_that_vanishes_leaves_a_checkpoint_and_its_name(self):
    c = self.config(data__resident_gb=0.0)
    workdir = self.create_tempdir().full_path
    self.assertIsNone(commands.train(c, workdir, stop_after_epochs=1))
    gone = sources.load(c.data, 0).train.id[3]
    run = Run(c, workdir)
    blob = (self.root / gone).read_bytes()
    (self.root / gone).write_bytes(blob[:20])
    with self.assertRaisesRegex(InputError, f"decode .*{gone}"):
      run.train()
    (self.root / gone).write_bytes(blob)
    self.assertBetween(run.step, 6, 11)
    self.assertEqual(commands.train(c, workdir)["steps"], 12)


if __name__ == "__main__":
  absltest.main()
