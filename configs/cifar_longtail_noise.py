"""Long-tailed CIFAR with wrong labels: the paper's Table 7.

    python main.py --workdir=runs/longtail_noise \\
        --config=configs/cifar_longtail_noise.py:cifar10,50,0.4

After the colon: cifar10 or cifar100 (not in the paper); the imbalance ratio, 1
= none; the ratio of uniform noise, 0-1. Left out: cifar10, 50, 0.4. The noise
comes after the imbalance. --config.data.noise and --config.data.imbalance know
more kinds; --config.warmup_epochs=20 learns weights earlier. Data and hardware
as for configs/cifar_noise.py.

Paper, CIFAR-10, imbalance ratio 1 / 10 / 50 / 200:
  noise 0.2  CRUST 90.2 / 65.7 / 41.5 / 34.3 %, FSR 91.8 / 85.7 / 77.4 / 65.5 %
  noise 0.4  CRUST 89.2 / 59.5 / 32.4 / 28.8 %, FSR 90.2 / 81.6 / 69.8 / 49.5 %
Ours: smaller ones, docs/results.md; these not yet run.
"""

from fsr_jax import config as config_lib


def get_config(arguments: str = ""):
  dataset, imbalance_ratio, noise_ratio = config_lib.arguments(
    arguments, dataset="cifar10", imbalance_ratio=50.0, noise_ratio=0.4
  )
  c = config_lib.base()  # ResNet-32, as Table 7's first column has in Table 1.
  c.update(config_lib.TABLE_4["cifar_longtail_noise"])
  c.data.dataset = dataset
  c.data.imbalance_ratio = imbalance_ratio
  c.data.noise = "uniform"
  c.data.noise_ratio = noise_ratio
  # Released code.
  c.num_epochs = 200
  c.schedule = "step"
  c.warmup_epochs = 160
  return c
