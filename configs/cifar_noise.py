"""CIFAR with wrong labels: the paper's Tables 1, 2, 3.

    python main.py --workdir=runs/cifar \\
        --config=configs/cifar_noise.py:cifar10,uniform,0.4,resnet32

After the colon: cifar10 or cifar100; uniform or asymmetric (cifar10 only); the
noise ratio, 0-1; resnet32, wrn28_10 or another network. Left out: cifar10,
uniform, 0.4, resnet32. Get the data first with

    python -m fsr_jax.data.prepare --dataset=cifar10 --data_dir=DIR

and pass --config.data.data_dir=DIR.

Paper, uniform 0.4: CIFAR-10 93.7 % (ResNet-32 90.2 %), CIFAR-100 74.2 %
(65.9 %); ours: docs/results.md.
"""

from fsr_jax import config as config_lib
from fsr_jax.errors import check

_DEFAULTS = ("cifar10", "uniform", "0.4", "resnet32")


def get_config(arguments: str = ""):
  given = [part.strip() for part in arguments.split(",")] if arguments else []
  check(
      len(given) <= len(_DEFAULTS),
      f"configs/cifar_noise.py:{arguments} has {len(given)} parts; expected"
      " DATASET,NOISE,RATIO,NETWORK",
  )
  dataset, noise, ratio, network = given + list(_DEFAULTS[len(given):])
  c = config_lib.base()  # Table 4, first row.
  c.data.dataset = dataset
  c.data.noise = noise
  try:
    c.data.noise_ratio = float(ratio)
  except ValueError:
    check(False, f"noise ratio {ratio!r} is not a number")
  c.network = network
  # Milder weights than elsewhere: better at two lengths, with and without MixUp
  # and re-labelling (docs/results.md).
  c.weight_lr = 0.5
  return c
