"""What may change when a run is continued, and what is said of it."""

import json
import pathlib
import re

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.run import commands, loop, resume
from fsr_jax.run.workdir import Workdir
from tests import shrunk
from tests.run import workdirs

# Every update makes the parameters a hundred thousand times as large.
BROKEN = {"learning_rate": 1e3, "weight_decay": 100.0}


class NotANumberTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.workdir = self.create_tempdir().full_path

  def advice(self, *args, **kwargs):
    """What a run that ends in NaN says."""
    with self.assertRaisesRegex(InputError, "became infinite or NaN") as caught:
      commands.train(*args, **kwargs)
    self.assertNotIn("\n", str(caught.exception))
    return str(caught.exception)

  def test_without_a_checkpoint_the_workdir_is_free(self):
    text = self.advice(shrunk.config(**BROKEN), self.workdir)
    self.assertRegex(text, "no checkpoint was saved before it")
    (flag,) = re.findall(r"--config.learning_rate=(\S+),", text)
    self.assertEqual(float(flag), 0.1)
    # Other labels too: nothing of the run is left.
    c = shrunk.config(learning_rate=0.05, data__noise_ratio=0.2, batch_size=20)
    run = loop.Run(c, self.workdir)
    self.assertRegex(
      run.notes[0],
      "saved no checkpoint; this one begins anew, with another config .*"
      "batch_size 16 there, 20 now; data.noise_ratio 0.4 there, 0.2 now;"
      " learning_rate 1000.0 there, 0.05 now; weight_decay",
    )
    run.workdir.unlock()
    summary = commands.train(c, self.workdir)
    self.assertEqual(summary["steps"], 20)
    kept = json.loads(
      (pathlib.Path(self.workdir) / "config.0.json").read_text()
    )
    self.assertEqual(kept["learning_rate"], 1e3)
    with np.load(f"{self.workdir}/labels.npz") as labels:
      wrong = np.mean(labels["label"] != labels["clean_label"])
    self.assertBetween(wrong, 0.05, 0.25)
    commands.evaluate(self.workdir)

  def test_with_a_checkpoint_the_flag_is_named(self):
    fields = {"num_epochs": 3, "data__max_examples": 100}
    commands.train(shrunk.config(**fields), self.workdir, stop_after_epochs=1)
    before = workdirs.contents(f"{self.workdir}/checkpoints")
    broken = shrunk.config(**fields, **BROKEN)
    text = self.advice(broken, self.workdir, allow_config_change=True)
    self.assertRegex(
      text,
      r"--config.learning_rate=0.1 --allow_config_change, .* checkpoint of"
      " step 6,",
    )
    self.assertEqual(before, workdirs.contents(f"{self.workdir}/checkpoints"))
    # As it says.
    smaller = shrunk.config(**fields, learning_rate=0.05)
    with self.assertRaisesRegex(InputError, "by --allow_config_change"):
      commands.train(smaller, self.workdir)
    summary = commands.train(smaller, self.workdir, allow_config_change=True)
    self.assertEqual(summary["steps"], 18)

  def test_results_without_checkpoints_are_progress(self):
    """Who deletes the checkpoints of a finished run keeps its summary."""
    commands.train(shrunk.config(), self.workdir)
    for path in sorted(pathlib.Path(self.workdir).rglob("checkpoints/**/*"))[
      ::-1
    ]:
      path.rmdir() if path.is_dir() else path.unlink()
    self.assertTrue(Workdir(self.workdir).holds_progress)
    with self.assertRaisesRegex(InputError, "holds a run with another config"):
      commands.train(shrunk.config(learning_rate=0.2), self.workdir)


class LearningRateTest(parameterized.TestCase):
  def note(self, step=24, **fields):
    """Of a run of two epochs of twelve steps, continued with these fields."""
    stored = shrunk.config(schedule="cosine").to_dict()
    options = shrunk.options(**{"schedule": "cosine", **fields})
    return resume.rate_change(stored, options, step, 12)

  def test_more_epochs(self):
    (line,) = self.note(num_epochs=4)
    # Half of a cosine, and the end of one.
    self.assertEqual(
      line,
      "the learning rate jumps at step 24, where the run continues: 0.05, and 0"
      " as the run was begun (num_epochs 2 there, 4 now)",
    )
    self.assertEmpty(self.note(step=0, num_epochs=4))

  def test_another_rate(self):
    (line,) = self.note(step=12, learning_rate=0.01)
    self.assertIn("0.005, and 0.05 as the run was begun (learning_rate", line)

  @parameterized.parameters({}, {"momentum": 0.5}, {"eval_every_epochs": 2})
  def test_nothing_to_say(self, **fields):
    self.assertEmpty(self.note(step=12, **fields))

  def test_a_constant_rate_does_not_jump(self):
    decays = {"schedule": "step", "lr_decay_epochs": (1,)}
    decays["lr_decay_factors"] = (0.1,)
    stored = shrunk.config(**decays).to_dict()
    options = shrunk.options(**decays, num_epochs=4)
    self.assertEmpty(resume.rate_change(stored, options, 24, 12))

  def test_configs_of_earlier_versions(self):
    self.assertEmpty(resume.rate_change({}, shrunk.options(), 24, 12))

  def test_said_by_a_run(self):
    workdir = self.create_tempdir().full_path
    commands.train(shrunk.config(), workdir)
    run = loop.Run(
      shrunk.config(num_epochs=4), workdir, allow_config_change=True
    )
    self.assertRegex(run.notes[0], "learning rate jumps at step 24")
    run.workdir.unlock()


if __name__ == "__main__":
  absltest.main()
