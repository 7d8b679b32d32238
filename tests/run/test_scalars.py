"""What is logged: names, groups, meanings, pictures; read back as written."""

import io
import json
import pathlib
from unittest import mock
import zlib

from absl.testing import absltest, parameterized
import numpy as np
from PIL import Image

from fsr_jax.data.dataset import Split
from fsr_jax.label_issues import LabelIssues
from fsr_jax.run import commands, pictures
from fsr_jax.run.watch import events
from fsr_jax.run.watch.scalars import SCALARS, in_metrics, table, tag
from tests import shrunk
from tests.run import workdirs

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def logged(workdir) -> dict[str, set[str]]:
  """Step -> names of the scalars in metrics.jsonl that have a value."""
  path = pathlib.Path(workdir) / "metrics.jsonl"
  lines = map(json.loads, path.read_text().splitlines())
  names = {x["step"]: {k for k in x if x[k] is not None} for x in lines}
  return {step: names[step] - {"step", "crc32"} for step in names}


class LoggedTest(parameterized.TestCase):
  def test_a_run(self):
    """TensorBoard has what metrics.jsonl has, in groups, and the speed."""
    workdir = self.create_tempdir().full_path
    c = shrunk.config(
      num_epochs=3, eval_every_epochs=2, checkpoint_every_epochs=2
    )
    commands.train(c, workdir)
    values = workdirs.event_values(workdir)
    found = {name for _, name in values}
    names = logged(workdir)
    for step, known in names.items():
      self.assertContainsSubset({tag(name) for name in known}, found)
      self.assertContainsSubset(
        {(step, tag(name)) for name in known}, values.keys()
      )
    lines = (pathlib.Path(workdir) / "metrics.jsonl").read_text().splitlines()
    every = set().union(*(json.loads(line) for line in lines))
    # Nothing is described that is never logged.
    missing = SCALARS.keys() - every
    self.assertEqual(
      {SCALARS[name].group for name in missing}, {"val", "speed"}
    )
    groups = {name.split("/")[0] for name in found}
    self.assertContainsSubset(
      {"train", "test", "weights", "dictionary", "speed", "labels"}, groups
    )
    # How fast it was is in the events alone.
    fast = {name for name in SCALARS if not in_metrics(name)}
    self.assertLen(fast, 3)
    self.assertEmpty(fast & set.union(*names.values()))
    self.assertEqual(
      [(step, "speed/evaluation_seconds") in values for step in names],
      [False, True, True],
    )
    for step in names:
      self.assertGreater(values[step, "speed/refresh_seconds"].simple_value, 0)
    self.assertGreater(values[36, "speed/examples_per_second"].simple_value, 0)
    about = values[12, "train/loss"].metadata.summary_description
    self.assertEqual(about, SCALARS["loss"].about)
    # Pictures at the first checkpoint, if it was soon enough, and the end.
    image = values[36, pictures.NAME].image
    opened = Image.open(io.BytesIO(image.encoded_image_string))
    self.assertEqual(opened.size, (image.width, image.height))
    self.assertGreater(np.asarray(opened).std(), 10)

  def test_a_scalar_without_a_description_is_not_written(self):
    folder = pathlib.Path(self.create_tempdir())
    scalars = events.Scalars(folder, folder / "metrics.jsonl", 0)
    with self.assertRaises(KeyError):
      scalars.write(1, {"unheard_of": 1.0})
    scalars.write(1, {"loss": float("nan"), "refresh_seconds": 2.0})
    scalars.close()
    text = (folder / "metrics.jsonl").read_text()
    known = '{"step": 1, "loss": null'
    crc = zlib.crc32(known.encode())
    self.assertEqual(text, f'{known}, "crc32": {crc}}}\n')
    self.assertEqual(
      workdirs.event_scalars(folder), {(1, "speed/refresh_seconds"): 2.0}
    )

  def test_every_bit_of_a_line_is_seen(self):
    folder = pathlib.Path(self.create_tempdir())
    path, found = folder / "metrics.jsonl", {"loss": 1 / 3, "train_top1": None}
    scalars = events.Scalars(folder, path, 0)
    scalars.write(7, found)
    scalars.close()
    self.assertEqual(
      events.logged(*events.lines_of(path)), {"step": 7, **found}
    )
    blob = path.read_bytes().removesuffix(b"\n")
    for bit in range(8 * len(blob)):
      flipped = bytearray(blob)
      flipped[bit // 8] ^= 1 << bit % 8
      path.write_bytes(flipped)
      self.assertEqual(
        set(map(events.logged, events.lines_of(path))), {None}, flipped
      )

  @parameterized.parameters(
    ('{"step": 7, "loss": 0.5}', {"step": 7, "loss": 0.5}),
    ('{"step": 7, "crc31": 0.5}', None),
    ('{"step": "7", "loss": 0.5}', None),
    ('{"step": 7, "loss": 0.5, "crc32": "x"}', None),
  )
  def test_a_line_without_a_digest(self, line, expected):
    """As earlier versions wrote it."""
    self.assertEqual(events.logged(line), expected)

  def test_the_page_has_the_table(self):
    """`python -m fsr_jax.run.watch.scalars` prints it."""
    self.assertIn(table(), (DOCS / "watching.md").read_text(encoding="utf-8"))


class PicturesTest(parameterized.TestCase):
  def found(self, count: int, wrong: int):
    """A table whose first `wrong` labels look wrong."""
    names = np.array(["a", "ä" * 40])
    return LabelIssues(
      {
        "index": np.arange(count)[::-1],
        "given_label": names[np.ones(count, int)],
        "predicted_label": names[np.zeros(count, int)],
        "label_score": np.linspace(0, 1, count),
        "is_label_issue": np.arange(count) < wrong,
      }
    )

  def split(self, image):
    return Split(image, np.zeros(len(image), np.int32))

  @parameterized.parameters(
    ((3, 8, 8, 1), 1), ((40, 30, 20, 3), 40), ((9, 300, 500, 3), 9)
  )
  def test_a_sheet(self, shape, wrong):
    image = np.zeros(shape, np.uint8)
    sheet = pictures.sheet(self.found(len(image), wrong), self.split(image))
    self.assertEqual(sheet.dtype, np.uint8)
    shown = min(wrong, 32)
    rows, columns = -(-shown // 8), min(shown, 8)
    self.assertEqual(sheet.shape, (4 + rows * 166, 4 + columns * 132, 3))
    # Each picture is black and in the middle of its square.
    for i in range(shown):
      row, column = divmod(i, 8)
      y, x = 4 + row * 166 + 64, 4 + column * 132 + 64
      self.assertEqual(sheet[y, x].tolist(), [0, 0, 0])
    # And nothing is beyond: text that is too long is cut.
    self.assertTrue((sheet[:, -4:] == 255).all())

  def test_there_is_none(self):
    image = np.zeros((4, 8, 8, 1), np.uint8)
    self.assertIsNone(pictures.sheet(self.found(4, 0), self.split(image)))
    self.assertIsNone(pictures.sheet(None, self.split(image)))
    vectors = self.split(np.zeros((4, 3), np.float32))
    self.assertIsNone(pictures.sheet(self.found(4, 2), vectors))

  def test_pictures_that_are_seldom_drawn(self):
    """Drawing takes a share of the time, not of the checkpoints."""
    from fsr_jax.run import epoch_end

    drawn = []
    with (
      mock.patch.object(epoch_end.time, "monotonic") as clock,
      mock.patch.object(epoch_end.pictures, "worst") as worst,
    ):
      clock.return_value = 0.0
      end = epoch_end.EpochEnd(mock.Mock(), mock.Mock(), None, None)

      def draw(*_):
        drawn.append(clock.return_value)
        clock.return_value += 2.0

      worst.side_effect = draw
      for clock.return_value in (10.0, 20.0, 111.0, 112.0, 150.0, 213.0):
        end.show_worst(mock.Mock(), 0, mock.Mock())
    self.assertEqual(drawn, [10.0, 112.0])


if __name__ == "__main__":
  absltest.main()
