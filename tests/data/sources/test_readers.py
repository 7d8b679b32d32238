"""The table of fields that only some sources read is true, and is used."""

import dataclasses
import pathlib

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data import prepare
from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources import readers, source_of
from tests import shrunk
from tests.data import own, tiny_cifar, tiny_webvision

SOME = {
  "path": "x",
  "data_dir": "x",
  "label_key": "x",
  "train_split": "x",
  "test_split": "x",
  "test_share": 0.3,
}


class Recorder:
  """DataOptions that remember which of their fields were read."""

  def __init__(self, options):
    self._options, self.read = options, set()

  def __getattr__(self, name):
    self.read.add(name)
    return getattr(self._options, name)


def options_of(dataset, root) -> DataOptions:
  """Of tiny data in the source's own format, written below `root`."""
  given = {"dataset": dataset, "image_size": 8}
  if dataset == "folder":
    given["path"] = str(own.tree(root / "images"))
  elif dataset == "manifest":
    own.tree(root)
    rows = [
      f"dog/{i}.png,dog,train\nä cat/{i}.png,cat,train\n" for i in range(6)
    ]
    file = root / "list.csv"
    file.write_text("path,label,split\n" + "".join(rows), "utf-8")
    given["path"] = str(file)
  elif dataset == "arrays":
    image = np.zeros((8, 4, 4, 3), np.uint8)
    np.savez(root / "a.npz", image=image, label=np.arange(8) % 2)
    given["path"] = str(root / "a.npz")
  elif dataset == "webvision":
    tiny_webvision.write(root / "webvision", count=4)
    given["path"] = str(root / "webvision")
  elif dataset == "cifar10":
    digest = tiny_cifar.write("cifar10", root, per_file=20)
    prepare.prepare("cifar10", root / "tfds", f"file://{root}/", digest)
    given["data_dir"] = str(root / "tfds")
  return DataOptions(**given)


class ReadersTest(parameterized.TestCase):
  @parameterized.parameters(
    "digits", "cifar10", "folder", "manifest", "arrays", "webvision"
  )
  def test_the_table_is_what_the_sources_read(self, dataset):
    root = pathlib.Path(self.create_tempdir())
    recorder = Recorder(options_of(dataset, root))
    data = source_of(dataset)(recorder)
    kind, read = readers.kind_of(dataset), recorder.read
    for field, kinds in readers.READERS.items():
      if field == "test_share" and not data.test_set_aside:
        continue  # There is a test part.
      self.assertEqual(field in read, kind in kinds, field)

  def test_fields_that_a_source_does_not_use_are_named(self):
    data = shrunk.random_data()
    lines = readers.unused(DataOptions(dataset="digits", **SOME), data)
    self.assertLen(lines, len(SOME))
    self.assertIn(
      "data.path=x is not used: data.dataset=digits does not read it; folder,"
      " manifest, arrays, webvision do",
      lines,
    )
    self.assertEmpty(readers.unused(DataOptions(dataset="digits"), data))
    # Where others are tested, their fields count.
    tested = DataOptions(dataset="digits", test_from="tfds:x", data_dir="y")
    self.assertEmpty(readers.unused(tested, data))

  def test_what_follows_from_the_data(self):
    data = shrunk.random_data()
    given = {"on_error": "skip", "image_size": 8, "test_share": 0.3}
    options = DataOptions(dataset="arrays", **given)
    self.assertEqual(
      readers.unused(options, data),
      [
        "data.test_share=0.3 is not used: the data have a test part of their"
        " own",
        "data.on_error=skip is not used: arrays has no image files to be read",
        "data.image_size=8 is not used: the images of arrays keep their size",
      ],
    )
    aside = dataclasses.replace(data, test_set_aside=True)
    crops = dataclasses.replace(options, min_crop_area=0.5, on_error="raise")
    self.assertEmpty(readers.unused(crops, aside))


if __name__ == "__main__":
  absltest.main()
