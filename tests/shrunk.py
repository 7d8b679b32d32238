"""Small configs and data that several tests share."""

from unittest import mock

from flax import linen as nn
import ml_collections
import numpy as np

from fsr_jax import config as config_lib
from fsr_jax import models
from fsr_jax.config import Options
from fsr_jax.data.dataset import Data, Split
from fsr_jax.models.resnet import batch_norm
from fsr_jax.run.steps import epoch_steps
from fsr_jax.train.parallel import Devices
from fsr_jax.train.programs import Programs


class TinyBatchNorm(nn.Module):
  """A convolution and a batch norm: what compiles fastest with both."""

  @nn.compact
  def __call__(self, image, train=False):
    x = nn.Conv(4, (3, 3))(image)
    return nn.tanh(batch_norm(train)()(x)).mean((1, 2))


def with_tiny_batch_norm():
  """Patches NETWORKS so that network="tiny" is TinyBatchNorm."""
  return mock.patch.dict(models.NETWORKS, tiny=lambda: (TinyBatchNorm(),))


def config(**fields) -> ml_collections.ConfigDict:
  """Base config on 200 noisy digits, one device, two short epochs.

  Args:
    **fields: overrides; "data__noise" stands for data.noise.
  """
  c = config_lib.base()
  c.update_from_flattened_dict(
    {
      "data.dataset": "digits",
      "data.max_examples": 200,
      "data.noise": "uniform",
      "data.noise_ratio": 0.4,
      "data.crop_padding": 1,
      "network": "mlp",
      "num_epochs": 2,
      "warmup_epochs": 1,
      "batch_size": 16,
      "dictionary_size": 40,
      "reward_batch_size": 16,
      "eval_batch_size": 400,
      "num_devices": 1,
      "log_every_seconds": 0.0,
      "report": False,
    }
  )
  c.update_from_flattened_dict(
    {name.replace("__", "."): value for name, value in fields.items()}
  )
  return c


def options(**fields) -> Options:
  """What `config` stands for: resolved and typed, not validated."""
  return config_lib.typed(config_lib.resolve(config(**fields)))


def random_data(
  num_examples=64, num_classes=4, shape=(4, 4, 1), num_test=20, seed=0
) -> Data:
  """Images of noise; labels cycle through the classes."""
  rng = np.random.default_rng(seed)

  def split(n):
    image = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    label = (np.arange(n) % num_classes).astype(np.int32)
    return Split(image, label, label)

  names = tuple(f"class {c}" for c in range(num_classes))
  return Data(split(num_examples), split(num_test), names)


def trained(options: Options, data: Data, devices: int = 1):
  """(Programs, state in place) after all epochs.

  Args:
    options: Options.
    data: Data.
    devices: how many.
  """
  run, optimization = options.run, options.train.optimization
  programs = Programs(options.train, data, Devices(devices), run.seed)
  state = programs.devices.put(programs.create_state())
  for epoch in range(optimization.num_epochs):
    state, _ = epoch_of(programs, state, epoch, run.seed, run.steps_per_call)
  return programs, state


def epoch_of(programs, state, epoch: int, seed: int = 0, steps_per_call=0):
  """(state, Metrics), in place, after one epoch and its end."""
  calls = epoch_steps(
    programs, state, epoch, seed, steps_per_call=steps_per_call
  )
  *_, (_, state, totals) = calls
  return programs.end_epoch(state, epoch), totals
