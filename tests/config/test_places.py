"""Fields that name files and folders are kept as absolute paths."""

import os
import pathlib

from absl.testing import absltest, parameterized
from ml_collections import ConfigDict

from fsr_jax import config as config_lib
from fsr_jax.config import places
from fsr_jax.errors import InputError


class PlacesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    folder = self.create_tempdir().full_path
    before = os.getcwd()
    os.chdir(folder)
    self.addCleanup(os.chdir, before)
    self.folder = pathlib.Path(os.getcwd())

  def absolute(self, field, value):
    c = config_lib.base()
    c.update_from_flattened_dict({field: value})
    flat = config_lib.flatten(places.absolute(c).to_dict())
    before = config_lib.flatten(c.to_dict())
    self.assertEqual(
      {k: v for k, v in flat.items() if k != field},
      {k: v for k, v in before.items() if k != field},
    )
    return flat[field]

  def test_every_field_that_names_a_place(self):
    self.assertCountEqual(
      places.PLACES,
      (
        "pretrained",
        "feature_cache",
        "data.data_dir",
        "data.path",
        "data.test_from",
        "data.labels_file",
      ),
    )

  @parameterized.parameters(*places.PLACES)
  def test_relative_paths(self, field):
    expected = str(self.folder / "a b" / "c")
    for value in ("a b/c", "./a b/c/", expected):
      self.assertEqual(self.absolute(field, value), expected)

  def test_home(self):
    self.assertEqual(
      self.absolute("data.path", "~/a"), os.path.expanduser("~/a")
    )

  def test_links_stay_links(self):
    (self.folder / "real").mkdir()
    (self.folder / "link").symlink_to("real")
    self.assertEqual(
      self.absolute("data.path", "link/../a"), str(self.folder / "link/../a")
    )

  @parameterized.parameters(
    ("data.test_from", "tfds:cifar10"),
    ("data.data_dir", "gs://bucket/sets"),
    ("data.path", ""),
    ("data.path", None),
  )
  def test_what_is_no_path_stays(self, field, value):
    self.assertEqual(self.absolute(field, value), value)

  @parameterized.parameters({}, {"data": None}, {"data": {"path": 3}})
  def test_damaged_configs_are_for_others_to_refuse(self, **stored):
    self.assertEqual(places.absolute(ConfigDict(stored)).to_dict(), stored)

  def test_places_that_are_gone(self):
    here = {"path": str(self.folder), "test_from": "tfds:cifar10"}
    places.check_found({**here, "labels_file": None}, "W")
    with self.assertRaisesRegex(
      InputError, r"W holds .* data.path=images, a path from .*=PATH"
    ):
      places.check_found({"path": "images"}, "W")
    with self.assertRaisesRegex(
      InputError, r"data.labels_file=/no/file, where nothing is.*labels_file="
    ):
      places.check_found({**here, "labels_file": "/no/file"}, "W")


if __name__ == "__main__":
  absltest.main()
