"""Two real processes of two devices each do what one process does."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.processes import cluster
from fsr_jax.run import commands
from fsr_jax.run.loop import Run
from tests import shrunk
from tests.data import own
from tests.run import several

_ROOT = pathlib.Path(__file__).parents[2]


def free_port() -> int:
  with socket.socket() as it:
    it.bind(("localhost", 0))
    return it.getsockname()[1]


class ProcessesTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.enterClassContext(shrunk.with_tiny_batch_norm())
    cls.root = pathlib.Path(
      cls.enterClassContext(tempfile.TemporaryDirectory())
    )
    own.tree(cls.root / "pictures", count=30)
    address = f"localhost:{free_port()}"
    count = "device_count="
    flags = os.environ["XLA_FLAGS"]
    flags = flags.replace(f"{count}8", f"{count}{several.DEVICES}")
    started = [
      subprocess.Popen(
        [sys.executable, "-m", "tests.run.several", address, str(i), cls.root],
        cwd=_ROOT,
        env={**os.environ, "XLA_FLAGS": flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
      )
      for i in range(several.PROCESSES)
    ]
    for process in started:
      cls.addClassCleanup(process.kill)
    cls.output = [process.communicate(timeout=600)[0] for process in started]
    statuses = [process.returncode for process in started]
    assert statuses == [0, 0], (statuses, cls.output)
    cls.said = [
      json.loads((cls.root / f"process{i}" / "said.json").read_text())
      for i in range(several.PROCESSES)
    ]

  def test_what_one_knows_all_know(self):
    for who, said in enumerate(self.said):
      found = said["agreements"]
      self.assertEqual(said["devices"], 4)
      self.assertEqual(found["count"], 2)
      bits = several.BITS.view(np.int32).tolist()
      self.assertEqual(found["bits"], bits)
      self.assertEqual(found["b"], [[7, 7, 7], [7, 7, 7]])
      self.assertEqual(found["first"], [0, None, "ä"])
      self.assertEqual(found["each"], [0, 1])
      self.assertEqual(found["rows"], [[0, 1.5], [1, 1.5]])
      self.assertEqual(found["share"], [[0, 1, 2], [3, 4, 5]][who])
      self.assertEqual(found["error"], "of process 0")
      self.assertEqual(
        found["alike"],
        "x of process 1 are not those of process 0: b is 1 there and 0 in"
        " process 0",
      )

  def test_one_process_goes_on_from_two(self):
    """The state is that of one process; so is what follows from it."""
    config = several.digits()
    config.num_devices = 1
    alone = self.create_tempdir().full_path
    expected = commands.train(config, alone)
    found = commands.train(config, str(self.root / "digits"))
    self.assert_alike(found, expected)
    tables = [
      np.load(pathlib.Path(folder) / "pred_probs.npy")
      for folder in (alone, self.root / "digits")
    ]
    np.testing.assert_allclose(*tables, atol=1e-4)

  @parameterized.parameters("read", "resident")
  def test_each_process_reads_its_share(self, name):
    config = several.pictures(self.root, {"read": 0.0, "resident": 1.0}[name])
    config.num_devices = 1
    config.num_epochs = 3
    expected = commands.train(config, self.create_tempdir().full_path, True, 3)
    first, second = (said[name] for said in self.said)
    self.assertEqual(first["summary"], second["summary"])
    if expected is not None:
      self.assert_alike(first["summary"], expected)
    self.assertEqual(len(first["read"]), len(second["read"]))
    if name == "resident":
      self.assertEmpty(set(first["read"]) & set(second["read"]))

  def test_features_of_all_pictures_are_everywhere(self):
    config = several.frozen(self.root)
    config.num_devices = 1
    run = Run(config, self.create_tempdir().full_path)
    for said in self.said:
      np.testing.assert_allclose(
        said["frozen"]["features"], run.data.train.image, rtol=1e-5
      )
    first, second = (said["frozen"]["read"] for said in self.said)
    self.assertNotEqual(set(first), set(second))
    self.assert_alike(self.said[0]["frozen"]["summary"], run.train())

  def test_the_first_process_alone_writes_and_speaks(self):
    for name in ("read", "resident", "frozen"):
      self.assertTrue((self.root / "process0" / name / "summary.json").exists())
      self.assertFalse((self.root / "process1" / name).exists())

  def assert_alike(self, found, expected):
    for key, value in expected.items():
      if key in ("processes", "device", "versions") or "second" in key:
        continue
      if isinstance(value, float):
        self.assertAlmostEqual(found[key], value, delta=1e-4, msg=key)
      else:
        self.assertEqual(found[key], value, key)


class ConnectTest(parameterized.TestCase):
  @parameterized.parameters(
    (("localhost:1", None, None), "--num_processes and --process_id missing"),
    ((None, 2, 0), "--coordinator_address missing"),
    (("localhost", 2, 0), "coordinator_address=localhost; expected HOST:PORT"),
    (("localhost:x", 2, 0), "expected HOST:PORT"),
    (("localhost:99999", 2, 0), "expected HOST:PORT"),
    (("localhost:1", 2, 2), "process_id=2 of num_processes=2"),
    (("localhost:1", 0, 0), "of num_processes=0"),
  )
  def test_refused(self, given, message):
    with self.assertRaisesRegex(InputError, message):
      cluster.connect(*given)

  def test_one_process_joins_nothing(self):
    self.assertIsNone(cluster.connect(num_processes=1))
    self.assertIsNone(cluster.connect())


if __name__ == "__main__":
  absltest.main()
