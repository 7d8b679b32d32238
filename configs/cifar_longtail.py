"""Long-tailed CIFAR: the paper's Table 6.

    python main.py --workdir=runs/longtail \\
        --config=configs/cifar_longtail.py:cifar10,50

After the colon: cifar10 or cifar100; the imbalance ratio (largest over
smallest class). Weights are learned from the first epoch on; FSR-DF (deferred)
is --config.warmup_epochs=160. The paper's rule, --config.weight_rule=shift
--config.per_length=False, hardly moves the weights.
Data as for configs/cifar_noise.py.

Paper, CIFAR-10, ratio 50: softmax 74.81 %, FSR 79.17 %, FSR-DF 79.78 %. Ours:
not yet run.
"""

from fsr_jax import config as config_lib
from fsr_jax.errors import check


def get_config(arguments: str = "cifar10,50"):
  dataset, _, ratio = arguments.partition(",")
  c = config_lib.base()
  c.data.dataset = dataset
  try:
    c.data.imbalance_ratio = float(ratio)
  except ValueError:
    check(False, f"imbalance ratio {ratio!r} is not a number")
  # Table 4, third row, and section 5.2; batch size of the released code.
  c.num_epochs = 200
  c.batch_size = 128
  c.schedule = "step"
  c.label_smoothing = 0.1
  c.mixup = False
  c.pseudo_loss_weight = 0.0
  c.warmup_epochs = 0
  c.dictionary_size = 3000
  c.reward_batch_size = 800
  return c
