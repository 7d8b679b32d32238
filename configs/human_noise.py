"""CIFAR with the labels of human annotators: CIFAR-10N, CIFAR-100N.

    python main.py --workdir=runs/human --config.data.data_dir=DIR \\
        --config=configs/human_noise.py:cifar10_n,worse_label,resnet32

After the colon: cifar10_n with worse_label (40 % wrong), aggre_label,
random_label1, random_label2 or random_label3, or cifar100_n with noise_label;
the network, resnet34_cifar for what is published. Left out: cifar10_n,
worse_label, resnet32.

DIR is TFDS's, prepared once where TensorFlow is, the annotators' files in
DIR/downloads/manual (which: tfds.builder_cls("cifar10_n")
.MANUAL_DOWNLOAD_INSTRUCTIONS):

    tfds build cifar10_n --file_format=array_record --data_dir=DIR

Or without TensorFlow: prepare cifar10 as for configs/cifar_noise.py, fetch
CIFAR-10_human.pt from github.com/UCSC-REAL/cifar-10-100n, whose rows are in the
order of CIFAR's files, bring it into another form where PyTorch is,

    import numpy as np, torch
    human = torch.load("CIFAR-10_human.pt", weights_only=False)
    np.savez("human.npz", label=human["worse_label"],
             id=[f"train_{i:05d}" for i in range(50_000)])

and add --config.data.dataset=cifar10 --config.data.label_key=label
--config.data.labels_file=human.npz (CIFAR-100_human.pt has noisy_label). Either
way the run opens with the share of wrong labels, 40 % of worse_label.

No table of the paper. Published for CIFAR-10N worse_label, ResNet-34: plain
77.7 % (best epoch), ELR 83.6 %, ELR+ 91.1 %, DivideMix 92.6 %. Ours: not yet
run.
"""

from fsr_jax import config as config_lib
from fsr_jax.data.sources.tfds import PREFIX


def get_config(arguments: str = ""):
  dataset, label_key, network = config_lib.arguments(
    arguments,
    dataset="cifar10_n",
    label_key="worse_label",
    network="resnet32",
  )
  c = config_lib.base()
  c.data.dataset = PREFIX + dataset
  c.data.label_key = label_key
  c.network = network
  c.weight_lr = 0.5  # As configs/cifar_noise.py.
  return c
