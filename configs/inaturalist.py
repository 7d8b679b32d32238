"""iNaturalist 2018, a natural long tail of 8,142 classes: section 5.2.

    python main.py --workdir=runs/inaturalist \\
        --config=configs/inaturalist.py --config.data.data_dir=DIR

437,513 images to train on, 24,426 to test (the validation split; the test split
has no labels). DIR is TFDS's, prepared once where TensorFlow is (120 GB):

    tfds build i_naturalist2018 --file_format=array_record --data_dir=DIR

The dictionary has fewer slots than there are classes: each epoch the next 2,000
classes have one sample each in it. Weights are learned from epoch 30 on, after
the first decay of the learning rate.

Paper, top-1 / top-5: FSR 65.52 / 85.02 %, CB focal 61.12 / 81.0 %, Remix 61.31
/ 82.30 %. Its network, hardware, learning rates and the epoch from which on
weights are learned are not in it: those below are the usual ones of ImageNet in
90 epochs. Ours: not yet run.
"""

from fsr_jax import config as config_lib


def get_config():
  c = config_lib.base()
  c.update(config_lib.TABLE_4["inaturalist"])
  c.data.dataset = "tfds:i_naturalist2018"
  c.data.image_size = 224
  c.data.crop_padding = 0
  c.data.min_crop_area = 0.08
  c.network = "resnet50_v2"
  # Goyal et al., 2017: 0.1 for 256 images a batch.
  c.num_epochs = 90
  c.schedule = "step"
  c.lr_warmup_epochs = 5
  c.lr_decay_epochs = (30, 60, 80)
  c.lr_decay_factors = (0.1, 0.01, 0.001)
  c.weight_decay = 1e-4
  c.warmup_epochs = 30
  # As on long-tailed CIFAR.
  c.label_smoothing = 0.1
  c.mixup = False
  c.pseudo_loss_weight = 0.0
  return c
