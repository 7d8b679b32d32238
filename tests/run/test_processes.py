"""Two real processes of two devices each do what one process does."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np
import pytest

from fsr_jax.errors import InputError
from fsr_jax.processes import cluster
from fsr_jax.run import commands
from fsr_jax.run.loop import Run
from tests import shrunk
from tests.data import own
from tests.run import several
from tests.run.test_features import tiny_weights

_ROOT = pathlib.Path(__file__).parents[2]


def free_port() -> int:
  with socket.socket() as it:
    it.bind(("localhost", 0))
    return it.getsockname()[1]


class _Several(parameterized.TestCase):
  """Runs some of tests.run.several in two processes, once for all tests."""

  names: tuple[str, ...] = ()

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.enterClassContext(shrunk.with_tiny_batch_norm())
    cls.root = pathlib.Path(
      cls.enterClassContext(tempfile.TemporaryDirectory())
    )
    own.tree(cls.root / "pictures", count=30)
    tiny_weights(cls.root / "weights.safetensors")
    address = f"localhost:{free_port()}"
    count = "device_count="
    flags = os.environ["XLA_FLAGS"]
    flags = flags.replace(f"{count}8", f"{count}{several.DEVICES}")
    started = [
      subprocess.Popen(
        [
          *(sys.executable, "-m", "tests.run.several"),
          *(address, str(i), str(cls.root), *cls.names),
        ],
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

  def assert_alike(self, found, expected):
    for key, value in expected.items():
      if key in ("processes", "device", "versions") or "second" in key:
        continue
      if isinstance(value, float):
        self.assertAlmostEqual(found[key], value, delta=1e-4, msg=key)
      else:
        self.assertEqual(found[key], value, key)

  def assert_same_as_one_process(self, name):
    """The pictures that each of the processes read, too."""
    config = several.pictures(self.root, name)
    config.num_devices = 1
    expected = commands.train(config, self.create_tempdir().full_path)
    first, second = (said[name] for said in self.said)
    self.assertEqual(first["summary"], second["summary"])
    self.assert_alike(first["summary"], expected)
    return first["read"], second["read"]


class ProcessesTest(_Several):
  names = ("digits", "read")

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

  def test_each_process_reads_its_share(self):
    first, second = self.assert_same_as_one_process("read")
    self.assertEqual(len(first), len(second))
    self.assertFalse((self.root / "process1" / "read").exists())


@pytest.mark.slow
class MoreProcessesTest(_Several):
  names = ("resident", "frozen")

  def test_each_process_decodes_its_share(self):
    first, second = self.assert_same_as_one_process("resident")
    self.assertEqual(len(first), len(second))
    self.assertEmpty(set(first) & set(second))

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
    self.assertEmpty(self.told(num_processes=1))
    self.assertEmpty(self.told())
    self.assertFalse(cluster.has_a_first())

  @parameterized.parameters((1, 2, True), (0, 2, False), (0, 1, False))
  def test_a_process_of_slurm(self, task, tasks, expected):
    with self.slurm(SLURM_PROCID=task, SLURM_NTASKS=tasks):
      self.assertEqual(cluster.has_a_first(), expected)
      if tasks == 1:
        self.assertEmpty(self.told())

  def test_a_cluster_that_cannot_be_asked(self):
    with self.slurm(SLURM_PROCID="x", SLURM_NTASKS="2"):
      self.assertRegex(self.told()[0], "note: .*cannot be asked .*'x'.* alone")
      self.assertEmpty(self.told(num_processes=1))
    with mock.patch.dict(os.environ, JOB_COMPLETION_INDEX="1"):
      self.assertRegex(self.told()[0], "kubernetes is not installed")

  def told(self, **given):
    lines = []
    cluster.connect(**given, tell=lines.append)
    return lines

  def slurm(self, **given):
    variables = {
      "SLURM_JOB_ID": 1,
      "SLURM_STEP_NODELIST": "a[1-2]",
      "SLURM_LOCALID": 0,
      **given,
    }
    texts = {name: str(value) for name, value in variables.items()}
    return mock.patch.dict(os.environ, texts)


if __name__ == "__main__":
  absltest.main()
