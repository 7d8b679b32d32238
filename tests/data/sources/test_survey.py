"""The user's own data at a glance."""

import pathlib

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.survey import Survey, survey
from fsr_jax.errors import InputError
from tests.data.own import OwnDataTest, picture, tree


class SurveyTest(OwnDataTest):
  def survey(self, path, dataset=None, **fields):
    return survey(DataOptions(path=str(path), **fields), dataset)

  def test_pictures(self):
    # 12 pictures of 12 x 9 pixels, one of each class set aside.
    self.assertEqual(
      self.survey(tree(self.root)), Survey("folder", 10, 2, 9, False, 0)
    )

  @parameterized.parameters(
    ({"image": (40, 5, 7)}, Survey("arrays", 36, 2, 5, True, 0)),
    ({"vector": (40, 5)}, Survey("arrays", 36, 2, 0, True, 5)),
  )
  def test_arrays(self, shape, expected):
    (kind, shape), *_ = shape.items()
    image = np.zeros(shape, np.uint8 if kind == "image" else np.float32)
    np.savez(self.root / "x.npz", image=image, label=np.arange(40) % 2)
    (self.root / "x.npz").rename(self.root / "DATA.NPZ")
    self.assertEqual(self.survey(self.root / "DATA.NPZ"), expected)

  def test_all_options_reach_it(self):
    tree(self.root / "learn")
    tree(self.root / "check", count=2)
    with self.assertRaisesRegex(InputError, "are they parts of a set or its"):
      self.survey(self.root)
    fields = {"train_split": "learn", "test_split": "check"}
    self.assertEqual(self.survey(self.root, **fields).num_examples, 12)

  def test_damaged_pictures_are_named_by_the_run(self):
    tree(self.root)
    for i in range(3):
      (self.root / "dog" / f"{i}.png").write_bytes(b"x")
    self.assertEqual(self.survey(self.root).side, 9)
    for path in self.root.rglob("*.png"):
      path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with self.assertRaisesRegex(InputError, "none of 100 .*: cannot decode"):
      self.survey(self.root)

  @parameterized.parameters(
    (None, "where are the images.*--config.data.path=IMAGES"),
    ("nowhere", "data.path=.*nowhere does not exist"),
    ("a.png", "expected a folder of images, a table .*.csv.* or a .npz file"),
  )
  def test_nothing_there(self, name, message):
    picture(self.root / "a.png", 0)
    options = DataOptions(path=name and str(pathlib.Path(self.root, name)))
    with self.assertRaisesRegex(InputError, message):
      survey(options)


if __name__ == "__main__":
  absltest.main()
