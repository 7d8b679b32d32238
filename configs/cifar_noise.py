"""CIFAR with wrong labels: the paper's Tables 1, 2, 3.

    python main.py --workdir=runs/cifar \\
        --config=configs/cifar_noise.py:cifar10,uniform,0.4,resnet32

After the colon: cifar10 or cifar100; uniform, asymmetric (Table 3; the paper
has it for cifar10 only), pair or instance noise; its ratio, 0-1; resnet32,
wrn28_10 or another network. Left out: cifar10, uniform, 0.4, resnet32. Get the
data first with

    python -m fsr_jax.data.prepare --dataset=cifar10 --data_dir=DIR

and pass --config.data.data_dir=DIR. Hardware of the paper: one V100.

Paper, WRN-28-10 (ResNet-32), noise ratio 0 / 0.2 / 0.4 / 0.8:
  CIFAR-10   uniform     96.8 (94.4) / 95.1 (91.8) / 93.7 (90.2) / 82.8 (74.2) %
  CIFAR-100  uniform     81.6 (71.3) / 78.7 (69.8) / 74.2 (65.9) / 46.7 (41.2) %
  CIFAR-10   asymmetric         0.2, 0.4: 95.0 (91.5) / 93.6 (90.2) %
Ours: smaller ones, docs/results.md; these not yet run.
"""

from fsr_jax import config as config_lib


def get_config(arguments: str = ""):
  dataset, noise, ratio, network = config_lib.arguments(
    arguments,
    dataset="cifar10",
    noise="uniform",
    noise_ratio=0.4,
    network="resnet32",
  )
  c = config_lib.base()  # Table 4, first row.
  c.data.dataset = dataset
  c.data.noise = noise
  c.data.noise_ratio = ratio
  c.network = network
  # Milder weights than elsewhere: better at two lengths, with and without MixUp
  # and re-labelling (docs/measured/cifar_small.md).
  c.weight_lr = 0.5
  return c
