"""data.test_share=0: everything is trained on, nothing is tested."""

import contextlib
import io
import json

from absl.testing import absltest
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.run import commands
from fsr_jax.run.loop import Run
from tests import shrunk
from tests.data.own import OwnDataTest, load, tree


class NoTestPartTest(OwnDataTest):
  def config(self, **fields):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(40, 5))
    path = self.root / "a.npz"
    np.savez(path, image=image, label=np.arange(40) % 4, **fields)
    return shrunk.config(
      data__dataset="arrays",
      data__path=str(path),
      data__test_share=0.0,
      data__max_examples=0,
      data__crop_padding=0,
      data__flip=False,
    )

  def test_of_pictures(self):
    data = load("folder", tree(self.root), data__test_share=0.0)
    self.assertLen(data.train, 12)
    self.assertIsNone(data.test)
    self.assertFalse(data.test_set_aside)
    # A part that is there is tested all the same.
    tree(self.root / "p" / "train")
    tree(self.root / "p" / "test", count=2)
    data = load("folder", self.root / "p", data__test_share=0.0)
    self.assertEqual((len(data.train), len(data.test)), (12, 4))

  def test_a_run(self):
    work = self.root / "run"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
      summary = commands.train(self.config(), str(work))
    self.assertIn(
      "test part: none, all examples are trained", printed.getvalue()
    )
    self.assertNotIn("test_share", printed.getvalue().split("test part:")[0])
    self.assertRegex(printed.getvalue(), r"epoch 2/2 .* train [\d.]+  purity")
    self.assertIn("train_top1", summary)
    self.assertEmpty([key for key in summary if key.startswith("test")])
    stored = json.loads((work / "summary.json").read_text())
    self.assertEqual(stored.keys(), summary.keys())
    self.assertFalse((work / "per_class.csv").exists())
    self.assertLen((work / "samples.csv").read_text().splitlines(), 41)
    with self.assertRaisesRegex(InputError, "tests nothing .*--input=PATH"):
      commands.evaluate(str(work))
    commands.evaluate(str(work), input_path=str(self.root / "a.npz"))
    self.assertTrue((work / "evaluate" / "per_class.csv").exists())

  def test_a_validation_part_alone(self):
    image = np.zeros((8, 5))
    c = self.config(
      test_image=image,
      test_label=np.arange(8) % 4,
      val_image=image,
      val_label=np.arange(8) % 4,
    )
    run = Run(c, str(self.root / "run"))
    self.assertEqual(list(run.programs.parts), ["val", "test"])


if __name__ == "__main__":
  absltest.main()
