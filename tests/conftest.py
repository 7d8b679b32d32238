"""Eight virtual CPU devices for the whole suite; set before JAX starts."""

import os
import sys
import tempfile

from absl import flags
import pytest

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
  os.environ.get("XLA_FLAGS", "")
  + " --xla_force_host_platform_device_count=8"
  # Compiling is most of the suite's time; fast code is not what it tests.
  + " --xla_backend_optimization_level=0"
  + " --xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"
)

# absltest's temporary directories read absl flags, which pytest never parses.
flags.FLAGS.mark_as_parsed()


# All that a session writes goes into one folder, which is removed at its end;
# programs compiled once serve every test of it and, where the variable names a
# folder that stays, of later sessions. Its subprocesses and, under
# pytest-xdist, its workers inherit the controller's environment.
if "PYTEST_XDIST_WORKER" not in os.environ:
  _FOLDER = tempfile.TemporaryDirectory(prefix="fsr_jax_tests_")
  os.environ["TMPDIR"] = tempfile.tempdir = _FOLDER.name
  os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", os.path.join(_FOLDER.name, "compiled")
  )
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "0"


@pytest.fixture(autouse=True)
def _not_stuck():
  """A save that failed in one test must not end the process in another."""
  yield
  stop = sys.modules.get("fsr_jax.run.stop")
  if stop is not None:
    stop._stuck.clear()
