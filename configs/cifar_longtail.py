"""Long-tailed CIFAR: the paper's Table 6.

    python main.py --workdir=runs/longtail \\
        --config=configs/cifar_longtail.py:cifar10,50,deferred

After the colon: cifar10 or cifar100; the imbalance ratio (largest over smallest
class); at_once (weights are learned from the first epoch on: the paper's FSR)
or deferred (from epoch 160 on: its FSR-DF); exponential (a long tail) or step
(half of the classes are rare; not in the paper). Left out: cifar10, 50,
at_once, exponential. The paper's rule, --config.weight_rule=shift
--config.per_length=False, hardly moves the weights.
Data and hardware as for configs/cifar_noise.py.

Paper, ratio 200 / 50 / 10:
  CIFAR-10   softmax 65.68 / 74.81 / 86.39 %, FSR 67.76 / 79.17 / 87.40 %,
             FSR-DF 66.15 / 79.78 / 88.15 %
  CIFAR-100  softmax 34.84 / 43.85 / 55.71 %, FSR 35.44 / 42.57 / 55.45 %,
             FSR-DF 36.74 / 44.43 / 55.60 %
Ours: smaller ones, docs/results.md; these not yet run.
"""

from fsr_jax import config as config_lib
from fsr_jax.errors import choose

# When weights are learned: E.
_WARMUP_EPOCHS = {"at_once": 0, "deferred": 160}


def get_config(arguments: str = ""):
  dataset, ratio, start, imbalance = config_lib.arguments(
    arguments,
    dataset="cifar10",
    imbalance_ratio=50.0,
    start="at_once",
    imbalance="exponential",
  )
  choose("start", start, _WARMUP_EPOCHS)
  c = config_lib.base()
  c.update(config_lib.TABLE_4["cifar_longtail"])
  c.data.dataset = dataset
  c.data.imbalance = imbalance
  c.data.imbalance_ratio = ratio
  c.warmup_epochs = _WARMUP_EPOCHS[start]
  c.batch_size = 128  # Released code.
  # Section 5.2.
  c.num_epochs = 200
  c.schedule = "step"
  c.label_smoothing = 0.1
  c.mixup = False
  c.pseudo_loss_weight = 0.0
  return c
