"""Eight virtual CPU devices for the whole suite; set before JAX starts."""

import os

from absl import flags

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=8"
)

# absltest's temporary directories read absl flags, which pytest never parses.
flags.FLAGS.mark_as_parsed()
