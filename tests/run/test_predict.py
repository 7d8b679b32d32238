"""--mode=predict: what a network says of any images, as a table."""

import csv
import os
import pathlib
from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np
from PIL import Image

from fsr_jax.errors import InputError
from fsr_jax.run import commands
from fsr_jax.run.use import predict
from fsr_jax.run.use.model import Model
from tests.run import trained


def read(path) -> tuple[list[str], list[list[str]]]:
  """(header, rows)."""
  with open(path, encoding="utf-8", newline="") as file:
    header, *rows = csv.reader(file)
  return header, rows


class PredictTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.run_ = trained.run()
    cls.model = Model.load(str(cls.run_.workdir))

  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    self.output = str(self.root / "said.csv")
    # 12 x 9 as trained, larger, gray, with a name that a spreadsheet runs.
    rng = np.random.default_rng(1)
    for i, name in enumerate(("b.png", "a.png", "=1+1.png", "in/c.jpg")):
      trained.picture(self.root / "flat" / name, i % 3, rng)
    Image.new("L", (40, 30), 77).save(self.root / "flat" / "in" / "d.png")
    (self.root / "flat" / "readme.txt").write_text("no picture")

  def predict(self, source, **options):
    return commands.predict(
      str(self.run_.workdir),
      str(self.root / source),
      options.pop("output", self.output),
      **options,
    )

  def test_a_flat_folder(self):
    self.assertEqual(str(self.predict("flat")), self.output)
    header, rows = read(self.output)
    self.assertEqual(
      header,
      ["id", "label", "confidence", "p_=cow()", "p_cat", "p_ä dog"],
    )
    ids = ["'=1+1.png", "a.png", "b.png", "in/c.jpg", "in/d.png"]
    self.assertEqual([row[0] for row in rows], ids)
    files = [self.root / "flat" / name.strip("'") for name in ids]
    for file, (_, label, confidence, *said) in zip(files, rows):
      size = Image.open(file).size
      # The square in the middle, 8 pixels a side.
      side = min(size)
      left, top = (size[0] - side) / 2, (size[1] - side) / 2
      image = (
        Image.open(file)
        .convert("RGB")
        .resize(
          (8, 8), Image.BILINEAR, box=(left, top, left + side, top + side)
        )
      )
      p = self.model.predict_proba(np.asarray(image)[None])[0]
      np.testing.assert_allclose(np.float32(said), p, atol=2e-2)
      self.assertEqual(label.strip("'"), trained.CLASSES[p.argmax()])
      self.assertEqual(confidence, max(said, key=float))
      self.assertAlmostEqual(sum(map(float, said)), 1, places=5)

  def test_a_list_says_the_same_with_and_without_labels(self):
    self.predict("flat")
    by_name = {row[0].strip("'"): row[1:] for row in read(self.output)[1]}
    rows = ["in/c.jpg,first", "a.png,second", "a.png,second"]
    for header, more in (("path,id", ""), ("file_name,id,label", ",cow")):
      (self.root / "flat" / "list.csv").write_text(
        "\n".join([header, *(row + more for row in rows)])
      )
      self.predict("flat/list.csv")
      found = [[row[0], *row[1:]] for row in read(self.output)[1]]
      self.assertEqual(
        found,
        [
          ["first", *by_name["in/c.jpg"]],
          ["second", *by_name["a.png"]],
          ["second", *by_name["a.png"]],
        ],
      )

  def test_arrays_by_other_parameters_and_shares(self):
    image = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    np.savez(self.root / "a.npz", image=image, test_image=image)
    (self.root / "prior.csv").write_text(
      "class,count\ncat,30\n'=cow(),10\nä dog,10\n"
    )
    for prior, shares in (
      ("uniform", np.ones(3)),
      (str(self.root / "prior.csv"), np.array([1, 3, 1])),
      ("train", None),
    ):
      self.predict("a.npz", parameters="ema", prior=prior)
      model = Model.load(str(self.run_.workdir), "ema")
      p = model.predict_proba(image, prior=shares)
      rows = read(self.output)[1]
      self.assertEqual([row[0] for row in rows], list("01234"))
      found = np.array([row[3:] for row in rows], np.float32)
      np.testing.assert_allclose(found, p, atol=1e-6)

  def test_pictures_that_cannot_be_read(self):
    self.predict("flat")
    before = pathlib.Path(self.output).read_bytes()
    (self.root / "flat" / "in" / "z.png").write_bytes(b"no picture")
    with self.assertRaisesRegex(
      InputError, r"z\.png .* --on_error=skip leaves"
    ):
      self.predict("flat")
    with mock.patch("builtins.print") as said:
      self.predict("flat", on_error="skip")
    self.assertIn(
      "1 image left out, which cannot be read", str(said.mock_calls)
    )
    self.assertEqual(pathlib.Path(self.output).read_bytes(), before)
    self.assertCountEqual(os.listdir(self.root), ["flat", "said.csv"])

  def test_what_is_not_ours_stays(self):
    other = self.root / "mine.csv"
    other.write_text("id,label\na,b\n")
    with self.assertRaisesRegex(InputError, "mine.csv is there and no table"):
      self.predict("flat", output=str(other))
    self.assertEqual(other.read_text(), "id,label\na,b\n")
    for name in ("flat", "said.txt"):
      with self.assertRaisesRegex(InputError, "expected the name of a .csv"):
        self.predict("flat", output=str(self.root / name))

  def test_progress(self):
    with (
      mock.patch.object(predict, "_EVERY", 0.0),
      mock.patch.object(
        predict, "write_csv", lambda path, names, rows: [*rows]
      ),
      mock.patch("builtins.print") as said,
    ):
      image = np.zeros((300, 8, 8, 3), np.uint8)
      np.savez(self.root / "a.npz", image=image)
      self.predict("a.npz")
    lines = [str(call.args[0]) for call in said.mock_calls]
    self.assertRegex(
      "\n".join(lines),
      r"predicting 128/300  \d+ s\npredicting 256/300  [\d,]+ images/s  \d+ s"
      r"  \d+ s left\npredicting 300/300  [\d,]+ images/s  \d+ s",
    )

  @parameterized.named_parameters(
    ("nothing", "gone", None, "input=.*gone does not exist"),
    (
      "no_pictures",
      "flat/readme.txt",
      None,
      "expected a folder of images, a ta",
    ),
    ("no_path", "b.csv", "a,b\n1,2\n", "has no column path"),
    ("file_gone", "c.csv", "path\nx.png\n", "cannot read .*x.png"),
    ("size", "a.npz", (2, 9, 8, 3), "9 x 8 x 3 pixels.* trained on 8 x 8 x 3"),
    ("vectors", "v.npz", (2, 9), "has examples of 9 numbers; the network"),
  )
  def test_inputs_that_are_none(self, name, content, message):
    if isinstance(content, str):
      (self.root / name).write_text(content)
    elif content is not None:
      np.savez(self.root / name, image=np.zeros(content, np.uint8))
    with self.assertRaisesRegex(InputError, message):
      self.predict(name)
    self.assertFalse(os.path.exists(self.output))

  @parameterized.parameters(
    ("x.csv", None, "expected uniform, train or a table .* no file x.csv"),
    ("p.csv", "class,share\ncat,1\n", "=cow.. has 0 rows, ä dog has 0 rows"),
    ("p.csv", "class,share\ncow,1\n", "1 of 1 values of class are no class"),
    ("p.csv", "class,n\ncat,1\n", "0 of the columns share, count"),
    ("p.csv", "class,share\ncat,1\n'=cow(),-1\nä dog,1\n", "row 3: share '-1'"),
    ("p.csv", "class,share\ncat,0\n'=cow(),0\nä dog,0\n", "all classes are 0"),
  )
  def test_priors_that_are_none(self, name, content, message):
    if content:
      name = str(self.root / name)
      pathlib.Path(name).write_text(content)
    with self.assertRaisesRegex(InputError, message):
      self.predict("flat", prior=name)


if __name__ == "__main__":
  absltest.main()
