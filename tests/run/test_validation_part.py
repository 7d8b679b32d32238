"""Epochs validate on a part of its own; the test part waits for the end."""

import dataclasses
import json
import pathlib
from unittest import mock

from absl.testing import absltest
import numpy as np

from fsr_jax.data import sources
from fsr_jax.run import commands
from fsr_jax.train.programs import Programs
from tests import shrunk


class ValidationPartTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    data = shrunk.random_data(num_test=20)
    val = shrunk.random_data(num_test=12, seed=1).test
    self.data = dataclasses.replace(data, val=val)
    self.enter_context(
      mock.patch.dict(sources.SOURCES, random=lambda options: self.data)
    )
    self.parts, original = [], Programs.outcomes

    def outcomes(programs, state, size=1000, part="test"):
      self.parts.append(part)
      return original(programs, state, size, part)

    self.enter_context(mock.patch.object(Programs, "outcomes", outcomes))
    self.workdir = pathlib.Path(self.create_tempdir())

  def config(self, **fields):
    return shrunk.config(
      data__dataset="random",
      data__max_examples=0,
      method="plain",
      num_epochs=3,
      **fields,
    )

  def test_epochs_validate_and_the_end_tests(self):
    summary = commands.train(self.config(), str(self.workdir))
    self.assertEqual(self.parts, ["val", "val", "val", "test"])
    lines = [
      json.loads(line) for line in (self.workdir / "metrics.jsonl").open()
    ]
    for line in lines:
      self.assertIn("val_top1_ema", line)
    self.assertEqual(["test_top1" in x for x in lines], [False, False, True])
    self.assertEqual(summary["val_top1"], lines[-1]["val_top1"])
    self.assertEqual(summary["test_top1"], lines[-1]["test_top1"])
    # Counts of the test part alone.
    rows = (self.workdir / "confusion.csv").read_text().splitlines()[1:]
    counts = [list(map(int, row.split(",")[1:])) for row in rows]
    self.assertEqual(np.sum(counts), 20)
    self.assertEqual(np.trace(counts) / 20, summary["test_top1"])
    result = commands.evaluate(str(self.workdir))
    for key, value in result.items():
      self.assertAlmostEqual(value, summary[key], places=5)

  def test_as_ever_without_one(self):
    self.data = dataclasses.replace(self.data, val=None)
    summary = commands.train(
      self.config(eval_every_epochs=2), str(self.workdir)
    )
    self.assertEqual(self.parts, ["test", "test"])
    self.assertNotIn("val_top1", summary)


if __name__ == "__main__":
  absltest.main()
