"""Evaluating sets from elsewhere, and which flags belong to which mode."""

import csv
import os
import pathlib
import shutil
from unittest import mock

from absl.testing import absltest, flagsaver, parameterized
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.run import commands, program
from fsr_jax.run.use import description as descriptions
from fsr_jax.run.use import inputs
from fsr_jax.run.use import prior as priors
from fsr_jax.run.use.head import tau_normalized
from fsr_jax.run.use.model import Model
from tests.run import trained, workdirs


def rows(path) -> list[dict[str, str]]:
  with open(path, encoding="utf-8", newline="") as file:
    return list(csv.DictReader(file))


class EvaluateElsewhereTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.run_ = trained.run()
    self.root = pathlib.Path(self.create_tempdir())
    self.workdir = self.run_.copy(str(self.root / "run"))

  def evaluate(self, source, **options):
    return commands.evaluate(
      str(self.workdir),
      input_path=None if source is None else str(source),
      **options,
    )

  def same_as_the_run(self, found):
    self.assertCountEqual(
      found, [key for key in self.run_.summary if key.startswith("test_")]
    )
    for key, value in found.items():
      self.assertAlmostEqual(value, self.run_.summary[key], places=5)

  def test_the_runs_own_test_part_by_folder_list_and_arrays(self):
    before = workdirs.contents(self.workdir)
    self.same_as_the_run(self.evaluate(self.run_.pictures))
    tables = self.root / "run" / "evaluate"
    for name in ("per_class.csv", "confusion.csv"):
      self.assertEqual(
        (tables / name).read_bytes(), (self.root / "run" / name).read_bytes()
      )
    # A list in another order.
    files = sorted(self.run_.pictures.rglob("*.png"), reverse=True)
    lines = [f"{file},{file.parent.name}" for file in files]
    table = self.root / "list.csv"
    table.write_text("\n".join(["path,label", *lines]), encoding="utf-8")
    self.same_as_the_run(self.evaluate(table, output=str(self.root / "new")))
    self.assertLen(rows(self.root / "new" / "per_class.csv"), 3)
    description = descriptions.read(pathlib.Path(self.workdir))
    pictures = str(self.run_.pictures)
    split, _ = inputs.load(pictures, description, "raise", labelled=True)
    image = split.decoded().image
    np.savez(self.root / "a.npz", image=image, label=split.label)
    with mock.patch("builtins.print") as said:
      self.same_as_the_run(self.evaluate(self.root / "a.npz"))
    self.assertIn(
      "labels are numbers and classes have names", str(said.mock_calls)
    )
    np.savez(self.root / "b.npz", image=image, label=np.eye(3)[split.label])
    self.same_as_the_run(self.evaluate(self.root / "b.npz"))
    shutil.rmtree(tables)
    self.assertEqual(before, workdirs.contents(self.workdir))

  def test_other_images_of_the_config(self):
    """data.test_from needs no training data either, and leaves classes out."""
    cow = self.root / "more" / "cow" / "1.png"
    trained.picture(cow, 0, np.random.default_rng(0))
    shutil.copytree(self.run_.pictures, self.root / "more", dirs_exist_ok=True)
    self.same_as_the_run(self.evaluate(None, test_from=str(self.root / "more")))
    with self.assertRaisesRegex(
      InputError, "1 of 10 values of label are no class, e.g. cow in entry"
    ):
      self.evaluate(self.root / "more")

  def test_a_prior_raises_what_it_is_for(self):
    """12, 8 and 4 were trained: with a uniform prior less is the commonest."""
    found = self.evaluate(self.run_.pictures)
    with mock.patch("builtins.print") as said:
      uniform = self.evaluate(self.run_.pictures, prior="uniform")
    self.assertNotEqual(found["test_loss"], uniform["test_loss"])
    before, after = (x["test_balanced_accuracy"] for x in (found, uniform))
    self.assertIn(
      f"prior=uniform (of the last step): balanced accuracy {before:.4f} ->"
      f" {after:.4f}",
      str(said.mock_calls),
    )
    self.assertEqual(found, self.evaluate(self.run_.pictures, prior="train"))
    with mock.patch.object(priors, "read") as read:
      read.return_value = np.array([1, 0, 0])
      only = self.evaluate(self.run_.pictures, prior="one")
    self.assertAlmostEqual(only["test_top1"], 4 / 9)
    self.assertTrue(np.isfinite(only["test_loss"]))

  def test_tau_norm_makes_rows_of_one_length(self):
    pictures = self.run_.pictures
    plain = self.evaluate(pictures)
    with mock.patch("builtins.print") as said:
      found = self.evaluate(pictures, tau_norm=1.0)
    self.assertNotEqual(found["test_loss"], plain["test_loss"])
    before, after = (x["test_balanced_accuracy"] for x in (plain, found))
    self.assertIn(
      f"tau_norm=1.0 (of the last step): balanced accuracy {before:.4f} ->"
      f" {after:.4f}",
      str(said.mock_calls),
    )
    model = Model.from_workdir(str(self.workdir))
    linear = tau_normalized(model, 1.0).plain()
    lengths = np.linalg.norm(linear["linear.kernel"], axis=0)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)
    self.assertFalse(linear["linear.bias"].any())
    with self.assertRaisesRegex(InputError, "tau_norm=2.0; expected a numb"):
      self.evaluate(pictures, tau_norm=2.0)
    with self.assertRaisesRegex(InputError, "both take out the shares"):
      self.evaluate(pictures, tau_norm=1.0, prior="uniform")

  def test_tables_that_are_not_ours_stay(self):
    folder = self.root / "mine"
    folder.mkdir()
    (folder / "confusion.csv").write_text("mine\n")
    with self.assertRaisesRegex(
      InputError, "confusion.csv is there and no tab"
    ):
      self.evaluate(self.run_.pictures, output=str(folder))
    self.assertEqual(os.listdir(folder), ["confusion.csv"])

  @parameterized.named_parameters(
    ("unlabelled", "flat", "2 pictures and no class folders: nothing says"),
    ("empty", "empty", "has no pictures in it"),
    ("no_label", "a.npz", "no array label; it has: image"),
    ("missing", "l.csv", "1 of 1 values of label are missing"),
  )
  def test_sets_without_labels(self, name, message):
    (self.root / "empty").mkdir()
    for i in range(2):
      trained.picture(
        self.root / "flat" / f"{i}.png", 0, np.random.default_rng(0)
      )
    np.savez(self.root / "a.npz", image=np.zeros((1, 8, 8, 3), np.uint8))
    (self.root / "l.csv").write_text("path,label\nx.png,\n")
    with self.assertRaisesRegex(InputError, message):
      self.evaluate(self.root / name)

  def test_a_metadata_file_names_the_classes(self):
    trained.picture(self.root / "m" / "1.png", 1, np.random.default_rng(0))
    table = self.root / "m" / "metadata.csv"
    table.write_text("file_name,label\n1.png,cat\n")
    self.evaluate(self.root / "m")
    (only,) = [
      row
      for row in rows(self.root / "run" / "evaluate" / "per_class.csv")
      if row["test_examples"] == "1"
    ]
    self.assertEqual(only["class"], "cat")


class FlagsTest(parameterized.TestCase):
  @parameterized.parameters(
    ("train", "input", "--input is not read by --mode=train, but by predict"),
    ("export", "prior", "--prior is not read by --mode=export, but by predict"),
    ("report", "parameters", "--parameters is not read by --mode=report"),
  )
  def test_flags_of_another_mode(self, mode, name, message):
    values = {"workdir": "x", "mode": mode, name: "last"}
    with (
      flagsaver.flagsaver(**values),
      self.assertRaisesRegex(InputError, message),
    ):
      program.main(["main.py"])


if __name__ == "__main__":
  absltest.main()
